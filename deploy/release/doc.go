// Command release builds what people download: for each platform a static binary in an
// archive with its licences and an SBOM, packages for Debian's and Red Hat's systems, an
// image of several architectures, and the checksums of all of them. The same commit gives
// the same bytes.
//
//	cd deploy/release && go run . --version v0.1.0 --out ../../dist
//
// A release is made of a clean commit with that tag; anything else needs --snapshot.
package main

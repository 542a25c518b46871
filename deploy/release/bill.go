package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill returns the CycloneDX bill of materials of a binary: the modules that Go's linker
// put into it, with the sums of go.sum and their licences.
func (r release) bill(b binary, licences notices) ([]byte, error) {
	ids := map[string][]string{}
	for _, n := range licences {
		ids[n.name+"@"+n.version] = n.ids
	}
	sum := sha256.Sum256(b.text)
	root := "pkg:golang/" + b.info.Main.Path + "@" + r.version
	main := &cdx.Component{
		BOMRef: root, Type: cdx.ComponentTypeApplication, Name: "serin", Version: r.version, PackageURL: root,
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Properties: &[]cdx.Property{
			{Name: "cdx:gomod:build:env:GOOS", Value: b.os}, {Name: "cdx:gomod:build:env:GOARCH", Value: b.arch},
		},
	}
	std := "pkg:golang/std@" + b.info.GoVersion[len("go"):]
	parts := []cdx.Component{{
		BOMRef: std, Type: cdx.ComponentTypeLibrary, Name: "std", Version: b.info.GoVersion, PackageURL: std,
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "BSD-3-Clause"}}},
	}}
	refs := []string{std}
	for _, m := range b.info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		url := "pkg:golang/" + m.Path + "@" + m.Version
		var known cdx.Licenses
		for _, id := range ids[m.Path+"@"+m.Version] {
			known = append(known, cdx.LicenseChoice{License: &cdx.License{ID: id}})
		}
		c := cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url,
			Properties: &[]cdx.Property{{Name: "go.sum", Value: m.Sum}}}
		if len(known) > 0 {
			c.Licenses = &known
		}
		parts = append(parts, c)
		refs = append(refs, url)
	}
	doc := cdx.NewBOM()
	// Not a random number, so that the same binary has the same bill.
	doc.SerialNumber = uuid(sum)
	doc.Metadata = &cdx.Metadata{Timestamp: r.at.Format(time.RFC3339), Component: main}
	doc.Components = &parts
	doc.Dependencies = &[]cdx.Dependency{{Ref: root, Dependencies: &refs}}
	var out bytes.Buffer
	err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(doc)
	return out.Bytes(), err
}

// uuid makes a UUID (version 8: of one's own making) of a digest.
func uuid(sum [32]byte) string {
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

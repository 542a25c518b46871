package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// image writes an OCI image of every architecture of Linux: the command, the authorities
// that browsers trust, a user who is not root, and nothing else. It is a tar that skopeo,
// podman and crane take.
func (r release) image(built []binary, notices []byte) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	any := false
	for _, b := range built {
		if b.os != "linux" {
			continue
		}
		img, err := r.architecture(b, notices)
		if err != nil {
			return err
		}
		any = true
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: b.os, Architecture: b.arch},
		}})
	}
	if !any {
		return nil
	}
	dir, err := os.MkdirTemp("", "serin-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// One reference of the layout, which is the index of all architectures.
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})); err != nil {
		return err
	}
	var files []entry
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p) // #nosec G122 -- a folder of our own
		name := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(p, dir)), "/")
		files = append(files, entry{name, 0o644, text})
		return err
	})
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := tarred(tar.NewWriter(&out), files, r.at); err != nil {
		return err
	}
	return r.file("serin_"+strings.TrimPrefix(r.version, "v")+"_oci.tar", out.Bytes())
}

// architecture returns the image for one.
func (r release) architecture(b binary, notices []byte) (v1.Image, error) {
	licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	base, err := layer([]entry{
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/\nserin:x:65532:65532:serin:/:/\n")},
		{"etc/group", 0o644, []byte("root:x:0:\nserin:x:65532:\n")},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, authorities()},
		{"tmp/", 0o1777, nil},
	}, r)
	if err != nil {
		return nil, err
	}
	own, err := layer([]entry{
		{"usr/share/doc/serin/LICENSE", 0o644, licence},
		{"usr/share/doc/serin/THIRD_PARTY.txt", 0o644, notices},
		{"serin", 0o755, b.text},
	}, r)
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.AppendLayers(img, base, own); err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, r.config(img, b))
}

// config says how the image runs.
func (r release) config(img v1.Image, b binary) *v1.ConfigFile {
	c, err := img.ConfigFile()
	if err != nil { // of an image in memory
		c = &v1.ConfigFile{}
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Created = b.os, b.arch, v1.Time{Time: r.at}
	c.Config = v1.Config{
		User: "65532:65532", Entrypoint: []string{"/serin"}, Cmd: []string{"--help"}, WorkingDir: "/",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}}, StopSignal: "SIGTERM",
		Env: []string{"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		Labels: map[string]string{
			"org.opencontainers.image.title": "serin", "org.opencontainers.image.version": r.version,
			"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": "https://github.com/serin-canary/serin",
		},
	}
	return c
}

func layer(files []entry, r release) (v1.Layer, error) {
	var raw bytes.Buffer
	if err := tarred(tar.NewWriter(&raw), files, r.at); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// authorities returns the certificates of Mozilla's programme, as Go's own bundle has
// them, without those that carry conditions.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // to memory
		}
	}
	return out.Bytes()
}

package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestArchivesAsThePageSays types what docs/install.md says of archives, against a
// release of this machine's.
func TestArchivesAsThePageSays(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the page shows it for Linux")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1795000000")
	dist := released(t, "linux/"+runtime.GOARCH)
	server := httptest.NewServer(http.StripPrefix("/v1.2.3/", http.FileServer(http.Dir(dist))))
	defer server.Close()
	var script []string
	for _, fence := range strings.Split(string(read(t, "../../docs/install.md")), "```sh\n")[1:] {
		body, _, _ := strings.Cut(fence, "```")
		if strings.Contains(body, "sha256sum") {
			script = append(script, body)
		}
	}
	if len(script) != 2 {
		t.Fatalf("got %d fences about sums, want how to download and how to look inside", len(script))
	}
	text := strings.NewReplacer("https://github.com/serin-canary/serin/releases/download", server.URL,
		"0.1.0", "1.2.3", "amd64", runtime.GOARCH).Replace(strings.Join(script, "\n"))
	dir := t.TempDir()
	// The bill is not downloaded by the page's commands; it is beside the archive.
	if err := os.CopyFS(dir, os.DirFS(dist)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"checksums.txt", "serin_1.2.3_linux_" + runtime.GOARCH + ".tar.gz"} {
		if err := os.Remove(dir + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("bash", "-ec", text)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(read(t, dir, "serin")))
	for _, want := range []string{"tar.gz: OK", "small true", sum + "  serin", `"content": "` + sum, "github.com/google/go-cmp\tv0.7.0"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
}

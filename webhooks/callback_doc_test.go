package webhooks

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The receiver that docs/callbacks.md shows accepts what is sent, and nothing else.
func TestTheDocumentedReceiverVerifies(t *testing.T) {
	text, err := os.ReadFile("../docs/callbacks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(text), "```go\n")
	code, _, closed := strings.Cut(code, "```")
	if !found || !closed || strings.Count(code, `":8090"`) != 1 {
		t.Fatal("docs/callbacks.md has no receiver that listens on :8090")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": strings.Replace(code, `":8090"`, `"`+address+`"`, 1),
		"go.mod":  "module receiver\n\ngo 1.25\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "receiver", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	receiver := exec.CommandContext(t.Context(), filepath.Join(dir, "receiver"))
	receiver.Env = append(os.Environ(), "SERIN_CALLBACK_SECRET="+oldSecret)
	if err := receiver.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = receiver.Process.Kill()
		_ = receiver.Wait() // it is killed
	}()
	for end := time.Now().Add(10 * time.Second); ; {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
	send := func(change func(*CallbackConfig)) error {
		cb := someCallbacks(t, func(c *CallbackConfig) {
			c.Hosts = []string{"127.0.0.1:*"}
			if change != nil {
				change(c)
			}
		})
		return cb.Send(t.Context(), callbackJob(t, cb, ended("http://"+address+"/serin")))
	}
	if err := send(nil); err != nil {
		t.Errorf("got %v, want it accepted during a rotation", err)
	}
	if err := send(func(c *CallbackConfig) { c.Secrets = []string{newSecret} }); err == nil || !strings.Contains(err.Error(), http.StatusText(http.StatusUnauthorized)) {
		t.Errorf("another secret: got %v, want it refused", err)
	}
	if err := send(func(c *CallbackConfig) { c.Now = start }); err == nil {
		t.Error("an old callback was accepted")
	}
}

//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// secrets are what a cluster would hold: name, key, content.
type secrets map[string]map[string]string

// machine is a folder that a container would see as its root: the command, what the
// pod mounts, and nothing else.
type machine struct {
	root string
	pod  podSpec
}

// build builds the command as the image has it, once.
var build = sync.OnceValues(func() (string, error) {
	file := filepath.Join(workshop(), "serin")
	c := exec.Command("go", "build", "-o", file, "./cmd/serin")
	c.Dir = "../.."
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, nil
})

// workshop is the folder of what is built for this run.
func workshop() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("serin-deploy-%d", os.Getpid()))
}

// TestMain takes away what was built.
func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(workshop())
	os.Exit(code)
}

// newMachine mounts what a pod mounts.
func newMachine(t *testing.T, all []object, p podSpec, s secrets) *machine {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{root: t.TempDir(), pod: p}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, "serin", string(text), 0o755)
	// Every name of the cluster is this machine.
	m.write(t, "etc/hosts", "127.0.0.1 localhost serin\n", 0o644)
	for _, mount := range p.Containers[0].VolumeMounts {
		at := slices.IndexFunc(p.Volumes, func(v volume) bool { return v.Name == mount.Name })
		switch {
		case at >= 0 && p.Volumes[at].ConfigMap != nil:
			m.project(t, mount.MountPath, configMap(t, all, p.Volumes[at].ConfigMap.Name))
		case at >= 0 && p.Volumes[at].Secret != nil:
			m.project(t, mount.MountPath, s.files(t, p.Volumes[at]))
		default: // a claim, or an empty folder: what the pod may write
			m.mkdir(t, mount.MountPath)
			if err := os.Chmod(filepath.Join(m.root, mount.MountPath), 0o777); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.open(t)
	return m
}

// open lets the pod's user read everything.
func (m *machine) open(t *testing.T) {
	t.Helper()
	for dir := m.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(m.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(p, info.Mode().Perm()|0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// project writes files the way a kubelet does: behind links, so that all change at once.
func (m *machine) project(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	const version = "..2026_11_23_12_00_00.0123456789"
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m.write(t, filepath.Join(dir, version, name), files[name], 0o644)
	}
	m.link(t, version, filepath.Join(dir, "..data"))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m.link(t, filepath.Join("..data", name), filepath.Join(dir, name))
	}
}

func (m *machine) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	m.mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(m.root, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, filepath.Join(m.root, name)); err != nil {
		t.Fatal(err)
	}
}

// command is the command as the container runs it: in that root, with no environment,
// as the pod's user.
func (m *machine) command(ctx context.Context, args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.CommandContext(ctx, "/serin", args...)
	said := new(bytes.Buffer)
	c.Dir, c.Env, c.Stdout, c.Stderr = "/", []string{}, said, said
	user := m.pod.SecurityContext.RunAsUser
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root}
	if os.Getuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	} else { // a name space of one's own lends the right to change the root
		c.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getgid(), Size: 1}}
	}
	return c, said
}

// check has the command check the configuration that the container starts with.
func (m *machine) check(t *testing.T) string {
	t.Helper()
	args := m.pod.Containers[0].Args
	c, said := m.command(t.Context(), append([]string{"config", "check"}, args[1:]...)...)
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return said.String()
}

func configMap(t *testing.T, all []object, name string) map[string]string {
	t.Helper()
	for _, o := range all {
		if o.Kind == "ConfigMap" && o.Metadata.Name == name {
			return o.Data
		}
	}
	t.Fatalf("there is no ConfigMap %s", name)
	return nil
}

// files returns what a volume of a Secret has in it.
func (s secrets) files(t *testing.T, v volume) map[string]string {
	t.Helper()
	have, ok := s[v.Secret.SecretName]
	if !ok {
		t.Fatalf("volume %s: there is no Secret %s", v.Name, v.Secret.SecretName)
	}
	if len(v.Secret.Items) == 0 {
		return have
	}
	out := map[string]string{}
	for _, i := range v.Secret.Items {
		text, ok := have[i.Key]
		if !ok {
			t.Fatalf("volume %s: the Secret %s has no key %s", v.Name, v.Secret.SecretName, i.Key)
		}
		out[i.Path] = text
	}
	return out
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// lines brings text to one line.
func lines(text string) string { return strings.Join(strings.Fields(text), " ") }

func itoa(n int) string { return strconv.Itoa(n) }

package root

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/packagebuild"
)

// format changes when roots are made in another way, so that no older ones are used.
const format = "2"

// suiteLayer makes a Debian suite with what every build of the target has. Targets
// with the same suite and packages share it.
func (m *Manager) suiteLayer(t packagebuild.Target) recipe {
	return recipe{
		name:  t.Root.Suite + "-" + short(baseKey(m.mirror(), t.Root)...),
		title: "root " + t.Root.Suite,
		make: func(ctx context.Context, tree string, log io.Writer) ([]LockedPackage, error) {
			return m.bootstrap(ctx, t.Root, tree, log)
		},
	}
}

func (m *Manager) mirror() string {
	if m.Mirror == "" {
		return DefaultMirror
	}
	return strings.TrimSuffix(m.Mirror, "/")
}

func baseKey(mirror string, r packagebuild.Root) []string {
	return append([]string{format, mirror, r.Suite}, sorted(r.Packages)...)
}

func (m *Manager) bootstrap(ctx context.Context, r packagebuild.Root, tree string, log io.Writer) ([]LockedPackage, error) {
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return nil, fmt.Errorf("mmdebstrap is not installed; run: apt-get install --no-install-recommends mmdebstrap")
	}
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the child
	defer runtime.UnlockOSThread()
	tail := &tail{}
	err := exec.Run(ctx, exec.Cmd{
		Args:   bootstrapArgs(m.mirror(), r, tree),
		Env:    toolEnv(),
		Stdout: io.MultiWriter(log, tail),
		Stderr: io.MultiWriter(log, tail),
		Attr:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return nil, fmt.Errorf("mmdebstrap of %s: %w:\n%s", r.Suite, err, tail)
	}
	if err := furnish(tree); err != nil {
		return nil, fmt.Errorf("finish %s: %w", r.Suite, err)
	}
	return m.lockDebian(ctx, []string{tree}, nil)
}

// bootstrapArgs is the command that makes a suite's root at tree. unshare gives it
// a process namespace, so that all of it ends when slipway does. Indexes are kept,
// packed, as dependencies and locks are read from them; documentation is not.
func bootstrapArgs(mirror string, r packagebuild.Root, tree string) []string {
	args := []string{
		"unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
		"mmdebstrap", "--mode=root", "--variant=buildd", "--format=directory",
		"--skip=cleanup/apt/lists",
		`--aptopt=Acquire::Languages "none"`,
		`--aptopt=Acquire::GzipIndexes "true"`,
		`--aptopt=Acquire::Retries "3"`,
		`--aptopt=APT::Install-Recommends "false"`,
	}
	for _, dir := range []string{"doc", "info", "locale", "man"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	if len(r.Packages) > 0 {
		args = append(args, "--include="+strings.Join(sorted(r.Packages), ","))
	}
	args = append(args, r.Suite, tree)
	return append(args, sources(mirror, r.Suite)...)
}

// sources are the suite's archives: with its security updates, if it is one that gets them.
func sources(mirror, suite string) []string {
	lines := []string{"deb " + mirror + "/debian " + suite + " main"}
	if slices.Contains([]string{"sid", "unstable", "testing", "experimental"}, suite) {
		return lines
	}
	return append(lines,
		"deb "+mirror+"/debian "+suite+"-updates main",
		"deb "+mirror+"/debian-security "+suite+"-security main")
}

// toolEnv is the environment of tools that make roots: nothing of the caller's
// but the way to the network.
func toolEnv() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NOWARNINGS=yes",
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// furnish puts into a root what a machine has and mmdebstrap does not make, and
// takes out what tells of this machine.
func furnish(tree string) error {
	files := []struct {
		path, text string
		mode       os.FileMode
	}{
		{"etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", 0o644},
		{"etc/hostname", "localhost\n", 0o644},
		{"etc/resolv.conf", "", 0o644},
		{"usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101 # nothing is started in a root\n", 0o755},
	}
	for _, f := range files {
		path := filepath.Join(tree, f.path)
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // may be a link out of the tree
			return err
		}
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// tail keeps the last lines of what a tool says.
type tail struct{ text []byte }

const tailSize = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }

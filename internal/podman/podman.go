// Package podman runs podman: to build, load and look up images, and to run pods.
//
// podman's storage is the one place where images lie on a machine, so that people
// and tests see what Slipway sees. What is only looked up is read from the
// storage's own index, because a start of podman takes a hundred times as long.
package podman

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// Install is the command that installs podman on Debian, for errors.
const Install = "apt-get install --no-install-recommends podman runc catatonit netavark aardvark-dns iptables"

// Podman is podman on this machine. The zero value is not useful; see New.
type Podman struct {
	cache string // folder for what is kept between runs
	conf  string // containers.conf, unless the caller's environment names one
}

// New finds podman. cache is a folder for the configuration file that podman is
// given; a CONTAINERS_CONF in the environment is used instead of it.
func New(cache string) (*Podman, error) {
	if _, err := exec.LookPath("podman"); err != nil {
		return nil, fmt.Errorf("podman is not installed; run: %s", Install)
	}
	if os.Getenv("CONTAINERS_CONF") != "" {
		return &Podman{cache: cache}, nil
	}
	conf := filepath.Join(cache, "podman", "containers.conf")
	return &Podman{cache: cache, conf: conf}, writeConfiguration(conf)
}

// writeConfiguration writes a containers.conf that works in a login session, in a
// container and in a machine without systemd alike: events and logs go to files,
// and no limit is raised that the caller may not raise.
func writeConfiguration(path string) error {
	var text strings.Builder
	text.WriteString("[containers]\nlog_driver=\"k8s-file\"\n")
	fmt.Fprintf(&text, "default_ulimits=[%q, %q]\n", "nofile=20000:20000", "nproc=8192:8192")
	text.WriteString("[engine]\nevents_logger=\"file\"\n")
	if _, err := exec.LookPath("runc"); err == nil {
		text.WriteString("runtime=\"runc\"\n") // crun refuses hybrid cgroup hierarchies
	}
	if have, err := os.ReadFile(path); err == nil && string(have) == text.String() {
		return nil
	}
	return writeAside(path, text.String())
}

// writeAside writes a file so that nobody ever reads half of it.
func writeAside(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("configure podman: %w", err)
	}
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(aside, []byte(text), 0o644); err != nil {
		return fmt.Errorf("configure podman: %w", err)
	}
	return os.Rename(aside, path)
}

// Run runs podman with args. What it says goes to out, and the end of it into the
// error if nobody takes it.
func (p *Podman) Run(ctx context.Context, out io.Writer, args ...string) error {
	return exec.Run(ctx, p.command(out, args))
}

// Output runs podman and returns its standard output.
func (p *Podman) Output(ctx context.Context, args ...string) ([]byte, error) {
	return exec.Output(ctx, p.command(nil, args))
}

func (p *Podman) command(out io.Writer, args []string) exec.Cmd {
	return exec.Cmd{Args: append([]string{"podman"}, args...), Env: p.Environment(), Stdout: out, Stderr: out}
}

// Environment is the environment that podman is to be started with.
func (p *Podman) Environment() []string {
	env := os.Environ()
	if p.conf != "" {
		env = append(env, "CONTAINERS_CONF="+p.conf)
	}
	return env
}

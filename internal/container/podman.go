package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
)

// Podman runs containers by podman, with systemd inside, from a storage that is in the
// memory of the cage. It needs root.
type Podman struct{}

// Name is the runtime's.
func (Podman) Name() string { return "podman" }

// Starter starts such a container.
func (Podman) Starter(c Config) guest.Starter { return podmanStarter{c} }

// podmanText gives podman a /run, a configuration and a storage of its own. No limit is
// raised that the caller may not raise, and nothing is logged to a journal. $1 is the
// runtime's line of the configuration; then podman and its arguments.
const podmanText = `mount -t tmpfs -o mode=0755 slipway /run
mkdir /run/slipway
printf '[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=8192:8192"]\n[engine]\nevents_logger="file"\n%s\n' "$1" >/run/slipway/containers.conf
shift
exec "$@"`

const podmanConf = "CONTAINERS_CONF=/run/slipway/containers.conf"

// podmanArgs call podman on the cage's storage.
func podmanArgs(args ...string) []string {
	return append([]string{"podman", "--root=/run/slipway/storage", "--runroot=/run/slipway/state", "--tmpdir=/run/slipway/tmp"}, args...)
}

// podmanRun starts the container; the folder :O is written to aside.
func podmanRun(c Config, name string) []string {
	args := podmanArgs("run", "--name="+name, "--rootfs", "--systemd=always", "--tty", "--log-driver=none", "--cgroup-parent=/"+name)
	network := "--network=none"
	if c.Network {
		network = "--network=host"
	}
	args = append(args, network)
	for _, b := range c.Binds {
		args = append(args, "--volume="+b.Source+":"+b.Target+":ro")
	}
	return append(args, c.Root.Tree+":O", c.Root.Init)
}

// Try asks podman for its version in a cage of the kind that a container gets.
func (Podman) Try(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("podman"); err != nil {
		return "", errors.New("podman is not installed; run: apt-get install --no-install-recommends podman runc catatonit")
	}
	if os.Geteuid() != 0 {
		return "", errors.New("podman with systemd inside needs root here")
	}
	out := &tail{to: io.Discard}
	trial, err := podmanCage(newName(), out, podmanArgs("info", "--format={{.Host.OCIRuntime.Name}}"))
	if err != nil {
		return "", err
	}
	cage, err := trial.start(ctx)
	if err != nil {
		return "", err
	}
	select {
	case <-cage.ended:
		err = cage.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err = errors.Join(err, cage.close()); err != nil {
		return "", fmt.Errorf("podman does not run here: %w: %s", err, out.text())
	}
	return "podman with " + out.text(), nil
}

func podmanCage(name string, output io.Writer, args []string) (caged, error) {
	own, err := ownGroups()
	if err != nil {
		return caged{}, err
	}
	line := ""
	if _, err := exec.LookPath("runc"); err == nil {
		line = `runtime="runc"` // crun refuses hybrid control groups
	}
	return caged{
		what: "podman", args: append([]string{"sh", "-euc", podmanText, "podman", line}, args...), env: append(os.Environ(), podmanConf),
		output: output, clear: everywhere(own, name),
	}, nil
}

type podmanStarter struct{ config Config }

func (s podmanStarter) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	if err := s.config.check(); err != nil {
		return nil, err
	}
	m := &podman{config: s.config, name: newName(), said: &tail{to: console}}
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s by podman: %w", s.config.Root.Name, err), m.Close())
	}
	return m, nil
}

func (m *podman) start(ctx context.Context) error {
	c, err := podmanCage(m.name, m.said, podmanRun(m.config, m.name))
	if err != nil {
		return err
	}
	if m.cage, err = c.start(ctx); err != nil {
		return err
	}
	return boot{config: m.config, ended: m.cage.ended, why: m.why, run: m.Run, starts: m.starts}.wait(ctx)
}

type podman struct {
	config Config
	name   string
	cage   *cage
	said   *tail
}

// starts is 1: podman starts a container once.
func (m *podman) starts() int { return 1 }

// Exit codes by which podman says that it itself failed.
const podmanFailed = 125

func (m *podman) why() error {
	switch code := exec.ExitCode(m.cage.err); {
	case m.cage.err == nil:
		return &guest.BootError{Reason: "powered itself off"}
	case code < 0 || code == podmanFailed:
		return fmt.Errorf("%w: %s", m.cage.err, m.said.text())
	default:
		return &guest.BootError{Reason: fmt.Sprintf("ended: %s exited with %d", m.config.Root.Init, code)}
	}
}

func (m *podman) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	first := descendants(m.cage.pid)
	if len(first) == 0 {
		return guest.Output{}, errNoLeader
	}
	args := []string{"nsenter", fmt.Sprintf("--target=%d", first[0]), "--mount", "--pid", "--"}
	args = append(append(args, podmanArgs("exec", "--interactive", "--user=0", m.name)...), c.Args...)
	out, err := output(ctx, exec.Cmd{Args: args, Env: append(os.Environ(), podmanConf)}, c)
	if err != nil {
		return out, err
	}
	said := string(out.Stderr)
	switch {
	case out.Code == 127 && strings.HasPrefix(said, "Error: ") && strings.Contains(said, "executable file not found"):
		return out, fmt.Errorf("%w: %s", guest.ErrNoProgram, c.Args[0])
	case out.Code == podmanFailed && strings.HasPrefix(said, "Error: "):
		return out, fmt.Errorf("run %s in the container: %s", c.Args[0], strings.TrimSpace(said))
	}
	return out, nil
}

func (m *podman) Dial(ctx context.Context, port int) (net.Conn, error) {
	return dialBelow(ctx, m.cage.pid, port)
}

// dialBelow connects to a port of the container that runs below a process.
func dialBelow(ctx context.Context, below, port int) (net.Conn, error) {
	pid, err := leader(below, 0)
	if err != nil {
		return nil, err
	}
	in, err := openInside(pid)
	if err != nil {
		return nil, err
	}
	conn, err := in.dial(ctx, port)
	return conn, errors.Join(err, in.close())
}

// Reboot is nothing that podman's containers do: they end.
func (m *podman) Reboot(context.Context) error { return guest.ErrUnsupported }

func (m *podman) Screenshot(context.Context, string) error { return guest.ErrUnsupported }

func (m *podman) Command() []string {
	network := "--network=none"
	if m.config.Network {
		network = "--network=host"
	}
	return []string{"podman", "run", "--rm", "--rootfs", "--systemd=always", "--tty", network, m.config.Root.Tree + ":O", m.config.Root.Init}
}

func (m *podman) Close() error {
	if m.cage == nil {
		return nil
	}
	return m.cage.close()
}

package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
)

// LXD runs containers by LXD, as the guests of ChromeOS do: by the machine's own daemon
// if it answers, and else by one that is started for this container alone, in its cage.
type LXD struct{}

// Name is the runtime's.
func (LXD) Name() string { return "lxd" }

// Starter starts such a container.
func (LXD) Starter(c Config) guest.Starter { return lxdStarter{c} }

// Try asks the machine's daemon, and starts one of its own if there is none.
func (LXD) Try(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("lxc"); err != nil {
		return "", errors.New("lxc is not installed; run: apt-get install --no-install-recommends lxd lxd-client")
	}
	if answers(ctx) {
		return "this machine's LXD", nil
	}
	if _, err := exec.LookPath("lxd"); err != nil {
		return "", errors.New("no LXD answers here, and lxd is not installed; run: apt-get install --no-install-recommends lxd")
	}
	if os.Geteuid() != 0 {
		return "", errors.New("an LXD of one's own needs root")
	}
	d, err := startDaemon(ctx, Config{}, newName())
	if err != nil {
		return "", err
	}
	version, err := d.output(ctx, "version")
	if err = errors.Join(err, d.cage.close()); err != nil {
		return "", err
	}
	_, server, _ := strings.Cut(strings.TrimSpace(string(version)), "Server version: ")
	return "an LXD of its own, " + server, nil
}

// answers says whether this machine has an LXD that lets us in and has somewhere to put
// containers.
func answers(ctx context.Context) bool {
	pools, err := (&daemon{}).output(ctx, "storage", "list", "--format=csv")
	return err == nil && len(strings.TrimSpace(string(pools))) > 0
}

// daemon is an LXD to talk to. The zero value is this machine's.
type daemon struct {
	cage   *cage
	folder string // of one's own
}

// lxdText gives the daemon a /run of its own, in which it leaves nothing behind.
const lxdText = `mkdir -p -m 0711 "$LXD_DIR" "$LXD_CONF"
mount -t tmpfs -o mode=0755 slipway /run
exec "$@"`

// daemonCage is a cage with a daemon for one container.
func daemonCage(c Config, folder, name string, output io.Writer) (caged, error) {
	own, err := ownGroups()
	if err != nil {
		return caged{}, err
	}
	args := []string{"sh", "-euc", lxdText, "lxd", "lxd", "--logfile", filepath.Join(folder, "lxd.log")}
	if !c.Network {
		args = append([]string{"unshare", "--net", "--"}, args...) // the daemon itself looks for images on the network
	}
	return caged{
		what: "lxd", args: args, env: append(os.Environ(), daemonEnv(folder)...), output: output, folder: folder,
		clear: everywhere(own, "lxc.payload."+name, "lxc.monitor."+name),
		undo:  "rmdir " + strings.Join(everywhere(own, "lxc.pivot"), " "), // another LXD's is in use, and stays
	}, nil
}

func daemonEnv(folder string) []string {
	return []string{"LXD_DIR=" + filepath.Join(folder, "lxd"), "LXD_CONF=" + filepath.Join(folder, "client"), "LXD_SOCKET="}
}

// startDaemon starts a daemon of one's own, and returns when it answers.
func startDaemon(ctx context.Context, c Config, name string) (*daemon, error) {
	folder := c.folder(name)
	said := &tail{to: io.Discard}
	caged, err := daemonCage(c, folder, name, said)
	if err != nil {
		return nil, err
	}
	cage, err := caged.start(ctx)
	if err != nil {
		return nil, err
	}
	d := &daemon{cage: cage, folder: folder}
	ready, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-cage.ended:
			cancel(fmt.Errorf("lxd ended: %s", said.text()))
		case <-ready.Done():
		}
	}()
	wait := exec.Cmd{Args: []string{"lxd", "waitready", "--timeout=60"}, Env: append(os.Environ(), daemonEnv(folder)...)}
	if err := exec.Run(ready, wait); err != nil {
		return nil, errors.Join(fmt.Errorf("start an LXD: %w", err), cage.close())
	}
	return d, nil
}

func (d *daemon) own() bool { return d.folder != "" }

// command is lxc on this daemon.
func (d *daemon) command(args ...string) exec.Cmd {
	cmd := exec.Cmd{Args: append([]string{"lxc"}, args...)}
	if d.own() {
		cmd.Env = append(os.Environ(), daemonEnv(d.folder)...)
	}
	return cmd
}

func (d *daemon) output(ctx context.Context, args ...string) ([]byte, error) {
	return exec.Output(ctx, d.command(args...))
}

// lxdSteps make a container of an image's files.
func lxdSteps(c Config, name string, files []string, own bool) [][]string {
	var steps [][]string
	create := []string{"init", name, name, "--quiet"}
	if own {
		steps = append(steps, []string{"storage", "create", "slipway", "dir"})
		// Its own daemon has no user ids to map to in most pods, and the cage is ours alone.
		create = append(create, "--storage=slipway", "--no-profiles", "--config=security.privileged=true")
	}
	steps = append(steps, append(append([]string{"image", "import"}, files...), "--alias="+name))
	if own && c.Network {
		create = append(create, "--config=raw.lxc=lxc.net.0.type=none")
	}
	steps = append(steps, create)
	for i, b := range c.Binds {
		steps = append(steps, []string{
			"config", "device", "add", name, fmt.Sprintf("bind%d", i), "disk", "source=" + b.Source, "path=" + b.Target, "readonly=true",
		})
	}
	return steps
}

// lxdUndo removes a container and its image from this machine's daemon.
func lxdUndo(name string) string {
	return "lxc delete --force " + name + "; lxc image delete " + name
}

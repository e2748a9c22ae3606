package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
)

type lxdStarter struct{ config Config }

func (s lxdStarter) Start(ctx context.Context, console io.Writer) (guest.Machine, error) {
	if err := s.config.check(); err != nil {
		return nil, err
	}
	m := &lxdMachine{config: s.config, name: newName(), console: console}
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s by LXD: %w", s.config.Root.Name, err), m.Close())
	}
	return m, nil
}

// lxdMachine is a container of LXD.
type lxdMachine struct {
	config  Config
	name    string
	daemon  *daemon
	guard   *cage // of a container in this machine's daemon
	console io.Writer
	stop    func() // stops following the console

	once sync.Once
	left error
}

func (m *lxdMachine) start(ctx context.Context) (err error) {
	if answers(ctx) {
		m.daemon = &daemon{}
		m.guard, err = caged{what: "guard", args: []string{"sleep", "infinity"}, folder: m.folder(), undo: lxdUndo(m.name)}.start(ctx)
	} else {
		m.daemon, err = startDaemon(ctx, m.config, m.name)
	}
	if err != nil {
		return err
	}
	files, err := m.imageFiles(ctx)
	if err != nil {
		return err
	}
	for _, step := range lxdSteps(m.config, m.name, files, m.daemon.own()) {
		if _, err := m.daemon.output(ctx, step...); err != nil {
			return err
		}
	}
	if err := m.sameImage(ctx); err != nil {
		return err
	}
	if _, err := m.daemon.output(ctx, "start", m.name); err != nil {
		return err
	}
	m.follow()
	return m.boot().wait(ctx)
}

func (m *lxdMachine) boot() boot {
	return boot{config: m.config, ended: make(chan struct{}), run: m.Run, starts: func() int { return 1 }}
}

func (m *lxdMachine) folder() string { return m.config.folder(m.name) }

// imageFiles are the files of an image as LXD takes it: those that it was opened from, or
// one that is made of the tree.
func (m *lxdMachine) imageFiles(ctx context.Context) ([]string, error) {
	if len(m.config.Root.LXD) > 0 {
		return m.config.Root.LXD, nil
	}
	text := fmt.Sprintf("architecture: x86_64\ncreation_date: %d\n", time.Now().Unix())
	if err := os.WriteFile(filepath.Join(m.folder(), "metadata.yaml"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	file := filepath.Join(m.folder(), "image.tar")
	return []string{file}, exec.Run(ctx, exec.Cmd{Args: []string{
		"tar", "--create", "--file=" + file, "--directory=" + m.folder(), "metadata.yaml", "--directory=" + m.config.Root.Tree,
		"--numeric-owner", "--xattrs", `--transform=flags=rh;s,^\.,rootfs,`, ".",
	}})
}

// sameImage says whether LXD has imported what the root's digest names, if that is of an
// image of LXD's.
func (m *lxdMachine) sameImage(ctx context.Context) error {
	if len(m.config.Root.LXD) == 0 {
		return nil
	}
	out, err := m.daemon.output(ctx, "config", "get", m.name, "volatile.base_image")
	if has := "sha256:" + strings.TrimSpace(string(out)); err == nil && has != m.config.Root.Digest {
		return fmt.Errorf("%s is %s now, and was %s; nothing may write to it meanwhile", m.config.Root.Name, has, m.config.Root.Digest)
	}
	return err
}

// follow copies what the container prints, until Close. LXD keeps it in a buffer, which
// is asked for now and then, and a last time at the end.
func (m *lxdMachine) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		seen := ""
		for {
			seen = m.copyConsole(seen)
			select {
			case <-ctx.Done():
				m.copyConsole(seen)
				return
			case <-time.After(time.Second):
			}
		}
	}()
	m.stop = func() { cancel(); <-done }
}

func (m *lxdMachine) copyConsole(seen string) string {
	ctx, cancel := context.WithTimeout(context.Background(), asking)
	defer cancel()
	out, err := m.daemon.output(ctx, "console", m.name, "--show-log")
	if err != nil {
		return seen // it is not there yet, or no more
	}
	text := strings.TrimPrefix(string(out), "\nConsole log:\n\n")
	fresh, ok := strings.CutPrefix(text, seen)
	if !ok {
		fresh = text // the buffer went round
	}
	if _, err := io.WriteString(m.console, fresh); err != nil {
		return seen
	}
	return text
}

func (m *lxdMachine) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	args := []string{"exec", m.name, "-T", "--env", "LANG=C.UTF-8"}
	if c.Stdin == nil {
		args = append(args, "-n")
	}
	out, err := output(ctx, m.daemon.command(append(append(args, "--"), c.Args...)...), c)
	switch said := string(out.Stderr); {
	case err != nil:
		return out, err
	case out.Code == 127 && strings.HasPrefix(said, "Error: Command not found") && !m.has(ctx, c.Args[0]):
		return out, fmt.Errorf("%w: %s", guest.ErrNoProgram, c.Args[0])
	case out.Code == 1 && strings.HasPrefix(said, "Error: "):
		return out, fmt.Errorf("run %s in the container: %s", c.Args[0], strings.TrimSpace(said))
	}
	return out, nil
}

// has says whether the container has a program. lxc says "not found" of each that exits with 127.
func (m *lxdMachine) has(ctx context.Context, program string) bool {
	return exec.Run(ctx, m.daemon.command("exec", m.name, "-T", "-n", "--", "sh", "-c", `command -v -- "$1"`, "sh", program)) == nil
}

func (m *lxdMachine) Dial(ctx context.Context, port int) (net.Conn, error) {
	if m.daemon.own() {
		return dialBelow(ctx, m.daemon.cage.pid, port)
	}
	text, err := m.daemon.output(ctx, "list", m.name, "--format=csv", "--columns=p")
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, errNoLeader
	}
	in, err := openInside(pid)
	if err != nil {
		return nil, err
	}
	conn, err := in.dial(ctx, port)
	return conn, errors.Join(err, in.close())
}

// began says when the container's first process began, which another one did not.
func (m *lxdMachine) began(ctx context.Context) (string, error) {
	out, err := m.Run(ctx, guest.Command{Args: []string{"cat", "/proc/1/stat"}})
	_, fields, ok := strings.Cut(string(out.Stdout), ") ")
	if list := strings.Fields(fields); err == nil && ok && len(list) > 19 {
		return list[19], nil
	}
	return "", errors.Join(errNoLeader, err)
}

// Reboot lets the container reboot; LXD starts it again.
func (m *lxdMachine) Reboot(ctx context.Context) error {
	before, err := m.began(ctx)
	if err != nil {
		return err
	}
	if err := askReboot(ctx, m.Run); err != nil {
		return err
	}
	boot := m.boot()
	ctx, cancel := boot.limit(ctx)
	defer cancel()
	for {
		if now, err := m.began(ctx); err == nil && now != before {
			return boot.again(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the container's reboot: %w", context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (m *lxdMachine) Screenshot(context.Context, string) error { return guest.ErrUnsupported }

// Command starts such a container in the machine's LXD.
func (m *lxdMachine) Command() []string {
	if files := m.config.Root.LXD; len(files) > 0 {
		return []string{"sh", "-c", "lxc image import " + strings.Join(files, " ") + " --alias=slipway && lxc launch slipway"}
	}
	return nspawnCommand(m.config)
}

func (m *lxdMachine) Close() error {
	m.once.Do(func() {
		if m.stop != nil {
			m.stop()
		}
		if m.guard != nil {
			m.left = m.guard.close()
		}
		if m.daemon != nil && m.daemon.own() {
			m.left = errors.Join(m.left, m.daemon.cage.close())
		}
	})
	return m.left
}

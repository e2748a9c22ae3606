// Package sandbox runs a program in namespaces of its own, over an overlay of folders.
//
// The invariant: what runs inside sees its layers, its binds and the environment
// that it was given, and nothing else of this machine: no other process, file,
// descriptor, keyring or (unless asked for) network. It never changes a lower
// layer, and it ends, with every mount, when Run returns or its caller dies.
//
// Run starts this very program again in fresh namespaces; that child prepares the
// root, and stays as the init process inside, reaping what is left over. Linux 5.12
// or newer is needed, and root.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
)

// Profile says how much the program inside may do.
type Profile int

const (
	// Build is for code that nobody has looked at: it may own files as anybody
	// and change its user, and can gain nothing by executing another program.
	Build Profile = iota
	// Install is for a package manager and the scripts of packages, which also
	// change roots and give files capabilities.
	Install
)

// Config is a program and the world that it sees. Lower, Work and Args are needed.
type Config struct {
	Lower    []string // read-only layers, topmost first; "/" is this machine's root without what is mounted below it
	Upper    string   // folder that receives the changes; empty throws them away
	Work     string   // folder for scratch; on the file system of Upper, if there is one
	Binds    []Bind   // folders and files of this machine to show inside
	Masks    []string // folders to show empty (writable, thrown away) and files to show as /dev/null; missing ones are skipped
	Network  bool     // share this machine's network, resolv.conf and hosts
	Hostname string   // empty is localhost
	Profile  Profile

	Dir    string    // working folder inside; empty is /
	Args   []string  // program, looked up in Env's PATH inside, and its arguments
	Env    []string  // whole environment as KEY=VALUE
	Stdin  io.Reader `json:"-"`
	Stdout io.Writer `json:"-"`
	Stderr io.Writer `json:"-"` // if nil, its end is part of the error
}

// Bind shows Source of this machine as Target inside; Target is made if missing.
// Binds and masks are made from the top down: a bind below a mask shows through,
// and a mask below a bind hides a part of it.
type Bind struct {
	Source   string
	Target   string
	ReadOnly bool
}

var (
	// ErrNeedRoot is a caller that is not root.
	ErrNeedRoot = errors.New("clean roots need root (or --root host)")
	// ErrUnavailable is a machine, such as an unprivileged pod, that refuses
	// namespaces or mounts. A caller may do without a sandbox then.
	ErrUnavailable = errors.New("this machine refuses namespaces (a pod needs securityContext.privileged, or use --root host)")
)

// orders is what the child is told.
type orders struct {
	Config
	Scratch string // a fresh folder below Work
}

// failure is what the child says when the program did not even start.
type failure struct {
	Message string
	Refused bool // the kernel did not permit something
	Absent  bool // there is no such program
}

// Run runs the program until it ends or ctx does; by then nothing inside runs
// any more. Errors are those of exec.Run: exec.ExitCode tells the exit code, which is
// 128 + N for a program that signal N ended. ErrNeedRoot and ErrUnavailable tell
// that there was no sandbox to run it in.
func Run(ctx context.Context, c Config) (err error) {
	if os.Geteuid() != 0 {
		return ErrNeedRoot
	}
	if len(c.Lower) == 0 || len(c.Args) == 0 {
		return fmt.Errorf("run in sandbox: Lower and Args must not be empty")
	}
	scratch, err := os.MkdirTemp(c.Work, "sandbox-")
	if err != nil {
		return fmt.Errorf("make scratch folder for %s: %w", c.Args[0], err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	said, err := converse(ctx, orders{Config: c, Scratch: scratch})
	return explain(c, said, err)
}

// converse starts the child, hands it its orders, and returns what it said in reply.
//
// The pipe that carries the orders stays open as long as the caller lives: the
// child reads its end as the caller's death. Pdeathsig alone would leave a gap
// before the child sets it, and also fires when only a thread ends: hence the lock.
func converse(ctx context.Context, o orders) (failure, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		return failure{}, err
	}
	defer ordersR.Close()
	defer ordersW.Close()
	reportR, reportW, err := os.Pipe()
	if err != nil {
		return failure{}, err
	}
	defer reportR.Close()
	go func() { _ = json.NewEncoder(ordersW).Encode(o) }() // ends at the latest when ordersW is closed
	err = exec.Run(ctx, child(o.Config, ordersR, reportW))
	reportW.Close()
	var said failure
	if jsonErr := json.NewDecoder(reportR).Decode(&said); jsonErr != nil && jsonErr != io.EOF {
		err = errors.Join(err, fmt.Errorf("read the sandbox's report: %w", jsonErr))
	}
	return said, err
}

// child is this program once more, in namespaces of its own.
func child(c Config, files ...*os.File) exec.Cmd {
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if !c.Network {
		flags |= unix.CLONE_NEWNET
	}
	return exec.Cmd{
		Path:  "/proc/self/exe",
		Args:  []string{childName},
		Env:   []string{}, // the host's environment stays out even of the child
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
		Files: files,
		Attr:  &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL},
	}
}

// explain turns what the child and the kernel said into an error about the program.
func explain(c Config, said failure, err error) error {
	var failed *exec.Error
	if !errors.As(err, &failed) {
		return err
	}
	failed.Args = c.Args
	if said.Message != "" {
		failed.Err = errors.New(said.Message)
	}
	if said.Absent {
		failed.Err = fmt.Errorf("%w: %s", exec.ErrNotFound, said.Message)
	}
	// No space where the child itself starts is a limit of no namespaces; said by the
	// child it is a full disk, which a build without a sandbox would not cure.
	if said.Refused || refused(err) || errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("run %s: %w: %w", c.Args[0], ErrUnavailable, failed.Err)
	}
	return failed
}

// refused says whether the kernel does not let us have namespaces or mounts: no
// permission, or none compiled in.
func refused(err error) bool {
	for _, errno := range []error{unix.EPERM, unix.EACCES, unix.ENOSYS} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

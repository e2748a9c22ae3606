package scratch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/filelock"
)

// guard waits until nobody holds the other end of descriptor 3, and removes a folder.
// It is no child of ours any more by then, and hears no signal that is meant for us.
// What dies with us may make a file while it removes, hence the second try.
const guard = `(trap '' HUP INT TERM; read -r _ <&3; rm -rf -- "$1" || rm -rf -- "$1") </dev/null >/dev/null 2>&1 &`

// parting is how long the guard may take to remove a folder when it is told.
const parting = time.Minute

// MakeGuarded makes a folder that goes even if this process is killed, at once and not
// only when the next one sweeps: another process waits for that. It is there before
// the folder is, so there is no moment at which a kill leaves anything.
func (p Place) MakeGuarded(ctx context.Context) (folder string, remove func(), err error) {
	if err := os.MkdirAll(p.Parent, 0o755); err != nil {
		return "", nil, fmt.Errorf("make a folder for scratch: %w", err)
	}
	p.sweep()
	folder = filepath.Join(p.Parent, p.Prefix+rand.Text())
	release, err := startGuard(ctx, folder)
	if err != nil {
		return "", nil, err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		release()
		return "", nil, fmt.Errorf("make a scratch folder: %w", err)
	}
	lock, err := filelock.Try(folder)
	if err != nil {
		release()
		return "", nil, fmt.Errorf("lock the scratch folder: %w", err)
	}
	return folder, func() { release(); _ = os.RemoveAll(folder); _ = lock.Close() }, nil
}

// startGuard returns when the guard of a folder, which is not there yet, is at its post.
// release lets it remove the folder, and waits until it has.
func startGuard(ctx context.Context, folder string) (release func(), err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("guard a scratch folder: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "guard"), os.NewFile(uintptr(pair[1]), "guard")
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err == nil {
		err = exec.Run(ctx, exec.Cmd{Args: []string{"sh", "-c", guard, "slipway-guard", folder}, Dir: "/", Files: []*os.File{theirs}})
	}
	_ = theirs.Close()
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, fmt.Errorf("guard a scratch folder: %w", err)
	}
	return func() {
		unixConn, ok := conn.(*net.UnixConn)
		if ok && errors.Join(unixConn.CloseWrite(), conn.SetReadDeadline(time.Now().Add(parting))) == nil {
			_, _ = conn.Read(make([]byte, 1)) // ends when the guard has
		}
		_ = conn.Close()
	}, nil
}

package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the lock of one image and tag, so that of two processes that want it at
// once the second finds it made. It tells now and then whom it waits for.
func (b *Builder) lock(ctx context.Context, t target) (unlock func(), err error) {
	name := strings.ReplaceAll(t.image.Name, "/", "_") + "-" + t.arch + "-" + t.tag[:16]
	path := filepath.Join(b.Cache, "locks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock image %s: %w", t.image.Name, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock image %s: %w", t.image.Name, err)
	}
	if err := b.await(ctx, f, t.image.Name); err != nil {
		f.Close()
		return nil, err
	}
	_ = f.Truncate(0) // the pid is only for people who wait
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d", os.Getpid()), 0)
	return func() { f.Close() }, nil
}

func (b *Builder) await(ctx context.Context, f *os.File, image string) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	told := time.Now().Add(-tellEvery + time.Second)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock image %s: %w", image, err)
		}
		if time.Since(told) >= tellEvery {
			b.Say(fmt.Sprintf("%s: waiting for pid %s, which makes it", image, holder(f)))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for pid %s, which makes image %s: %w; end that process if it hangs", holder(f), image, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func holder(f *os.File) string {
	data := make([]byte, 20)
	n, _ := f.ReadAt(data, 0)
	return string(data[:n])
}

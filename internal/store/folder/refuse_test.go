package folder_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/need"
)

func open(dir string) (*folder.Store, error) { return folder.New(dir) }

// TestFullDisk fills a disk of one MiB.
func TestFullDisk(t *testing.T) {
	inMountNamespace(t, func(dir string) {
		mount(t, dir, 0, "size=1m")
		s := newStore(t, filepath.Join(dir, "store"))
		wantRefused(t, s, bytes.Repeat([]byte("x"), 4<<20), syscall.ENOSPC, "free space on the disk mounted at "+dir)
		if left := temps(t, filepath.Join(dir, "store")); len(left) != 0 {
			t.Errorf("these temporary files are left: %q", left)
		}
		if err := s.Create(t.Context(), "small", strings.NewReader("fits")); err != nil {
			t.Errorf("after the failure: %v", err)
		}
	})
}

// TestReadOnlyDisk writes to a disk that is mounted read-only.
func TestReadOnlyDisk(t *testing.T) {
	inMountNamespace(t, func(dir string) {
		mount(t, dir, 0, "")
		s := newStore(t, dir)
		if err := s.Create(t.Context(), "before", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		mount(t, dir, syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		wantRefused(t, s, []byte("x"), syscall.EROFS, "the disk mounted at "+dir+" is read-only")
		if got := content(t, s, "before"); string(got) != "x" {
			t.Errorf("an object from before holds %q", got)
		}
	})
}

// inMountNamespace runs body with a folder of its own in another process, whose
// mounts nobody else sees.
func inMountNamespace(t *testing.T, body func(dir string)) {
	const inside = "SLIPWAY_STORE_TEST_NAMESPACE"
	if dir := os.Getenv(inside); dir != "" {
		body(dir)
		return
	}
	need.Root(t)
	err := exec.Run(t.Context(), exec.Cmd{
		Args:   []string{os.Args[0], "-test.run=^" + t.Name() + "$"},
		Env:    append(os.Environ(), inside+"="+t.TempDir()),
		Stdout: os.Stdout,
		Attr:   &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, dir string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, data); err != nil {
		t.Fatal(err)
	}
}

// TestPermissionDenied writes as a user who may not.
func TestPermissionDenied(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	s := newStore(t, dir)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread ends with its identity
		if err := syscall.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		wantRefused(t, s, []byte("x"), syscall.EACCES, "change the folder's owner or mode")
	}()
	<-ended
}

// TestFileInTheWay names a folder below a file as the store.
func TestFileInTheWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, newStore(t, filepath.Join(file, "store")), []byte("x"), syscall.ENOTDIR, "a file stands where a folder must")
	if _, err := folder.New(file); err == nil || !strings.Contains(err.Error(), "name a folder") {
		t.Errorf("New(file): got error %v, want one that asks for a folder", err)
	}
}

// wantRefused creates an object and expects an error that names store, key and cure.
func wantRefused(t *testing.T, s *folder.Store, body []byte, cause error, cure string) {
	t.Helper()
	const key = "blobs/sha256/key"
	err := s.Create(t.Context(), key, bytes.NewReader(body))
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), cure) || !strings.Contains(err.Error(), key) {
		t.Errorf("Create: got error %v, want one that is %q, names %s and says %q", err, cause, key, cure)
	}
	_, err = s.Swap(t.Context(), "pointer", store.Absent, body)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), cure) {
		t.Errorf("Swap: got error %v, want one that is %q and says %q", err, cause, cure)
	}
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, store.ErrNotFound) && !errors.Is(err, cause) {
		t.Errorf("Stat after a refused Create: got error %v, want ErrNotFound", err)
	}
}

// TestSymbolicLinks puts links into the store that lead out of it.
func TestSymbolicLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"folder": outside, "file": filepath.Join(outside, "secret"), "up": "../.."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(t, dir)
	for _, key := range []string{"file", "folder/secret", "up/etc/passwd"} {
		if body, err := s.Open(t.Context(), key); err == nil {
			t.Errorf("Open(%s) followed a link out of the store: %v", key, body.Close())
		}
	}
	if err := s.Create(t.Context(), "folder/new", strings.NewReader("x")); err == nil {
		t.Error("Create followed a link out of the store")
	}
	for key, err := range s.List(t.Context(), "") {
		t.Errorf("List yields %q, %v", key, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside the store there is now %v, %v", entries, err)
	}
}

// TestObjectsAreReadOnly keeps people from editing an object by mistake.
func TestObjectsAreReadOnly(t *testing.T) {
	dir := t.TempDir()
	if err := newStore(t, dir).Create(t.Context(), "object", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "object"))
	if err != nil || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("the object has mode %v, %v; want it read-only", info.Mode(), err)
	}
}

package folder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/store"
)

// The test program runs itself as another process; these say as which.
const (
	roleVariable  = "SLIPWAY_STORE_TEST_ROLE"
	storeVariable = "SLIPWAY_STORE_TEST_DIR"
	seedVariable  = "SLIPWAY_STORE_TEST_SEED"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "writer":
		err = writeForEver(os.Getenv(storeVariable))
	case "counter":
		err = count(os.Getenv(storeVariable))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child runs this program in another role until it ends or ctx does.
func child(ctx context.Context, role, dir string, seed uint64, stdout io.Writer) error {
	return exec.Run(ctx, exec.Cmd{
		Args:   []string{os.Args[0]},
		Stdout: stdout,
		Env:    append(os.Environ(), roleVariable+"="+role, storeVariable+"="+dir, seedVariable+"="+strconv.FormatUint(seed, 10)),
	})
}

// TestKill kills writers at random moments. Every key is then whole or absent,
// and the next writer is not in the way of what the last one left.
func TestKill(t *testing.T) {
	const kills = 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	s := newStore(t, dir)
	for range kills {
		killWriter(t, dir, random.Uint64N(4), time.Duration(random.Int64N(int64(30*time.Millisecond))))
	}
	keys := 0
	for key, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys++
		if got := content(t, s, key); !bytes.Equal(got, contentOf(key)) {
			t.Errorf("%s is half-written: %d bytes, want %d", key, len(got), len(contentOf(key)))
		}
	}
	t.Logf("%d objects after %d kills", keys, kills)
	if keys == 0 {
		t.Error("no writer came far enough to test anything")
	}
	testSweep(t, s, dir)
}

// killWriter starts a writer, and kills it some time after it began. Few seeds
// make writers meet the objects of those before them.
func killWriter(t *testing.T, dir string, seed uint64, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := child(ctx, "writer", dir, seed, writerFunc(func() { time.AfterFunc(after, cancel) }))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the writer ended by itself: %v", err)
	}
}

// writerFunc is called for what a child writes.
type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

// testSweep makes what the killed writers left a day older: the next write removes it.
func testSweep(t *testing.T, s store.Store, dir string) {
	fresh := filepath.Join(dir, ".tmp", "fresh")
	if err := os.WriteFile(fresh, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	for _, name := range temps(t, dir) {
		if name != fresh {
			if err := os.Chtimes(name, yesterday, yesterday); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Create(t.Context(), "after/the/kills", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if left := temps(t, dir); len(left) != 1 || left[0] != fresh {
		t.Errorf("after the sweep these temporary files are left: %q, want only the fresh one", left)
	}
}

func temps(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".tmp", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func content(t *testing.T, s store.Store, key string) []byte {
	t.Helper()
	body, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// writeForEver creates objects of up to a MiB until it is killed.
func writeForEver(dir string) error {
	s, err := open(dir)
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(os.Getenv(seedVariable), 10, 64)
	if err != nil {
		return err
	}
	fmt.Println("begun")
	for random := rand.New(rand.NewPCG(seed, 1)); ; {
		key := fmt.Sprintf("seed%d/%d/%d", seed, random.Uint64N(8), random.Uint64N(1<<40))
		if err := s.Create(context.Background(), key, bytes.NewReader(contentOf(key))); err != nil {
			return err
		}
	}
}

// contentOf is what writers write under a key.
func contentOf(key string) []byte {
	return bytes.Repeat([]byte(key), 1+len(key)*int(key[len(key)-1]-'0')*100)
}

// TestSwapAcrossProcesses counts with several processes.
func TestSwapAcrossProcesses(t *testing.T) {
	const processes = 4
	dir := t.TempDir()
	group, ctx := errgroup.WithContext(t.Context())
	for range processes {
		group.Go(func() error { return child(ctx, "counter", dir, 0, nil) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := string(content(t, newStore(t, dir), "counter")), strconv.Itoa(processes*countTo); got != want {
		t.Errorf("counted to %s, want %s", got, want)
	}
}

const countTo = 25

func count(dir string) error {
	s, err := open(dir)
	if err != nil {
		return err
	}
	for done := 0; done < countTo; {
		data, generation, err := s.Read(context.Background(), "counter")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		n, _ := strconv.Atoi(string(data))
		_, err = s.Swap(context.Background(), "counter", generation, []byte(strconv.Itoa(n+1)))
		switch {
		case err == nil:
			done++
		case !errors.Is(err, store.ErrStale):
			return err
		}
	}
	return nil
}

// TestLockDeadline swaps a pointer whose lock another process keeps.
func TestLockDeadline(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, dir)
	if _, err := s.Swap(t.Context(), "pointer", store.Absent, []byte("x")); err != nil {
		t.Fatal(err)
	}
	locks, err := filepath.Glob(filepath.Join(dir, ".lock", "*"))
	if err != nil || len(locks) != 1 {
		t.Fatalf("locks: %q, %v", locks, err)
	}
	lock, err := os.Open(locks[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Swap(ctx, "pointer", store.Absent, []byte("y")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
}

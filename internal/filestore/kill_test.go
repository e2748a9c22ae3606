package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/store/folder"
)

// The test program runs itself as another process, which brings blobs for ever anew.
const (
	fromVariable    = "SLIPWAY_FILESTORE_TEST_FROM"
	toVariable      = "SLIPWAY_FILESTORE_TEST_TO"
	digestsVariable = "SLIPWAY_FILESTORE_TEST_DIGESTS"
)

func TestMain(m *testing.M) {
	if os.Getenv(fromVariable) == "" {
		os.Exit(m.Run())
	}
	fmt.Println("begun")
	if err := bringAll(os.Getenv(fromVariable), os.Getenv(toVariable), strings.Split(os.Getenv(digestsVariable), ",")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func bringAll(fromDir, toDir string, digests []string) error {
	from, err := folder.New(fromDir)
	if err != nil {
		return err
	}
	to, err := folder.New(toDir)
	if err != nil {
		return err
	}
	for _, digest := range digests {
		if err := Bring(context.Background(), from, to, digest); err != nil {
			return err
		}
	}
	return nil
}

// TestKilledWhileBringing kills who brings blobs at random moments. Each blob is then
// whole at its new place or not there, and whoever runs next finishes.
func TestKilledWhileBringing(t *testing.T) {
	const kills, blobs = 25, 6
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	from, err := folder.New(filepath.Join(dir, "from"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	var digests []string
	for i := range blobs {
		text := strings.Repeat(fmt.Sprintf("%08d", i), 1<<18) // 2 MiB
		digest := put(t, from, text)
		texts[digest], digests = text, append(digests, digest)
	}
	killed, there := 0, 0
	for range kills {
		to := filepath.Join(dir, fmt.Sprintf("to%d", killed))
		if !killBringer(t, filepath.Join(dir, "from"), to, digests, time.Duration(random.Int64N(int64(60*time.Millisecond)))) {
			continue
		}
		killed++
		there += wholeBlobs(t, to, texts)
		if err := bringAll(filepath.Join(dir, "from"), to, digests); err != nil {
			t.Errorf("who ran next: %v", err)
		}
		if got := wholeBlobs(t, to, texts); got != blobs {
			t.Errorf("%d blobs after the next run, want %d", got, blobs)
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d of %d blobs were there", killed, there, killed*blobs)
	if killed == 0 {
		t.Error("nobody was killed; give them more to do")
	}
}

// killBringer says whether the other process was killed before it was done.
func killBringer(t *testing.T, from, to string, digests []string, after time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, in := io.Pipe()
	defer func() { _ = out.Close() }()
	go func() {
		_, _ = out.Read(make([]byte, 1))
		time.AfterFunc(after, cancel)
		_, _ = io.Copy(io.Discard, out)
	}()
	err := exec.Run(ctx, exec.Cmd{
		Args: []string{os.Args[0]}, Stdout: in,
		Env: append(os.Environ(), fromVariable+"="+from, toVariable+"="+to, digestsVariable+"="+strings.Join(digests, ","), "TMPDIR="+t.TempDir()),
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return err != nil
}

// wholeBlobs counts the blobs that are there, and sees that each is whole.
func wholeBlobs(t *testing.T, dir string, texts map[string]string) (n int) {
	t.Helper()
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for digest, text := range texts {
		got, there := blobOf(t, s, digest)
		if there && got != text {
			t.Errorf("%s is not whole: %d bytes", digest, len(got))
		}
		if there {
			n++
		}
	}
	return n
}

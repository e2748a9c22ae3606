package diskcmd

import (
	"archive/tar"
	"bytes"
	"context"
	crypto "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk/tree"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// asProgram in the environment makes this program slipway disk.
const asProgram = "DISKCMD_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		cli.Main(Group)
		return
	}
	os.Exit(m.Run())
}

// bootableImage is an image that a disk can be made of, with enough in it to take a while.
func bootableImage(t *testing.T) (reference string) {
	t.Helper()
	kernel := make([]byte, 40<<10)
	copy(kernel[0x202:], "HdrS")
	noise := make([]byte, 24<<20)
	_, _ = crypto.Read(noise)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, data []byte) {
		err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(data))})
		if _, writeErr := w.Write(data); errors.Join(err, writeErr) != nil {
			t.Fatal(err, writeErr)
		}
	}
	add("boot/vmlinuz-6.1.0-1", kernel)
	add("sbin/init", []byte("init"))
	add("noise", noise)
	for i := range 1000 {
		add(fmt.Sprintf("many/%d", i), noise[i:i+i%700])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", "amd64", v1.Time{Time: time.Unix(1700000000, 0)}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err == nil {
		err = path.AppendImage(img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "oci:" + folder
}

// A build that is interrupted or killed at any moment leaves whole layers in the cache, no
// process, and in its folder nothing, or all.
func TestKilled(t *testing.T) {
	for _, program := range [][2]string{{"sfdisk", "fdisk"}, {"mcopy", "mtools"}, {"grub-mkimage", "grub-common grub-pc-bin grub-efi-amd64-bin"}, {"qemu-img", "qemu-utils"}} {
		need.Tool(t, program[0], program[1])
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random, image, base := rand.New(rand.NewPCG(seed, 0)), bootableImage(t), t.TempDir()
	start := time.Now()
	if err := buildUntil(t, image, base, syscall.SIGINT, time.Hour); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(start)
	killed := 0
	for round := range 8 {
		if err := os.RemoveAll(filepath.Join(base, "out")); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			if err := os.RemoveAll(filepath.Join(base, "cache")); err != nil {
				t.Fatal(err)
			}
		}
		signal := []syscall.Signal{syscall.SIGINT, syscall.SIGKILL}[random.IntN(2)]
		after := time.Duration(random.Int64N(int64(whole)))
		if buildUntil(t, image, base, signal, after) != nil {
			killed++
		}
		checkLeft(t, base, fmt.Sprintf("%s after %s", signal, after))
	}
	if killed == 0 {
		t.Error("no build was ended before its end")
	}
	if err := buildUntil(t, image, base, syscall.SIGINT, time.Hour); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// buildUntil builds, and ends the program by a signal if it takes longer.
func buildUntil(t *testing.T, image, base string, signal syscall.Signal, limit time.Duration) error {
	t.Helper()
	pid := filepath.Join(base, "pid")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	timer := time.AfterFunc(limit, func() {
		_ = exec.Run(ctx, exec.Cmd{Args: []string{"sh", "-c", fmt.Sprintf("kill -%d $(cat %s)", signal, pid)}})
	})
	defer timer.Stop()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Run(ctx, exec.Cmd{
		Args: []string{
			"sh", "-c", `echo $$ >"$0"; exec "$@"`, pid, self, "build", image, "--size", "256M", "--name", "guest",
			"--to", filepath.Join(base, "out"), "--cache", filepath.Join(base, "cache"),
		},
		Env: append(os.Environ(), asProgram+"=1"),
	})
}

func checkLeft(t *testing.T, base, when string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for processes(t, base) != "" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if left := processes(t, base); left != "" {
		t.Errorf("%s: processes are left: %s", when, left)
	}
	if left := names(t, filepath.Join(base, "cache")); len(left) > 0 && !slices.Equal(left, []string{"layers"}) {
		t.Errorf("%s: the cache holds %v", when, left)
	}
	for _, layer := range names(t, filepath.Join(base, "cache", "layers")) {
		if _, err := tree.Open(filepath.Join(base, "cache", "layers", layer)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	left := names(t, filepath.Join(base, "out"))
	record := slices.Contains(left, "guest.disk.json")
	for _, name := range left {
		if !strings.HasPrefix(name, "guest.") {
			t.Errorf("%s: %s is left", when, name)
		}
	}
	if record && len(left) != 2 {
		t.Errorf("%s: a record is beside %v", when, left)
	}
}

// processes are those, of any program, whose arguments name a folder.
func processes(t *testing.T, folder string) (found string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(folder)) {
			found += string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))) + "\n"
		}
	}
	return found
}

func names(t *testing.T, folder string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

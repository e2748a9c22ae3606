package qemu_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// The environment of a child that boots machines until it is killed.
const (
	childWork   = "QEMU_TEST_WORK"
	childKernel = "QEMU_TEST_KERNEL"
	childInitrd = "QEMU_TEST_INITRD"
)

func TestMain(m *testing.M) {
	if work := os.Getenv(childWork); work != "" {
		bootForEver(work)
	}
	os.Exit(m.Run())
}

func bootForEver(work string) {
	c := qemu.Config{
		Kernel: os.Getenv(childKernel), Initrd: os.Getenv(childInitrd), Memory: 256 << 20, CPUs: 1, Work: work, Accel: qemu.TCG,
		Append: "console=ttyS0 quiet no_timer_check", Disks: []qemu.Disk{{File: os.Getenv(childKernel), Format: "raw"}},
	}
	for {
		machine, err := c.Start(context.Background(), io.Discard)
		if err != nil {
			os.Exit(1)
		}
		snapshot, err := machine.(*qemu.Machine).Snapshot(context.Background())
		if err != nil {
			os.Exit(1)
		}
		for range 4 {
			restored, err := snapshot.Start(context.Background(), io.Discard)
			if err != nil {
				os.Exit(1)
			}
			_ = restored.Close()
		}
		_ = snapshot.Close()
	}
}

// Killed at any moment, a tester leaves no process and no file.
func TestKilledAnyTime(t *testing.T) {
	c := tinyguest.Config(t, tinyguest.OK)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 6 {
		after := time.Duration(random.IntN(5000)) * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), after)
		err := exec.Run(ctx, exec.Cmd{Path: "/proc/self/exe", Args: []string{"tester"}, Env: append(os.Environ(),
			childWork+"="+c.Work, childKernel+"="+c.Kernel, childInitrd+"="+c.Initrd)})
		if ctx.Err() == nil {
			t.Errorf("the child ended by itself: %v", err)
		}
		cancel()
		deadline := time.Now().Add(20 * time.Second)
		for (len(processes(t, c.Work)) > 0 || len(files(t, c.Work)) > 0) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("killed after %s", after)
		checkNothingLeft(t, c.Work)
	}
}

func files(t *testing.T, folder string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

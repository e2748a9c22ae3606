package bench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/vmcmd"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/debianguest"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// BenchmarkVMTest runs 20 tests on one guest, from the command to its exit with the
// reports written, and one boot of the same guest until somebody is logged in over SSH,
// in turn, and tells the ratio of the medians. The tiny guest's boot is the least that
// there is to hide behind; Debian's is what people wait for.
func BenchmarkVMTest(b *testing.B) {
	b.Run("tiny", func(b *testing.B) {
		c := tinyguest.Config(b, tinyguest.OK)
		benchmarkVMTest(b, c, "--kernel", c.Kernel, "--initrd", c.Initrd, "--append", c.Append)
	})
	b.Run("debian", func(b *testing.B) {
		g := debianguest.Make(b)
		c := qemu.Config{
			Kernel: g.Kernel, Initrd: g.Initrd, Append: debianguest.Append, Memory: 512 << 20, CPUs: 2,
			Disks: []qemu.Disk{{File: g.Disk, Format: "raw"}},
		}
		benchmarkVMTest(b, c, "--image", g.Disk, "--kernel", c.Kernel, "--initrd", c.Initrd, "--append", c.Append)
	})
}

func benchmarkVMTest(b *testing.B, c qemu.Config, args ...string) {
	plan := filepath.Join(b.TempDir(), "plan.yaml")
	if err := os.WriteFile(plan, []byte(twentyTests(c)), 0o600); err != nil {
		b.Fatal(err)
	}
	args = append(args, "--plan", plan, "--artifacts", b.TempDir())
	var tests, boots []time.Duration
	for b.Loop() {
		tests = append(tests, timed(func() { vmTest(b, args) }))
		boots = append(boots, timed(func() { bootOnce(b, c) }))
	}
	b.ReportMetric(milliseconds(median(tests)), "ms/20-tests")
	b.ReportMetric(milliseconds(median(boots)), "ms/boot")
	b.ReportMetric(float64(median(tests))/float64(median(boots)), "ratio")
	b.ReportMetric(0, "ns/op") // of both together says nothing
}

func twentyTests(c qemu.Config) string {
	var plan strings.Builder
	fmt.Fprintf(&plan, "name: twenty\nmachine: {memory: %dMi, cpus: %d}\ntests:\n", c.Memory>>20, c.CPUs)
	for i := range 20 {
		fmt.Fprintf(&plan, "- {name: test-%d, run: {args: [echo, hello], stdout: ^hello}}\n", i)
	}
	return plan.String()
}

func vmTest(b *testing.B, args []string) {
	var said strings.Builder
	env := cli.Env{Args: args, Stdout: &said, Stderr: &said, Getenv: os.Getenv}
	if code := cli.Run(b.Context(), env, vmcmd.Test(env)); code != cli.ExitDone {
		b.Fatalf("exit code %d: %s", code, said.String())
	}
}

// bootOnce boots the guest until a login over SSH works, and ends it.
func bootOnce(b *testing.B, c qemu.Config) {
	c.Talk = qemu.SSH
	m, err := c.Start(b.Context(), io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}

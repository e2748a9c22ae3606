package bench

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// BenchmarkMachine boots a guest through the runner's machine and by the bare command
// of it, in turn, until the guest says that it is ready; then it restores it from a snapshot.
func BenchmarkMachine(b *testing.B) {
	c := tinyguest.Config(b, tinyguest.OK)
	c.Accel, c.Talk = qemu.TCG, qemu.Agent // no trial boot in what is measured
	command := c.Args(qemu.Runtime{Accel: qemu.TCG})
	var ours, bare, restores []time.Duration
	for b.Loop() {
		bare = append(bare, untilReady(b, func(ctx context.Context, console io.Writer) error {
			return exec.Run(ctx, exec.Cmd{Args: command, Stdout: console})
		}))
		var machine guest.Machine
		ours = append(ours, untilReady(b, func(ctx context.Context, console io.Writer) (err error) {
			machine, err = c.Start(context.WithoutCancel(ctx), console)
			return err
		}))
		snapshot, err := machine.(guest.Snapshotter).Snapshot(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		restored, err := snapshot.Start(b.Context(), io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		restores = append(restores, time.Since(began))
		_ = restored.Close()
		_ = snapshot.Close()
	}
	b.ReportMetric(median(ours).Seconds()/median(bare).Seconds(), "boot/bare-qemu")
	b.ReportMetric(median(restores).Seconds()/median(ours).Seconds(), "restore/boot")
	b.ReportMetric(median(restores).Seconds(), "restore-s")
	b.ReportMetric(median(ours).Seconds(), "boot-s")
}

// untilReady is how long it takes until the guest's console says so.
func untilReady(b *testing.B, boot func(context.Context, io.Writer) error) time.Duration {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	began := time.Now()
	ready := &readiness{at: make(chan time.Time, 1), reached: cancel}
	err := boot(ctx, ready)
	select {
	case at := <-ready.at:
		return at.Sub(began)
	default:
		b.Fatalf("the guest was never ready: %v", err)
		return 0
	}
}

// readiness notes when the guest's last line of its boot is there.
type readiness struct {
	said    strings.Builder
	at      chan time.Time
	reached func()
}

func (r *readiness) Write(p []byte) (int, error) {
	r.said.Write(p)
	if strings.Contains(r.said.String(), "tinyguest: ready") {
		select {
		case r.at <- time.Now():
			r.reached()
		default:
		}
	}
	return len(p), nil
}

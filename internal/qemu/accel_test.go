package qemu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// The program of the trial is what its source says.
func TestTrialIsAssembled(t *testing.T) {
	need.Tool(t, "as", "binutils")
	need.Tool(t, "objcopy", "binutils")
	folder := t.TempDir()
	object, binary := filepath.Join(folder, "trial.o"), filepath.Join(folder, "trial.bin")
	for _, args := range [][]string{{"as", "trial.S", "-o", object}, {"objcopy", "-O", "binary", "-j", ".text", object, binary}} {
		if err := exec.Run(t.Context(), exec.Cmd{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(binary); err != nil || !bytes.Equal(got, trialProgram) {
		t.Errorf("trial.bin is not what trial.S says; assemble it as trial.S tells: %v", err)
	}
}

// The trial ends well where guests run, which they always do without an accelerator.
func TestTrial(t *testing.T) {
	need.Tool(t, "qemu-system-x86_64", "qemu-system-x86")
	took, err := trial(t.Context(), "qemu-system-x86_64", TCG)
	if err != nil {
		t.Error(err)
	}
	t.Logf("TCG: %s", took)
	if _, err := trial(t.Context(), "qemu-system-x86_64", "none"); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("an accelerator that is not there: %v", err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if _, err := trial(ctx, "qemu-system-x86_64", TCG); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestAcceleratorSaysWhy(t *testing.T) {
	need.Tool(t, "qemu-system-x86_64", "qemu-system-x86")
	c := Config{}.withDefaults()
	chosen, err := c.accelerator(t.Context())
	if err != nil || chosen.Why == "" || chosen.Name != KVM && chosen.Name != TCG {
		t.Errorf("got %v, %v", chosen, err)
	}
	t.Log(chosen)
	c.Accel = TCG
	if got, err := c.accelerator(t.Context()); err != nil || got.String() != "tcg (as asked)" {
		t.Errorf("got %v, %v", got, err)
	}
}

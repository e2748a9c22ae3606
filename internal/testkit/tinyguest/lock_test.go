package tinyguest

import (
	"flag"
	"os"
	"slices"
	"testing"

	"slipway.dev/slipway/internal/debian"
)

var update = flag.Bool("update", false, "choose the guest's packages anew")

// The lock names every part of the guest, and a kernel.
func TestLock(t *testing.T) {
	if *update {
		lock, err := debian.Archive{Say: func(m string) { t.Log(m) }}.Lock(t.Context(), "tinyguest", spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		lock.Packages[arch] = slices.DeleteFunc(lock.Packages[arch], func(p debian.Package) bool { return !part(p) })
		lockText = lock.Format("tinyguest")
		if err := os.WriteFile("debian.lock", lockText, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := debian.ParseLock("debian.lock", lockText)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(lock.Packages[arch]), len(parts)+1; got != want {
		t.Errorf("the lock names %d packages, want %d", got, want)
	}
}

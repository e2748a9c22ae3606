package qemu

import (
	"errors"
	"testing"
)

// A guest's key holds for its boot, in machines that go on from it too.
func TestHostKey(t *testing.T) {
	one, errOne := newIdentity("root")
	other, errOther := newIdentity("root")
	if err := errors.Join(errOne, errOther); err != nil {
		t.Fatal(err)
	}
	a, b := one.signer.PublicKey(), other.signer.PublicKey()
	first, second, third := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var h, restored, unseen hostKey
	unseen.inherit(&h, third)
	check := func(name string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	check("the first", h.check(first, a), nil)
	check("the same", h.check(first, a), nil)
	check("another", h.check(first, b), errOtherKey)
	restored.inherit(&h, third)
	check("another, restored", restored.check(third, b), errOtherKey)
	check("the same, restored", restored.check(third, a), nil)
	check("none before", unseen.check(third, b), nil)
	close(first)
	check("of a boot that is over", h.check(first, a), errReset)
	check("of the next boot", h.check(second, b), nil)
	check("of the boot before", h.check(second, a), errOtherKey)
}

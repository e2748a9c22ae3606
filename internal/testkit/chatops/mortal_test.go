package chatops

import (
	"bytes"
	"errors"
	"testing"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

// Who is dead does nothing; the last call is carried out or not, and never answered.
func TestMortal(t *testing.T) {
	for _, after := range []bool{false, true} {
		all, err := folder.New(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		m := newMortal(2, after)
		s := mortalStore{all, m}
		for i, key := range []string{"first", "second", "third"} {
			err := s.Create(t.Context(), key, bytes.NewReader([]byte(key)))
			if dead := i > 0; dead != errors.Is(err, errKilled) {
				t.Errorf("after %v: %s: %v", after, key, err)
			}
			_, err = all.Stat(t.Context(), key)
			if there := i == 0 || i == 1 && after; there != (err == nil) || !there && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("after %v: %s is there: %v", after, key, err)
			}
		}
		select {
		case <-m.died:
		default:
			t.Errorf("after %v: nobody hears of the death", after)
		}
	}
	if m := newMortal(0, false); m.call(func() error { return nil }) != nil {
		t.Error("who lives for ever died")
	}
}

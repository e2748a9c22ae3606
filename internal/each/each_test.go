package each

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDoNamesEveryFailureAndRunsTheRest(t *testing.T) {
	ran := make([]bool, 4)
	broken := errors.New("broken")
	err := Do([]string{"a", "b", "c", "d"}, func(i int, name string) error {
		ran[i] = true
		switch name {
		case "b":
			return broken
		case "d":
			return fs.ErrNotExist
		}
		return nil
	})
	if diff := cmp.Diff([]bool{true, true, true, true}, ran); diff != "" {
		t.Errorf("what ran: -want +got:\n%s", diff)
	}
	if !errors.Is(err, broken) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want both errors inside", err)
	}
	if want := "2 of 4 failed (b, d)\nb: broken\nd: file does not exist"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if got := Of(err, "d"); got != fs.ErrNotExist {
		t.Errorf("Of d: got %v", got)
	}
	if got := Of(err, "a"); got != nil {
		t.Errorf("Of a: got %v, want nil", got)
	}
}

func TestDoWithoutFailure(t *testing.T) {
	if err := Do([]string{"a"}, func(int, string) error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
}

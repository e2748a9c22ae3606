// Package each does one thing for each of several names, side by side.
//
// One that fails does not stop the others, and the error names every one that
// failed, so that the broken one is set aside and the rest go on.
package each

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Failures are the names for which something failed.
type Failures struct {
	Failed []string // in the order given
	Total  int
	Errs   []error // one for each of Failed
}

func (f *Failures) Error() string {
	lines := []string{fmt.Sprintf("%d of %d failed (%s)", len(f.Failed), f.Total, strings.Join(f.Failed, ", "))}
	for i, name := range f.Failed {
		lines = append(lines, name+": "+f.Errs[i].Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.Is and errors.As every single error.
func (f *Failures) Unwrap() []error { return f.Errs }

// Of returns the error of one name, or nil if it did not fail.
func Of(err error, name string) error {
	var f *Failures
	if errors.As(err, &f) {
		for i, failed := range f.Failed {
			if failed == name {
				return f.Errs[i]
			}
		}
	}
	return nil
}

// Do calls do for every name at once and waits for all. The error, if there is
// one, is a *Failures.
func Do(names []string, do func(i int, name string) error) error {
	errs := make([]error, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		wait.Go(func() { errs[i] = do(i, name) })
	}
	wait.Wait()
	f := &Failures{Total: len(names)}
	for i, err := range errs {
		if err != nil {
			f.Failed = append(f.Failed, names[i])
			f.Errs = append(f.Errs, err)
		}
	}
	if len(f.Failed) == 0 {
		return nil
	}
	return f
}

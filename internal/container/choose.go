package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Runtimes are the runtimes, the preferred one first.
func Runtimes() []Runtime { return []Runtime{LXD{}, Nspawn{}, Podman{}} }

// Auto is the name that lets Choose choose.
const Auto = "auto"

// Names are the names that Choose takes.
func Names() []string {
	names := []string{Auto}
	for _, r := range Runtimes() {
		names = append(names, r.Name())
	}
	return names
}

// Named is the runtime of a name.
func Named(name string) (Runtime, error) {
	for _, r := range Runtimes() {
		if r.Name() == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("there is no runtime %q; choose one of %s", name, strings.Join(Names(), ", "))
}

// trial is how long a runtime may take to show that it works.
const trial = time.Minute

// Choose tries runtimes, and says which it takes and why not those before it.
func Choose(ctx context.Context, name string, say func(string)) (Runtime, error) {
	candidates := Runtimes()
	if name != Auto {
		r, err := Named(name)
		if err != nil {
			return nil, err
		}
		candidates = []Runtime{r}
	}
	return choose(ctx, candidates, say)
}

func choose(ctx context.Context, candidates []Runtime, say func(string)) (Runtime, error) {
	var errs []error
	for _, r := range candidates {
		with, err := try(ctx, r)
		if err == nil {
			say(fmt.Sprintf("runtime: %s (%s)", r.Name(), with))
			return r, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		say(fmt.Sprintf("runtime: not %s: %v", r.Name(), err))
		errs = append(errs, fmt.Errorf("%s: %w", r.Name(), err))
	}
	return nil, fmt.Errorf("no runtime can start a container here: %w", errors.Join(errs...))
}

func try(ctx context.Context, r Runtime) (with string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, trial, fmt.Errorf("its trial took longer than %s", trial))
	defer cancel()
	return r.Try(ctx)
}

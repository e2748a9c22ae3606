package debian

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
)

// Lock resolves what the image called name wants on top of below, which are the
// locks of what it stands on, lowest first: none for a base.
func (a Archive) Lock(ctx context.Context, name string, spec Spec, below []Lock) (Lock, error) {
	ctx, done := a.begin(ctx, "lock packages of "+name)
	defer done()
	lock := Lock{
		Suite: spec.Suite, Snapshot: time.Now().UTC().Truncate(time.Second),
		Wanted: slices.Sorted(slices.Values(spec.Packages)), Packages: map[string][]Package{},
	}
	switch {
	case spec.Base() && len(below) > 0:
		return Lock{}, fmt.Errorf("lock packages of %s: %s names a suite, but the image stands on one with packages; remove the suite", name, SpecFile)
	case !spec.Base() && len(below) == 0:
		return Lock{}, fmt.Errorf("lock packages of %s: its parent has no %s; lock the parent first, or name a suite in %s", name, LockFile, SpecFile)
	case !spec.Base():
		lock.Suite = below[0].Suite
	}
	for _, arch := range spec.Architectures {
		installed, err := a.installedBelow(ctx, below, arch)
		if err == nil {
			lock.Packages[arch], err = a.resolve(ctx, lock.Suite, arch, lock.Wanted, installed)
		}
		if err != nil {
			return Lock{}, fmt.Errorf("lock packages of %s for %s: %w", name, arch, err)
		}
	}
	return lock, nil
}

// installedBelow fetches the packages of all locks for one architecture.
func (a Archive) installedBelow(ctx context.Context, below []Lock, arch string) ([]Package, error) {
	var all []Package
	for _, lock := range below {
		if _, ok := lock.Packages[arch]; !ok {
			return nil, fmt.Errorf("the parent has no packages for %s; add it to the parent's architectures", arch)
		}
		if err := a.Fetch(ctx, lock, arch); err != nil {
			return nil, fmt.Errorf("%w; lock the parent anew", err)
		}
		all = append(all, lock.Packages[arch]...)
	}
	return all, nil
}

// resolve asks apt what wanted means where installed is there already. A base also
// gets what Debian calls essential.
func (a Archive) resolve(ctx context.Context, suite, arch string, wanted []string, installed []Package) ([]Package, error) {
	status, err := a.status(ctx, installed)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "slipway-apt-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for apt: %w", err)
	}
	defer os.RemoveAll(dir)
	apt, err := a.newApt(dir, suite, arch, status)
	if err != nil {
		return nil, err
	}
	if err := apt.update(ctx); err != nil {
		return nil, err
	}
	if len(installed) == 0 {
		wanted = append([]string{"?essential"}, wanted...)
	}
	packages, err := apt.install(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return packages, stale(packages, installed)
}

// stale refuses packages that would replace some of what is below: those would lie
// in the image twice.
func stale(packages, installed []Package) error {
	var again []string
	for _, p := range packages {
		for _, old := range installed {
			if old.Name == p.Name && old.Arch == p.Arch {
				again = append(again, fmt.Sprintf("%s %s → %s", p.Name, old.Version, p.Version))
			}
		}
	}
	if len(again) == 0 {
		return nil
	}
	return fmt.Errorf("the parent's packages are too old: %s; lock the parent anew first", strings.Join(again, ", "))
}

// status is dpkg's record of the packages, as if they were installed.
func (a Archive) status(ctx context.Context, installed []Package) ([]byte, error) {
	var out []byte
	for _, p := range installed {
		control, err := a.control(ctx, p)
		if err != nil {
			return nil, err
		}
		out = append(out, control...)
		out = append(out, "Status: install ok installed\n\n"...)
	}
	return out, nil
}

// control is the control file of a fetched package.
func (a Archive) control(ctx context.Context, p Package) ([]byte, error) {
	out, err := exec.Output(ctx, exec.Cmd{Args: []string{"dpkg-deb", "--field", a.Path(p)}, Env: toolEnv()})
	if err != nil {
		return nil, fmt.Errorf("read package %s: %w", p, err)
	}
	return out, nil
}

// begin bounds what takes long, and says every so often that it is still at it.
func (a Archive) begin(ctx context.Context, what string) (context.Context, func()) {
	limit := cmp.Or(a.Timeout, defaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New(what+": it took longer than "+limit.String()))
	stop := progress.Watch(10*time.Second, what, a.Say)
	return ctx, func() { stop(); cancel() }
}

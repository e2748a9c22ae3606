package golang

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// ErrNoGo is a machine without a go command.
var ErrNoGo = errors.New("go is not installed; install Go 1.21 or newer from https://go.dev/dl/ and put its bin folder into PATH")

// toolchain is this machine's Go if it will do, or else one that is fetched.
func (f fetcher) toolchain(ctx context.Context, modules []Module) (Toolchain, error) {
	local, err := f.describe(ctx, "local")
	if exec.IsNotFound(err) {
		return Toolchain{}, ErrNoGo
	}
	if err != nil {
		return Toolchain{}, fmt.Errorf("ask the go command for its version: %w", err)
	}
	need, from := newest(modules)
	split := linkOut(local.Root)
	if split == "" && version.Compare(local.Version, need) >= 0 {
		return local, nil
	}
	if split != "" && need == "" {
		need, from = "go1.21.0", "a Go that can be bound into a root ("+split+" is a link that leads out of GOROOT)"
	}
	fetched, err := f.fetchToolchain(ctx, fullName(need), local.Version)
	if err != nil {
		return Toolchain{}, fmt.Errorf("fetch %s for %s, which this machine's %s does not satisfy: %w",
			fullName(need), from, local.Version, err)
	}
	if split := linkOut(fetched.Root); split != "" {
		return Toolchain{}, fmt.Errorf("bind %s: %s is a link that leads out of it; install Go from https://go.dev/dl/ instead", fetched.Root, split)
	}
	return fetched, nil
}

// fetchToolchain lets go switch to the named toolchain, which downloads it into
// the module cache, checks it against the checksum database and makes it
// executable; go mod download would leave the last to us.
func (f fetcher) fetchToolchain(ctx context.Context, name, local string) (Toolchain, error) {
	if version.Compare(local, "go1.21") < 0 {
		return Toolchain{}, fmt.Errorf("%s cannot fetch toolchains; install Go 1.21 or newer from https://go.dev/dl/", local)
	}
	var fetched Toolchain
	err := f.retry(ctx, "fetch toolchain "+name, func() (err error) {
		fetched, err = f.describe(ctx, name)
		return err
	})
	return fetched, err
}

// describe asks the toolchain that GOTOOLCHAIN names for its version and folder.
func (f fetcher) describe(ctx context.Context, name string) (Toolchain, error) {
	out, err := exec.Output(ctx, f.command(f.home, []string{"env", "GOROOT", "GOVERSION"}, "GOTOOLCHAIN="+name))
	if err != nil {
		return Toolchain{}, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 || !version.IsValid(firstWord(lines[1])) {
		return Toolchain{}, fmt.Errorf("go env GOROOT GOVERSION printed %q; install a released Go from https://go.dev/dl/", out)
	}
	return Toolchain{Root: lines[0], Version: firstWord(lines[1]), ModCache: f.modCache}, nil
}

// firstWord drops what follows a version, such as "X:loopvar".
func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// newest is the newest toolchain that a module needs, and the go.mod that needs it.
func newest(modules []Module) (need, from string) {
	for _, m := range modules {
		if version.Compare(m.need(), need) > 0 {
			need, from = m.need(), m.GoMod()
		}
	}
	return need, from
}

// fullName turns a language version into the name of its first release: since
// Go 1.21 that is go1.22.0, and go1.22 names nothing that could be fetched.
func fullName(name string) string {
	if version.Compare(name, "go1.21") < 0 || version.Lang(name) != name {
		return name
	}
	return name + ".0"
}

// linkOut returns the first entry of a GOROOT that is a link out of it, as in
// Debian's packages of Go: bound elsewhere, such a GOROOT is broken.
func linkOut(root string) string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return ""
	}
	resolved, err := filepath.EvalSymlinks(root)
	if err != nil {
		return ""
	}
	for _, entry := range entries {
		path := filepath.Join(root, entry.Name())
		target, err := filepath.EvalSymlinks(path)
		if err == nil && !strings.HasPrefix(target, resolved+string(filepath.Separator)) {
			return path
		}
	}
	return ""
}

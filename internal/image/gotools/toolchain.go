package gotools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"slipway.dev/slipway/internal/exec"
)

// writeToolchain copies the tree of Go's own toolchain module, which the checksum
// database vouches for.
func writeToolchain(ctx context.Context, toolchain, arch, dir string) error {
	env, err := environment(ctx, "GOTOOLCHAIN=local")
	if err != nil {
		return err
	}
	out, failed := exec.Output(ctx, exec.Cmd{
		Args: []string{"go", "mod", "download", "-json", "golang.org/toolchain@v0.0.1-" + toolchain + ".linux-" + arch},
		Dir:  os.TempDir(), Env: env,
	})
	var module struct{ Dir, Error string }
	if err := json.Unmarshal(out, &module); err != nil {
		return errors.Join(failed, fmt.Errorf("read what go mod download says: %w", err))
	}
	if module.Dir == "" {
		return errors.Join(failed, errors.New(module.Error))
	}
	return copyTree(module.Dir, dir)
}

// copyTree copies a toolchain, with the modes that module zips do not carry.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(source string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, source)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		return copyFile(source, filepath.Join(to, name), mode(filepath.ToSlash(name)))
	})
}

// mode is the mode of a file of a toolchain: the programs are to be run.
func mode(name string) fs.FileMode {
	for _, programs := range []string{"bin/*", "pkg/tool/*/*"} {
		if ok, _ := path.Match(programs, name); ok {
			return 0o755
		}
	}
	return 0o644
}

// copyFile makes a file, which must not be there, with exactly the given mode.
func copyFile(from, to string, mode fs.FileMode) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// Fuzz runs every fuzz target of the repository, one after the other: go test
// takes only one at a time.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
)

// target is one fuzz function.
type target struct{ folder, name string }

var declaration = regexp.MustCompile(`^func (Fuzz\w+)\(`)

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var length time.Duration
		c := &cobra.Command{
			Use: "fuzz", Short: "Run every fuzz target for a while", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return fuzz(c.Context(), env, length) },
		}
		c.Flags().DurationVar(&length, "time", time.Minute, "how long to run each")
		return c
	})
}

func fuzz(ctx context.Context, env cli.Env, length time.Duration) error {
	targets, err := find(".")
	if err != nil {
		return err
	}
	for _, t := range targets {
		fmt.Fprintf(env.Stdout, "%s in %s, %s\n", t.name, t.folder, length)
		err := t.run(ctx, env, length)
		for range attempts - 1 {
			if err == nil || !errors.Is(err, errLate) {
				break
			}
			fmt.Fprintln(env.Stdout, "that was the fuzzer's own clock; again")
			err = t.run(ctx, env, length)
		}
		if err != nil {
			return fmt.Errorf("%s found something; the input is below %s/testdata/fuzz: %w", t.name, t.folder, err)
		}
	}
	return nil
}

// attempts is how often a target is run whose fuzzer fails by itself.
const attempts = 3

// errLate is go test that did not end its workers in time, which it tells of as a
// failure: its words, and no input that fails.
var errLate = errors.New("context deadline exceeded")

func (t target) run(ctx context.Context, env cli.Env, length time.Duration) error {
	var said bytes.Buffer
	err := exec.Run(ctx, exec.Cmd{
		Args:   []string{"go", "test", "-run", "^$", "-fuzz", "^" + t.name + "$", "-fuzztime", length.String(), "./" + t.folder},
		Stdout: io.MultiWriter(env.Stdout, &said), Stderr: env.Stderr,
	})
	text := said.String()
	if err != nil && strings.Contains(text, errLate.Error()) && !strings.Contains(text, "Failing input") {
		return fmt.Errorf("%w: %w", errLate, err)
	}
	return err
}

// find lists the fuzz functions below root.
func find(root string) ([]target, error) {
	var targets []target
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if m := declaration.FindStringSubmatch(lines.Text()); m != nil {
				targets = append(targets, target{filepath.Dir(path), m[1]})
			}
		}
		return lines.Err()
	})
	return targets, err
}

package tast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// Config is a run of tests on a device.
type Config struct {
	Program string   // tast; empty is tast of PATH
	Device  string   // [USER@]HOST[:PORT]
	Tests   []string // names with * in them, or one expression of attributes in parentheses
	Key     string   // file of the private SSH key; empty is tast's own choice
	Flags   []string // passed on to tast list and tast run, as -build=false
	Results string   // folder for the results: one that is empty or not there
	Output  io.Writer
	Say     func(string)
}

// listArgs name the tests that would run, one a line.
func (c Config) listArgs() []string {
	args := c.args("list")
	return append(append(args, c.Device), c.Tests...)
}

// runArgs run the tests.
func (c Config) runArgs() []string {
	args := append(c.args("run"), "-resultsdir="+c.Results)
	return append(append(args, c.Device), c.Tests...)
}

func (c Config) args(verb string) []string {
	program := c.Program
	if program == "" {
		program = "tast"
	}
	args := []string{program, verb}
	if c.Key != "" {
		args = append(args, "-keyfile="+c.Key)
	}
	return append(args, c.Flags...)
}

// Plan is what Execute runs, for people.
func (c Config) Plan() [][]string { return [][]string{c.listArgs(), c.runArgs()} }

// listing is how long the device may take to name its tests; ending how long tast may
// take to end when it is asked to.
const (
	listing = 10 * time.Minute
	ending  = 30 * time.Second
)

// Execute runs the tests and reads how they ended. An error is no verdict: there is no
// tast, or no device, or ctx ended. A run that died in its midst is one, and failed.
func Execute(ctx context.Context, c Config) (*Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	expected, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	c.Say(fmt.Sprintf("%d tests to run on %s", len(expected), c.Device))
	stop := c.follow(len(expected))
	err = exec.Run(ctx, exec.Cmd{Args: c.runArgs(), Stdout: c.Output, Stderr: c.Output, Grace: ending})
	stop()
	run, readErr := ReadFolder(c.Results, expected)
	if cause := context.Cause(ctx); cause != nil {
		return run, fmt.Errorf("run tests on %s: %w", c.Device, cause)
	}
	if readErr != nil {
		return nil, readErr
	}
	if err != nil {
		if failed := (*exec.Error)(nil); errors.As(err, &failed) {
			err = failed.Err // the whole line is for nobody
		}
		run.breaks("tast ended with %v", err)
	}
	return run, nil
}

// check refuses a folder with results in it: tast would append to them.
func (c Config) check() error {
	entries, err := os.ReadDir(c.Results)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s holds something already, to which tast would add; name a new folder", c.Results)
	}
	return os.MkdirAll(c.Results, 0o755)
}

// list asks the device which tests would run, so that what is missing later is known.
func (c Config) list(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, listing, fmt.Errorf("%s did not name its tests within %s", c.Device, listing))
	defer cancel()
	out, err := exec.Output(ctx, exec.Cmd{Args: c.listArgs(), Grace: ending})
	switch {
	case exec.IsNotFound(err):
		return nil, fmt.Errorf("tast is not installed: %w; it comes with ChromiumOS's SDK (cros_sdk), name it by --tast", err)
	case err != nil:
		return nil, fmt.Errorf("ask %s for its tests: %w; see that the device is on and that ssh logs in there with the key", c.Device, err)
	}
	var names []string
	for _, line := range strings.Fields(string(out)) {
		if !slices.Contains(names, line) {
			names = append(names, line)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no test on %s matches %s; tast list shows what there is", c.Device, strings.Join(c.Tests, " "))
	}
	return names, nil
}

// look is how often the stream is looked at.
const look = time.Second

// follow tells how each test ends, as it does. tast overwrites the last line of its
// stream, so that there is no end to wait for: it is read again.
func (c Config) follow(all int) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		said := map[string]bool{}
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				c.tell(said, all)
			case <-done:
				c.tell(said, all)
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (c Config) tell(said map[string]bool, all int) {
	data, err := readFile(c.Results, StreamFile)
	if err != nil {
		return // the verdict tells; nothing in it is that it is not there yet
	}
	results, _, err := ParseStream(data)
	if err != nil {
		return // the verdict tells
	}
	for _, r := range results {
		if r.End.IsZero() || said[r.Name] {
			continue
		}
		said[r.Name] = true
		why := ""
		if r.Status() == Failed {
			why = ": " + r.Reason()
		}
		c.Say(fmt.Sprintf("%d of %d: %s %s after %s%s", len(said), all, r.Name, r.Status(), r.Duration().Round(time.Millisecond), why))
	}
}

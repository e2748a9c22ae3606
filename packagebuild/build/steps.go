package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/packagebuild"
)

// tailLines is how much of a failed build's log its error shows.
const tailLines = 20

// steps runs the plan's steps, with everything they print in one log.
func (r run) steps(ctx context.Context, dir, logName string) error {
	if err := os.MkdirAll(filepath.Join(dir, "home"), 0o755); err != nil {
		return err
	}
	logPath := filepath.Join(r.Logs, logName)
	logFile, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("open the build log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	for _, step := range r.plan.Steps {
		r.log.Infof("%s: %s", r.req.Target.Name, step.Name)
		fmt.Fprintf(logFile, "+ %s\n", strings.Join(step.Args, " "))
		if err := r.step(ctx, step, dir, logFile); err != nil {
			return r.explain(ctx, step, logPath, err)
		}
	}
	return nil
}

// explain puts the end of the log into the error, where a person looks first. It
// has nothing to tell about a machine without sandboxes or a run that was stopped.
func (r run) explain(ctx context.Context, step packagebuild.Step, logPath string, err error) error {
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(err, sandbox.ErrNeedRoot) || errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", step.Name, err)
	}
	return fmt.Errorf("%s: %w; the log %s ends:\n%s", step.Name, err, logPath, tail(logPath, tailLines))
}

// tailBytes is how much of a log is read for its last lines.
const tailBytes = 64 << 10

func tail(path string, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	data, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

func (r run) step(ctx context.Context, step packagebuild.Step, dir string, log io.Writer) error {
	c := sandbox.Config{
		Lower: r.room.layers, Work: r.Work, Masks: r.room.masks,
		Binds:   append([]sandbox.Bind{{Source: dir, Target: packagebuild.BuildRoot}}, r.room.binds...),
		Network: r.req.Target.Network,
		Dir:     step.Dir, Args: step.Args, Env: r.environment(step),
		Stdout: log, Stderr: log,
	}
	limit := cmp.Or(r.Timeout, DefaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %v; give it more with --build-timeout", limit))
	defer cancel()
	defer progress.Watch(30*time.Second, r.req.Target.Name+": "+step.Name, func(message string) { r.log.Info(message) })()
	return r.isolated(ctx, c)
}

// isolated runs c in the sandbox. Where the machine refuses namespaces, as a pod
// does whose image is the root, it runs without, if the builder may.
func (r run) isolated(ctx context.Context, c sandbox.Config) error {
	err := sandbox.Run(ctx, c)
	if r.Roots == nil && r.MayBeBare && errors.Is(err, sandbox.ErrUnavailable) {
		r.log.Warnf("%s: %v; building without isolation", r.req.Target.Name, err)
		return bare(ctx, c)
	}
	return err
}

// environment is the whole environment of a step: nothing comes from this process.
func (r run) environment(step packagebuild.Step) []string {
	env := map[string]string{
		"PATH":              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME":              packagebuild.BuildRoot + "/home",
		"USER":              "root",
		"LOGNAME":           "root",
		"SHELL":             "/bin/sh",
		"LANG":              "C.UTF-8",
		"TZ":                "UTC",
		"DEBIAN_FRONTEND":   "noninteractive",
		"SOURCE_DATE_EPOCH": strconv.FormatInt(r.req.Source.Time.Unix(), 10),
	}
	maps.Copy(env, r.room.env)
	maps.Copy(env, step.Env)
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}

// oneBare keeps bare builds apart: all see their build at the same place.
var oneBare sync.Mutex

// bare runs a step in a pod that refuses namespaces, where the job image is the
// root: the binds become links, and the environment is still made from nothing.
func bare(ctx context.Context, c sandbox.Config) (err error) {
	oneBare.Lock()
	defer oneBare.Unlock()
	for _, b := range c.Binds {
		if err := os.MkdirAll(filepath.Dir(b.Target), 0o755); err != nil {
			return err
		}
		if _, err := os.Stat(b.Target); err != nil {
			_ = os.Remove(b.Target) // the link of a build that was killed, to a folder that is gone
		}
		if err := os.Symlink(b.Source, b.Target); err != nil {
			return fmt.Errorf("show the build %s: %w; without isolation one process at a time can build", b.Target, err)
		}
		defer func() { err = errors.Join(err, os.Remove(b.Target)) }()
	}
	return exec.Run(ctx, exec.Cmd{Args: c.Args, Dir: c.Dir, Env: c.Env, Stdout: c.Stdout, Stderr: c.Stderr})
}

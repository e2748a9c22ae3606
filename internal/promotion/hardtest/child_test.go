package hardtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
)

// jobVariable names the file of a job: the test program is then a promoter.
const jobVariable = "SLIPWAY_HARDTEST_JOB"

// job is what a promoter in a process of its own does.
type job struct {
	setting
	Who      string
	Requests []promotion.Request
	Starts   bool // between plan and apply it says so, and waits for a line on its input
	Audits   bool // at its end
	ReadOnly bool // it sees the store on a disk that is mounted so
	Tries    int  // how often it tries, while others are in its way; 0 is once
}

func TestMain(m *testing.M) {
	file := os.Getenv(jobVariable)
	if file == "" {
		os.Exit(m.Run())
	}
	if err := runJob(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runJob(file string) error {
	fmt.Println("begun")
	var j job
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err != nil {
		return err
	}
	if j.ReadOnly {
		if err := mountReadOnly(j.Store); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for range j.Tries - 1 {
		if err = j.run(ctx, os.Stdin, os.Stdout); err == nil {
			return nil
		}
		fmt.Fprintln(os.Stderr, err)
	}
	return j.run(ctx, os.Stdin, os.Stdout)
}

// attributes give a process mounts of its own if it changes them.
func (j job) attributes() *syscall.SysProcAttr {
	if !j.ReadOnly {
		return nil
	}
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
}

// mountReadOnly lets this process, which has mounts of its own, see a folder as read-only.
func mountReadOnly(dir string) error {
	return errors.Join(
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount(dir, dir, "", syscall.MS_BIND, ""),
		syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""),
	)
}

// run plans and applies.
func (j job) run(ctx context.Context, in io.Reader, out io.Writer) error {
	p, err := j.promoter(j.Who, oci.Config{}, nil)
	if err != nil {
		return err
	}
	plan, err := p.Plan(ctx, promotion.Order{Requests: j.Requests})
	if err != nil {
		return err
	}
	if j.Starts {
		fmt.Fprintln(out, "planned")
		if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
			return err
		}
	}
	if err := p.Apply(ctx, plan); err != nil || !j.Audits {
		return err
	}
	findings, err := p.Audit(ctx, j.channels())
	if err == nil && len(findings) > 0 {
		err = fmt.Errorf("audit: %+v", findings)
	}
	return err
}

func (j job) channels() []string {
	var all []string
	for _, r := range j.Requests {
		all = append(all, r.Channel)
	}
	return all
}

// errKilled is the end of a promoter that was killed.
var errKilled = errors.New("killed")

// process runs a job in a process of its own. It is killed so long after it began, if
// that is not 0 and it still runs; took counts from the same moment.
func (w *world) process(j job, killAfter time.Duration) (took time.Duration, err error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	var begun time.Time
	err = exec.Run(ctx, exec.Cmd{
		Args: []string{os.Args[0]}, Env: append(os.Environ(), jobVariable+"="+w.jobFile(j)), Attr: j.attributes(),
		Stdout: onFirstWrite(func() {
			begun = time.Now()
			if killAfter > 0 {
				time.AfterFunc(killAfter, func() { kill(errKilled) })
			}
		}),
	})
	return time.Since(begun), err
}

// jobFile writes a job beside the store.
func (w *world) jobFile(j job) string {
	w.Helper()
	path := filepath.Join(filepath.Dir(w.Config), j.Who+".json")
	data, err := json.Marshal(j)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		w.Fatal(err)
	}
	return path
}

// onFirstWrite is a writer that is told of the first write.
func onFirstWrite(do func()) io.Writer { return &firstWrite{do: do} }

type firstWrite struct{ do func() }

func (f *firstWrite) Write(p []byte) (int, error) {
	if f.do != nil {
		f.do()
		f.do = nil
	}
	return len(p), nil
}

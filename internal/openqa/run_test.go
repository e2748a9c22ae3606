package openqa_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/openqa"
	fake "slipway.dev/slipway/internal/testkit/openqa"
)

const settings = "settings: {DISTRI: hello, VERSION: 1, FLAVOR: disk, ARCH: x86_64}\n"

// quick is for jobs that go on each time one looks.
var quick = openqa.Patience{Wait: 20 * time.Second, Unpicked: 20 * time.Second, Doubt: time.Millisecond, First: time.Millisecond, Longest: 5 * time.Millisecond}

// order is a run of jobs, as a suite has them in YAML, on a disk that is on this machine.
func order(t *testing.T, s *fake.Server, jobs string) openqa.Order {
	t.Helper()
	suite, err := openqa.ParseSuite([]byte(settings + "jobs: [" + jobs + "]"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "disk.qcow2")
	if err := os.WriteFile(file, []byte("a disk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	digest, err := openqa.DigestFile(t.Context(), file, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := openqa.NewPlan(suite, openqa.Disk{Digest: digest, Format: "qcow2"}, "77")
	if err != nil {
		t.Fatal(err)
	}
	return openqa.Order{Plan: plan, File: file, Folder: s.Folder, Patience: quick}
}

func module(name, result string) fake.Module { return fake.Module{Name: name, Result: result} }

func TestRunOutcomes(t *testing.T) {
	scheduled := fake.Look{State: "scheduled", Result: "none"}
	running := fake.Look{State: "running", Result: "none"}
	ends := func(state, result, reason string) fake.Look {
		return fake.Look{State: state, Result: result, Reason: reason, Modules: []fake.Module{module("boot", "passed")}}
	}
	restarted := func(result string) fake.Look { return fake.Look{State: "done", Result: result, Restart: true} }
	tests := []struct {
		name     string
		script   []fake.Look
		suite    string
		outcome  openqa.Outcome
		evidence bool
		reason   string
		id       int64
	}{
		{"passed", fake.Done("passed"), "{name: a}", openqa.Passed, true, "", 1},
		{"failed", fake.Done("failed"), "{name: a}", openqa.Failed, true, "failed", 1},
		{"softfailed", fake.Done("softfailed"), "{name: a}", openqa.Failed, true, "does not allow", 1},
		{"softfailed, as allowed", fake.Done("softfailed"), "{name: a, allow-softfailed: true}", openqa.Warned, true, "softfailed", 1},
		{"incomplete", []fake.Look{running, ends("done", "incomplete", "died: no disk")}, "{name: a}", openqa.Failed, true, "its worker gave up: died: no disk", 1},
		{"too long", []fake.Look{running, ends("done", "timeout_exceeded", "")}, "{name: a}", openqa.Failed, true, "MAX_JOB_TIME", 1},
		{"obsoleted", []fake.Look{scheduled, ends("cancelled", "obsoleted", "")}, "{name: a}", openqa.Failed, false, "obsoleted", 1},
		{"cancelled by somebody", []fake.Look{running, ends("done", "user_cancelled", "not today")}, "{name: a}", openqa.Failed, false, "cancelled: not today", 1},
		{"skipped", []fake.Look{ends("cancelled", "skipped", "")}, "{name: a}", openqa.Failed, false, "skipped", 1},
		{"forgotten", []fake.Look{running, {Gone: true}}, "{name: a}", openqa.Failed, false, "no longer has it", 1},
		{"restarted by somebody", []fake.Look{running, restarted("user_restarted"), running, ends("done", "passed", "")}, "{name: a}", openqa.Passed, true, "", 2},
		{"restarted twice", []fake.Look{restarted("incomplete"), restarted("parallel_restarted"), ends("done", "passed", "")}, "{name: a}", openqa.Passed, true, "", 3},
		{"restarted after it had failed", []fake.Look{ends("done", "failed", ""), restarted("failed"), ends("done", "passed", "")}, "{name: a}", openqa.Passed, true, "", 2},
		{"restarted, and fails", []fake.Look{restarted("failed"), ends("done", "failed", "")}, "{name: a}", openqa.Failed, true, "failed", 2},
		{"without a wanted module", fake.Done("passed"), "{name: a, modules: [shutdown]}", openqa.Failed, true, "without module shutdown", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fake.Start(t)
			s.Script["a"] = tt.script
			report, err := client(t, s).Run(t.Context(), order(t, s, tt.suite))
			if err != nil {
				t.Fatal(err)
			}
			job := report.Jobs[0]
			if report.Outcome != tt.outcome || report.Evidence() != tt.evidence || !strings.Contains(job.Verdict.Reason, tt.reason) || job.ID != tt.id {
				t.Errorf("got %s, evidence %v, job %d %q; want %s, %v, %d %q", report.Outcome, report.Evidence(), job.ID, job.Verdict.Reason, tt.outcome, tt.evidence, tt.id, tt.reason)
			}
			if (report.Outcome == openqa.Failed) != (len(report.Failures()) == 1) {
				t.Errorf("failures: %q", report.Failures())
			}
		})
	}
}

// A job that had passed may be restarted with one beside it that failed: then it counts
// as what it was restarted as.
func TestRestartedAfterItPassed(t *testing.T) {
	s := fake.Start(t)
	done := func(result string, restart bool) fake.Look {
		return fake.Look{State: "done", Result: result, Restart: restart, Modules: []fake.Module{module("boot", result)}}
	}
	s.Script["a"] = []fake.Look{done("passed", false), done("passed", false), done("passed", true), done("failed", false)}
	s.Script["b"] = append(slices.Repeat([]fake.Look{{State: "running", Result: "none"}}, 4), done("passed", false))
	report, err := client(t, s).Run(t.Context(), order(t, s, "{name: a, parallel: [b]}, {name: b}"))
	if err != nil {
		t.Fatal(err)
	}
	if a := report.Jobs[0]; a.ID != 3 || a.Verdict.Outcome != openqa.Failed || !slices.Equal(a.Restarted, []int64{1}) || report.Outcome != openqa.Failed {
		t.Errorf("got %s: %+v", report.Outcome, a)
	}
}

// An openQA that goes away while results are brought home is waited for once, and not for
// each of a job's files.
func TestAwayWhileFetching(t *testing.T) {
	s := fake.Start(t)
	var files atomic.Int32
	s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/file/") {
			return false
		}
		files.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	o := order(t, s, "{name: a}, {name: b}")
	o.Artifacts = t.TempDir()
	report, err := client(t, s).Run(t.Context(), o)
	if err != nil || report.Outcome != openqa.Passed || files.Load() != 1 {
		t.Errorf("got %+v, %v after %d files", report, err, files.Load())
	}
}

// What is copied has no name until it is whole: who is killed in between leaves nothing.
func TestPlaceLeavesNothing(t *testing.T) {
	s := fake.Start(t)
	o := order(t, s, "{name: a}")
	o.File = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(o.File, 0o600); err != nil {
		t.Fatal(err)
	}
	placed := make(chan error, 1)
	go func() { placed <- client(t, s).Place(t.Context(), o.Plan.Disk, o.File, o.Folder) }()
	from, err := os.OpenFile(o.File, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	_, err = from.WriteString("a disk")
	if entries, _ := os.ReadDir(s.Folder); err != nil || len(entries) > 0 {
		t.Errorf("%v; in between there is %v", err, entries)
	}
	if _, err := from.WriteString("\n"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(from.Close(), <-placed); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(s.Folder, o.Plan.Disk.Asset())); err != nil || info.Mode().Perm() != 0o644 || info.Size() != 7 {
		t.Errorf("got %v, %v", info, err)
	}
}

// A job that nobody picks up is given up and cancelled; one that waits for another job is
// not one that nobody picks up.
func TestUnpicked(t *testing.T) {
	s := fake.Start(t)
	s.Script["a"] = []fake.Look{{State: "scheduled", Result: "none"}}
	s.Script["b"] = append(slices.Repeat([]fake.Look{{State: "scheduled", Result: "none", BlockedBy: 1}}, 200), fake.Done("passed")[2])
	o := order(t, s, "{name: a, settings: {WORKER_CLASS: nobody}}, {name: b}")
	o.Patience.Unpicked = 20 * time.Millisecond
	report, err := client(t, s).Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	a, b := report.Jobs[0].Verdict, report.Jobs[1].Verdict
	if a.Outcome != openqa.Failed || a.Tested || !strings.Contains(a.Reason, `no worker picked it up within 20ms; look whether one of class "nobody"`) || b.Outcome != openqa.Passed {
		t.Errorf("got %+v and %+v", a, b)
	}
	if got := s.Jobs()[0].Cancelled; got != "no worker picked it up" {
		t.Errorf("cancelled: %q", got)
	}
}

func TestWait(t *testing.T) {
	s := fake.Start(t)
	s.Script["a"] = []fake.Look{{State: "running", Result: "none"}}
	o := order(t, s, "{name: a}, {name: b}")
	o.Patience.Wait = 100 * time.Millisecond
	report, err := client(t, s).Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if v := report.Jobs[0].Verdict; v.Outcome != openqa.Failed || v.Tested || v.Reason != "did not end within 100ms: it is running" {
		t.Errorf("got %+v", v)
	}
	if report.Jobs[1].Verdict.Outcome != openqa.Passed || s.Jobs()[0].Cancelled == "" {
		t.Errorf("got %+v; jobs %+v", report.Jobs[1].Verdict, s.Jobs())
	}
}

// However a run is aborted, none of its jobs stays: not those that were restarted, nor
// those whose submission was not answered.
func TestAbortCancels(t *testing.T) {
	tests := []struct {
		name  string
		at    string // the request during which it is aborted
		nth   int32
		wants int // jobs
	}{
		{"while it waits", "GET /api/v1/jobs?ids=", 3, 3},
		{"while it submits", "POST /api/v1/jobs", 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fake.Start(t)
			s.Script["a"] = []fake.Look{{State: "running", Result: "none"}, {State: "done", Result: "user_restarted", Restart: true}, {State: "running", Result: "none"}}
			s.Script["b"] = []fake.Look{{State: "scheduled", Result: "none"}}
			ctx, cancel := context.WithCancelCause(t.Context())
			var n atomic.Int32
			s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasPrefix(r.Method+" "+r.URL.RequestURI(), tt.at) || strings.HasSuffix(r.URL.Path, "/cancel") || n.Add(1) != tt.nth {
					return false
				}
				s.Intercept = nil
				s.ServeHTTP(&mute{}, r)
				cancel(errors.New("interrupted by SIGTERM"))
				return true
			}
			report, err := client(t, s).Run(ctx, order(t, s, "{name: a}, {name: b}"))
			if report != nil || err == nil || !strings.Contains(err.Error(), "interrupted by SIGTERM") {
				t.Errorf("got %v, %v", report, err)
			}
			jobs := s.Jobs()
			if len(jobs) != tt.wants {
				t.Errorf("jobs: %+v", jobs)
			}
			for _, job := range jobs[len(jobs)-2:] {
				if job.Cancelled != "slipway: interrupted by SIGTERM" {
					t.Errorf("job %d stays: %+v", job.ID, job)
				}
			}
		})
	}
}

// mute is an answer that nobody gets.
type mute struct{ header http.Header }

func (m *mute) Header() http.Header {
	if m.header == nil {
		m.header = http.Header{}
	}
	return m.header
}
func (m *mute) Write(p []byte) (int, error) { return len(p), nil }
func (m *mute) WriteHeader(int)             {}

// The same run again finds its jobs; so does one whose submission was not answered.
// Cancelled jobs were given up, and are submitted anew; another id is another run.
func TestSubmitOnce(t *testing.T) {
	s := fake.Start(t)
	var lost atomic.Bool
	s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/jobs" || r.ContentLength == 0 || lost.Swap(true) {
			return false
		}
		s.Intercept = nil
		s.ServeHTTP(&mute{}, r)
		panic(http.ErrAbortHandler)
	}
	o := order(t, s, "{name: a}, {name: b}")
	c := client(t, s)
	ids, err := c.Submit(t.Context(), o.Plan)
	if diff := cmp.Diff(map[string]int64{"a": 1, "b": 2}, ids); err != nil || diff != "" {
		t.Fatalf("after a lost answer: %v\n%s", err, diff)
	}
	if ids, err = c.Submit(t.Context(), o.Plan); err != nil || ids["a"] != 1 || ids["b"] != 2 {
		t.Errorf("again: %v, %v", ids, err)
	}
	if n, err := c.Cancel(t.Context(), o.Plan, "enough"); n != 2 || err != nil {
		t.Errorf("cancelled %d, %v", n, err)
	}
	if ids, err = c.Submit(t.Context(), o.Plan); err != nil || ids["a"] != 3 || ids["b"] != 4 {
		t.Errorf("after it was cancelled: %v, %v", ids, err)
	}
	other, err := openqa.NewPlan(o.Plan.Suite, o.Plan.Disk, "78")
	if err != nil {
		t.Fatal(err)
	}
	if ids, err = c.Submit(t.Context(), other); err != nil || ids["a"] != 5 {
		t.Errorf("another run: %v, %v", ids, err)
	}
}

func TestSubmitRefused(t *testing.T) {
	s := fake.Start(t)
	s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.ContentLength > 0 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"The MACHINE is missing"}`)
			return true
		}
		return false
	}
	o := order(t, s, "{name: a}")
	_, err := client(t, s).Submit(t.Context(), o.Plan)
	if !errors.Is(err, openqa.ErrRefused) || !strings.Contains(err.Error(), "The MACHINE is missing") || len(s.Requests("POST")) != 1 {
		t.Errorf("got %v after %q", err, s.Requests("POST"))
	}
}

// An openQA that goes away for a moment while it is waited for changes nothing; one that
// stays away is an error, and no failed test.
func TestAwayWhileWaiting(t *testing.T) {
	for name, away := range map[string]int32{"a moment": 3, "for good": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			s := fake.Start(t)
			var n atomic.Int32
			s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.RawQuery, "ids=") || n.Add(1) < 2 || n.Load() > 2+away {
					return false
				}
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			report, err := client(t, s, func(c *openqa.Config) { c.Patience = 200 * time.Millisecond }).Run(t.Context(), order(t, s, "{name: a}"))
			if away == 3 && (err != nil || report.Outcome != openqa.Passed) {
				t.Errorf("got %+v, %v", report, err)
			}
			if away > 3 && (report != nil || !errors.Is(err, openqa.ErrBusy) || s.Jobs()[0].Cancelled == "") {
				t.Errorf("got %+v, %v; %+v", report, err, s.Jobs())
			}
		})
	}
}

func TestArtifacts(t *testing.T) {
	s := fake.Start(t)
	s.Script["b"] = fake.Done("failed")
	o := order(t, s, "{name: a}, {name: b}")
	o.Artifacts = t.TempDir()
	report, err := client(t, s).Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"openqa/a/job.json", "openqa/a/autoinst-log.txt", "openqa/a/uploaded.txt", "openqa/a/boot-1.png", "openqa/a/login-1.png",
	}
	if diff := cmp.Diff(want, report.Jobs[0].Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, file := range want {
		data, err := os.ReadFile(filepath.Join(o.Artifacts, file))
		if err != nil || !strings.HasSuffix(file, ".json") && string(data) != filepath.Base(file)+" of 1\n" {
			t.Errorf("%s holds %q, %v", file, data, err)
		}
	}
	if all, _ := filepath.Glob(filepath.Join(o.Artifacts, "*")); len(all) != 1 {
		t.Errorf("beside openqa there is %q", all)
	}
	var xml bytes.Buffer
	if err := junit.Write(&xml, report.JUnit()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`<testsuite name="openqa b" tests="3" failures="2"`, `message="login failed"`, `time="62.000"`, "login-1.png", "/tests/2"} {
		if !strings.Contains(xml.String(), text) {
			t.Errorf("JUnit lacks %s:\n%s", text, xml.String())
		}
	}
	cases := report.Cases()
	if diff := cmp.Diff(map[openqa.Outcome][]string{"passed": {"a", "a/boot", "a/login", "b/boot"}, "failed": {"b", "b/login"}}, cases); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

func TestDisk(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, s *fake.Server, o *openqa.Order)
		want   string
	}{
		{"openQA does not have it", func(_ *testing.T, _ *fake.Server, o *openqa.Order) { o.Folder = "" }, "name its folder of disks"},
		{"openQA has it", func(_ *testing.T, s *fake.Server, o *openqa.Order) {
			o.Folder = ""
			s.Put(o.Plan.Disk.Asset(), []byte("a disk\n"))
		}, ""},
		{"the folder is another openQA's", func(t *testing.T, _ *fake.Server, o *openqa.Order) { o.Folder = t.TempDir() }, "the folder share/factory/hdd of that openQA?"},
		{"there is no folder", func(t *testing.T, _ *fake.Server, o *openqa.Order) { o.Folder = filepath.Join(t.TempDir(), "none") }, "no such file"},
		{"the name is taken by other bytes", func(_ *testing.T, s *fake.Server, o *openqa.Order) {
			s.Put(o.Plan.Disk.Asset(), []byte("another disk\n"))
		}, "holds other bytes than its name says"},
		{"the file changed since it was read", func(t *testing.T, _ *fake.Server, o *openqa.Order) {
			if err := os.WriteFile(o.File, []byte("another disk\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "nothing may write to it meanwhile"},
		{"openQA fetches something else", func(_ *testing.T, s *fake.Server, o *openqa.Order) {
			o.Folder, o.Plan.Disk.URL = "", "https://bucket.example.com/disk.qcow2"
			s.Put(o.Plan.Disk.Asset(), []byte("another disk\n"))
		}, "what was tested there is another disk"},
		{"openQA fetches nothing", func(_ *testing.T, _ *fake.Server, o *openqa.Order) {
			o.Folder, o.Plan.Disk.URL = "", "https://bucket.example.com/disk.qcow2"
		}, "read back disk"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fake.Start(t)
			o := order(t, s, "{name: a}")
			tt.change(t, s, &o)
			report, err := client(t, s).Run(t.Context(), o)
			if tt.want == "" && (err != nil || report.Outcome != openqa.Passed) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %+v, %v; want %q", report, err, tt.want)
			}
			if report != nil && err != nil && (report.Outcome != openqa.Failed || report.Evidence() || junit.Suite.Failed(report.JUnit()[1]) != 1) {
				t.Errorf("the report says %+v", report)
			}
			if left, _ := filepath.Glob(filepath.Join(s.Folder, ".slipway-*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// A product or a test suite of openQA that sets another disk does not pass for this one.
func TestOtherDiskTested(t *testing.T) {
	s := fake.Start(t)
	s.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		if err := r.ParseForm(); err == nil && r.PostForm.Has(openqa.DiskSetting) {
			r.PostForm.Set(openqa.DiskSetting, "fedora.qcow2")
		}
		return false
	}
	report, err := client(t, s).Run(t.Context(), order(t, s, "{name: a}"))
	if err != nil || report.Outcome != openqa.Failed || report.Evidence() || !strings.Contains(report.Failures()[0], `ran on disk "fedora.qcow2"`) {
		t.Errorf("got %+v, %v", report, err)
	}
}

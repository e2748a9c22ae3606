package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
)

func TestVerdicts(t *testing.T) {
	const until = "tracker: https://example.com/1, reason: the driver is broken, expires: "
	for _, test := range []struct {
		name   string
		script []string // of program a
		deny   string
		status guest.Status
		reason string
	}{
		{"passes", []string{"ok"}, "", guest.Passed, ""},
		{"flaky", []string{"fail", "ok"}, "", guest.Flaky, `passed on a fresh machine; before: a ended with code 1, want 0; it said "" and "no such luck"`},
		{"fails", []string{"fail", "fail", "ok"}, "", guest.Failed, `a ended with code 1, want 0; it said "" and "no such luck"`},
		{"denied", []string{"fail", "ok"}, "{test: a, " + until + "2026-11-21}", guest.Denied, "the driver is broken (https://example.com/1, until 2026-11-21)"},
		{"revived", []string{"ok"}, "{test: '*', " + until + "2026-12-31}", guest.Revived,
			"passes again, remove its entry from the denylist: the driver is broken (https://example.com/1, until 2026-12-31)"},
		{"expired", []string{"fail"}, "{test: a, " + until + "2026-11-20}", guest.Failed,
			`a ended with code 1, want 0; it said "" and "no such luck"; its denylist entry expired on 2026-11-20 (https://example.com/1)`},
		{"expired and passes", []string{"ok"}, "{test: a, " + until + "2026-11-20}", guest.Passed, "passes, and its denylist entry expired on 2026-11-20: remove it"},
		{"denied elsewhere", []string{"fail"}, "{test: a, firmware: uefi, " + until + "2026-12-31}", guest.Failed, `a ended with code 1, want 0; it said "" and "no such luck"`},
		{"denied here", []string{"fail"}, "{test: a, firmware: bios, " + until + "2026-12-31}", guest.Denied, "the driver is broken (https://example.com/1, until 2026-12-31)"},
		{"hangs", []string{"hang"}, "", guest.Failed, "run a in the guest: wait for the guest: the test took longer than 1m0s"},
		{"is late", []string{"late"}, "", guest.Failed, "the test took longer than 1m0s"},
		{"has no program", nil, "", guest.Failed, "the guest has no a: find a: the guest has no such program"},
		{"dies once", []string{"die", "ok"}, "", guest.Flaky,
			"passed on a fresh machine; before: run a in the guest: wait for the guest: the guest died: kernel-panic: [   12.3] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := parse(t, runs("a")...)
			c := Config{Plan: p, Where: plan.Where{Firmware: "bios", Now: time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC)}}
			if test.deny != "" {
				c.Denylist = denylist(t, p, test.deny)
			}
			try(t, &world{snapshots: true, script: map[string][]string{"a": test.script}}, c, func(_ context.Context, r *guest.Run, err error) {
				if err != nil {
					t.Fatal(err)
				}
				got := result(t, r, "a")
				if got.Status != test.status || got.Reason != strings.Join(strings.Fields(test.reason), " ") {
					t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, test.status, test.reason)
				}
			})
		})
	}
}

// Results come in the plan's order, whatever runs first, and each machine that a failed
// test was on is not used again.
func TestOrderAndMachines(t *testing.T) {
	p := parse(t, slices.Concat(runs("a", "b"), []string{"{name: reboots, reboot: {then: [a]}}"}, runs("c"), []string{"{name: changes, changes: true, run: {args: [d]}}"})...)
	w := &world{snapshots: true, script: map[string][]string{"a": {"ok"}, "b": {"fail", "ok"}, "c": {"ok"}, "d": {"ok"}}}
	try(t, w, Config{Plan: p, Jobs: 1}, func(_ context.Context, r *guest.Run, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("boot:passed a:passed b:flaky reboots:passed c:passed changes:passed console:passed", statuses(r)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		programs := slices.DeleteFunc(slices.Clone(w.log), func(line string) bool {
			return !slices.Contains([]string{"a", "b", "c", "d"}, strings.Fields(line)[1])
		})
		// 0 is the boot, 1 reboots, 2 is changed, 3 is shared until b fails, 4 is shared by the rest.
		if diff := cmp.Diff([]string{"1 a", "2 d", "3 a", "3 b", "4 b", "4 c"}, programs); diff != "" {
			t.Errorf("what ran where (-want +got):\n%s", diff)
		}
		if detail := result(t, r, "b").Detail; !strings.Contains(detail, "attempt 1 on machine shared-1, after a:") {
			t.Errorf("the detail does not say what ran before: %q", detail)
		}
	})
}

func TestAsManyAtATimeAsFit(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("t%d", i))
	}
	for _, test := range []struct {
		name      string
		jobs      int
		available int64
		keep      bool
		most      int
	}{
		{"as asked", 3, 100, false, 3},
		{"as memory allows", 3, 25, false, 2},
		{"one is kept", 3, 25, true, 1},
		{"one in any case", 3, 0, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{snapshots: true, memory: 10, script: map[string][]string{}}
			for _, name := range names {
				w.script[name] = []string{"ok"}
			}
			// No test goes on until nothing moves any more: as many machines run as ever will.
			var all chan struct{}
			w.inside = func() {
				all = make(chan struct{})
				go func() {
					synctest.Wait()
					close(all)
				}()
			}
			w.gate = func(_ *world, m *fake) {
				if m.id > 0 { // which is the boot
					<-all
				}
			}
			c := Config{Plan: parse(t, runs(names...)...), Jobs: test.jobs, Available: func() (int64, error) { return test.available, nil }}
			if test.keep {
				c.Keep = func(context.Context, string, guest.Machine) {}
			}
			try(t, w, c, func(_ context.Context, r *guest.Run, err error) {
				if err != nil || !r.Good() {
					t.Fatalf("got %v, %s", err, statuses(r))
				}
				if w.most != test.most {
					t.Errorf("%d machines at a time, want %d", w.most, test.most)
				}
			})
		})
	}
}

func TestBootFails(t *testing.T) {
	panics := func(ctx context.Context, console io.Writer) error {
		fmt.Fprintln(console, "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)")
		<-ctx.Done()
		return fmt.Errorf("wait for the guest: %w", context.Cause(ctx))
	}
	for _, test := range []struct {
		name   string
		boot   func(ctx context.Context, console io.Writer) error
		want   string
		reason string
	}{
		{"panics", panics, "boot:failed a:skipped console:failed", "the guest died: kernel-panic: [ 1.2] Kernel panic"},
		{"says nothing", func(ctx context.Context, _ io.Writer) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}, "boot:failed a:skipped console:passed", "the guest did not answer within 5m30s"},
		{"ends itself", func(context.Context, io.Writer) error {
			return fmt.Errorf("boot: %w", &guest.BootError{Reason: "powered itself off"})
		}, "boot:failed a:skipped console:passed", "the guest powered itself off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			try(t, &world{boot: test.boot}, Config{Plan: parse(t, runs("a")...), Artifacts: t.TempDir()}, func(_ context.Context, r *guest.Run, err error) {
				if err != nil {
					t.Fatal(err)
				}
				if got := statuses(r); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
				if got := result(t, r, "boot"); !strings.HasPrefix(got.Reason, test.reason) || !slices.Contains(got.Files, "console-boot.log") {
					t.Errorf("got %q and %q, want %q", got.Reason, got.Files, test.reason)
				}
			})
		})
	}
}

// An error of this machine is no verdict on the guest.
func TestNoVerdict(t *testing.T) {
	broken := errors.New("qemu: no such file")
	for _, test := range []struct {
		name string
		w    *world
		c    Config
		want string
		err  string
	}{
		{"start", &world{boot: func(context.Context, io.Writer) error { return broken }}, Config{},
			"boot:skipped a:skipped console:skipped", "run plan test: start the guest: qemu: no such file"},
		{"restore", &world{snapshots: true, boot: func() func(context.Context, io.Writer) error {
			n := 0
			return func(context.Context, io.Writer) error {
				if n++; n > 1 {
					return broken
				}
				return nil
			}
		}()}, Config{Jobs: 1}, "boot:passed a:skipped console:skipped", "run plan test: start a machine for shared-1: qemu: no such file"},
		{"memory", &world{snapshots: true}, Config{Available: func() (int64, error) { return 0, broken }},
			"boot:passed a:skipped console:skipped", "run plan test: see how much memory there is for machines: qemu: no such file"},
		{"close", &world{breaksClose: true, script: map[string][]string{"a": {"ok"}}}, Config{},
			"boot:passed a:passed console:skipped", "run plan test: a process stayed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.c.Plan = parse(t, runs("a")...)
			try(t, test.w, test.c, func(_ context.Context, r *guest.Run, err error) {
				if got := fmt.Sprint(err); got != test.err {
					t.Errorf("got %q, want %q", got, test.err)
				}
				if got := statuses(r); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestCancelled(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &world{snapshots: true, runs: map[string]int{}, script: map[string][]string{"a": {"ok"}, "b": {"hang"}, "c": {"ok"}}}
	w.gate = func(w *world, _ *fake) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.runs["b"] > 0 {
			cancel(enough)
		}
	}
	r, err := Run(ctx, Config{Plan: parse(t, runs("a", "b", "c")...), Starter: w})
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if got, want := statuses(r), "boot:passed a:passed b:skipped c:skipped console:skipped"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := result(t, r, "c").Reason; got != "not run: enough" {
		t.Errorf("the reason is %q", got)
	}
	if open := w.open(); len(open) > 0 {
		t.Errorf("%d machines are still open", len(open))
	}
}

// A guest that fails while its tester is told to end has not failed.
func TestCancelledBoot(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &world{runs: map[string]int{}, boot: func(context.Context, io.Writer) error {
		cancel(enough)
		return &guest.BootError{Reason: "was cut off", Err: enough}
	}}
	r, err := Run(ctx, Config{Plan: parse(t, runs("a")...), Starter: w})
	if want := "boot:skipped a:skipped console:skipped"; !errors.Is(err, enough) || statuses(r) != want {
		t.Errorf("got %v, %s, want %s", err, statuses(r), want)
	}
}

func TestReboot(t *testing.T) {
	for _, test := range []struct {
		name   string
		w      *world
		tests  []string
		reason string
	}{
		{"survives", &world{}, []string{"{name: reboot, reboot: {then: [a]}}"}, ""},
		{"forgets", &world{forgets: true}, []string{"{name: reboot, reboot: {}}"},
			"/var/lib/slipway-marker did not survive the reboot: cat /var/lib/slipway-marker ended with code 1: cat: no such file"},
		{"may forget", &world{forgets: true}, []string{"{name: reboot, reboot: {stateless: true}}"}, ""},
		{"stays", &world{stays: true}, []string{"{name: reboot, reboot: {then: [a]}}"},
			"it did not reboot: the boot and its first process are the same as before"},
		{"is another afterwards", &world{script: map[string][]string{"a": {"fail"}}}, []string{"{name: reboot, reboot: {then: [a]}}"},
			`after the reboot, a: a ended with code 1, want 0; it said "" and "no such luck"`},
		{"is bad before", &world{script: map[string][]string{"b": {"fail"}}}, []string{"{name: reboot, run: {args: [b]}, reboot: {}}"},
			`b ended with code 1, want 0; it said "" and "no such luck"`},
	} {
		for _, snapshots := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, snapshots %t", test.name, snapshots), func(t *testing.T) {
				w := &world{snapshots: snapshots, forgets: test.w.forgets, stays: test.w.stays, script: test.w.script}
				if w.script == nil {
					w.script = map[string][]string{"a": {"ok"}}
				}
				try(t, w, Config{Plan: parse(t, append(test.tests, runs("a")...)...)}, func(_ context.Context, r *guest.Run, err error) {
					if got := result(t, r, "reboot"); err != nil || got.Reason != test.reason {
						t.Errorf("got %v, %q, want %q", err, got.Reason, test.reason)
					}
				})
			})
		}
	}
}

func TestUpgrade(t *testing.T) {
	to := func(version string) func(*fake) { return func(m *fake) { m.next = version } }
	for _, test := range []struct {
		name   string
		at     map[string]func(*fake)
		script map[string][]string
		reason string
	}{
		{"there and back", map[string]func(*fake){"up": to("new"), "down": to("old")}, nil, ""},
		{"not there", map[string]func(*fake){"up": to("other"), "down": to("old")}, nil, "after the upgrade the guest is other, want new"},
		{"not back", map[string]func(*fake){"up": to("new"), "down": to("")}, nil, "after the rollback the guest is new, want old"},
		{"the same", nil, map[string][]string{"version": {"7"}}, "this guest and the previous one are both 7: there is nothing to upgrade"},
		{"command fails", nil, map[string][]string{"up": {"fail"}}, "upgrade: up ended with code 1: no such luck"},
		{"no version", nil, map[string][]string{"version": {"\n"}}, "version prints no version"},
		{"a test fails after", map[string]func(*fake){"up": to("new"), "down": to("old")}, map[string][]string{"a": {"fail"}},
			`after the upgrade, a: a ended with code 1, want 0; it said "" and "no such luck"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			script := map[string][]string{"a": {"ok"}}
			for program, words := range test.script {
				script[program] = words
			}
			w := &world{snapshots: true, at: test.at, script: script}
			p := parse(t, append(runs("a"), "{name: upgrade, upgrade: {version: [version], command: [up], rollback: [down], then: [a]}}")...)
			try(t, w, Config{Plan: p, Previous: previous{w}, Jobs: 1}, func(_ context.Context, r *guest.Run, err error) {
				if got := result(t, r, "upgrade"); err != nil || got.Reason != test.reason {
					t.Errorf("got %v, %q, want %q", err, got.Reason, test.reason)
				}
			})
		})
	}
}

func TestPreviousGuestIsAskedFor(t *testing.T) {
	p := parse(t, append(runs("a"), "{name: upgrade, upgrade: {version: [v], command: [u], rollback: [d]}}")...)
	w := &world{script: map[string][]string{"a": {"ok"}}}
	try(t, w, Config{Plan: p}, func(_ context.Context, r *guest.Run, err error) {
		if err == nil || !strings.Contains(err.Error(), "upgrades from the previous guest") || len(w.started) > 0 {
			t.Errorf("got %v, %d machines", err, len(w.started))
		}
	})
	try(t, w, Config{Plan: p, FirstRelease: true}, func(_ context.Context, r *guest.Run, err error) {
		if want := "boot:passed a:passed console:passed"; err != nil || statuses(r) != want {
			t.Errorf("got %v, %s, want %s", err, statuses(r), want)
		}
		if diff := cmp.Diff(guest.Fact{Name: "left out", Value: "upgrade: there is no previous guest"}, r.Environment[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A kind of guest without snapshots boots once for all tests that only look, and again
// for each other one.
func TestWithoutSnapshots(t *testing.T) {
	p := parse(t, append([]string{"{name: changes, changes: true, run: {args: [d]}}"}, runs("a", "b")...)...)
	w := &world{script: map[string][]string{"a": {"ok"}, "b": {"ok"}, "d": {"ok"}}}
	try(t, w, Config{Plan: p}, func(_ context.Context, r *guest.Run, err error) {
		if err != nil || !r.Good() {
			t.Fatalf("got %v, %s", err, statuses(r))
		}
		if len(w.started) != 2 || w.most != 1 {
			t.Errorf("%d machines, %d at a time; want 2, and 1", len(w.started), w.most)
		}
	})
}

func TestKeep(t *testing.T) {
	w := &world{snapshots: true, script: map[string][]string{"a": {"ok"}, "b": {"fail"}, "c": {"fail"}, "d": {"ok"}}}
	var kept string
	c := Config{Plan: parse(t, runs("a", "b", "c", "d")...), Keep: func(_ context.Context, test string, m guest.Machine) {
		if out, err := m.Run(t.Context(), guest.Command{Args: []string{"a"}}); err == nil && out.Code == 0 {
			kept += test
		}
		if _, ok := m.(*fake); !ok {
			t.Errorf("got a %T, want the machine that was started", m)
		}
	}}
	try(t, w, c, func(_ context.Context, r *guest.Run, err error) {
		if want := "boot:passed a:passed b:failed c:failed d:passed console:passed"; err != nil || statuses(r) != want || kept != "b" {
			t.Errorf("got %v, %s, kept %q", err, statuses(r), kept)
		}
	})
}

func TestArtifacts(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "artifacts")
	w := &world{snapshots: true, script: map[string][]string{
		"a": {"fail"}, "journalctl": {"a line"}, "dmesg": {"fail"},
		"systemd-analyze": {"Startup finished in 1.5s (kernel) + 1min 2.5s (userspace) = 1min 4s \n", "<svg/>"},
	}}
	try(t, w, Config{Plan: parse(t, runs("a")...), Artifacts: folder, Jobs: 1}, func(_ context.Context, r *guest.Run, err error) {
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"console-shared-1.log", "a-1-screenshot.png", "a-1-journal.log", "console-shared-1-2.log", "a-2-screenshot.png", "a-2-journal.log"}
		if diff := cmp.Diff(want, result(t, r, "a").Files); diff != "" {
			t.Errorf("of the test (-want +got):\n%s", diff)
		}
		want = []string{"boot.png", "journal.log", "boot.svg", "console-boot.log", "console-shared-1.log", "console-shared-1-2.log", "console-shared-1-3.log"}
		if diff := cmp.Diff(want, r.Files); diff != "" {
			t.Errorf("of the run (-want +got):\n%s", diff)
		}
		for _, file := range append(r.Files, result(t, r, "a").Files...) {
			if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
				t.Error(err)
			}
		}
		var parts []string
		for _, timing := range r.Timings {
			parts = append(parts, timing.Part)
		}
		if diff := cmp.Diff([]string{"answered", "snapshot", "kernel", "userspace"}, parts); diff != "" {
			t.Errorf("timings (-want +got):\n%s", diff)
		}
	})
}

// What is kept of the boot is taken beside the tests, on a machine of its own.
func TestLookBesideTests(t *testing.T) {
	w := &world{snapshots: true}
	w.inside = func() {
		looks := make(chan struct{})
		w.at = map[string]func(*fake){"journalctl": func(*fake) { close(looks) }, "a": func(*fake) { <-looks }}
	}
	c := Config{Plan: parse(t, runs("a")...), Artifacts: filepath.Join(t.TempDir(), "artifacts"), Jobs: 2}
	try(t, w, c, func(_ context.Context, r *guest.Run, err error) {
		if err != nil || !r.Good() || !slices.Contains(r.Files, "console-look.log") {
			t.Errorf("got %v, %s, %s", err, statuses(r), r.Files)
		}
	})
}

func TestConsole(t *testing.T) {
	const cut = "[    5.1] EXT4-fs error (device vda1): ext4_lookup:1855: inode #2: comm ls: iget: checksum invalid\n"
	says := func(_ context.Context, console io.Writer) error {
		_, err := io.WriteString(console, cut)
		return err
	}
	for _, test := range []struct{ head, want, reason string }{
		{"", "boot:passed a:passed console:failed", "boot: ext4-error: [ 5.1] EXT4-fs error (device vda1)"},
		{"console: {ignore: [{pattern: ext4-error, reason: the disk is made broken}]}\n", "boot:passed a:passed console:passed", ""},
	} {
		p := parsePlan(t, "name: test\n"+test.head+"tests:\n- "+runs("a")[0]+"\n")
		try(t, &world{boot: says, script: map[string][]string{"a": {"ok"}}}, Config{Plan: p}, func(_ context.Context, r *guest.Run, err error) {
			if err != nil || statuses(r) != test.want {
				t.Errorf("got %v, %s, want %s", err, statuses(r), test.want)
			}
			got := result(t, r, "console")
			if !strings.HasPrefix(got.Reason, test.reason) || !strings.Contains(got.Detail, "> "+strings.TrimSpace(cut)) {
				t.Errorf("got %q and %q", got.Reason, got.Detail)
			}
		})
	}
}

// A guest that floods its console has failed, and what is kept of it is bounded. A finding
// that is ignored keeps no other from being told.
func TestFlood(t *testing.T) {
	floods := func(ctx context.Context, console io.Writer) error {
		line := []byte("Kernel panic - not syncing: this one is ignored\n")
		for ctx.Err() == nil {
			if _, err := console.Write(line); err != nil {
				return err
			}
			time.Sleep(time.Millisecond) // of the test's own clock
		}
		return context.Cause(ctx)
	}
	p := parsePlan(t, "name: test\nconsole: {ignore: [{pattern: kernel-panic, reason: it is none}]}\ntests:\n- "+runs("a")[0]+"\n")
	c := Config{Plan: p, MaxConsole: 10_000, Artifacts: t.TempDir()}
	try(t, &world{boot: floods}, c, func(_ context.Context, r *guest.Run, err error) {
		if want := "boot:failed a:skipped console:failed"; err != nil || statuses(r) != want {
			t.Errorf("got %v, %s, want %s", err, statuses(r), want)
		}
		if got := result(t, r, "boot").Reason; !strings.HasPrefix(got, "the guest died: console-flood: more than 10000 bytes") {
			t.Errorf("the reason is %q", got)
		}
		if info, err := os.Stat(filepath.Join(c.Artifacts, "console-boot.log")); err != nil || info.Size() > 10_200 {
			t.Errorf("the log: %v, %v", info, err)
		}
	})
}

func TestEventsComeInPairs(t *testing.T) {
	var events []string
	c := Config{Plan: parse(t, runs("a", "b")...), Jobs: 1, Event: func(e Event) {
		if e.Result == nil {
			events = append(events, "began "+e.Test)
		} else {
			events = append(events, string(e.Result.Status)+" "+e.Test)
		}
	}}
	try(t, &world{snapshots: true, script: map[string][]string{"a": {"ok"}, "b": {"fail", "ok"}}}, c, func(context.Context, *guest.Run, error) {
		want := []string{"began boot", "passed boot", "began a", "passed a", "began b", "flaky b", "passed console"}
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestSchedule(t *testing.T) {
	var tests []*plan.Test
	for i := range 20 {
		tests = append(tests, &plan.Test{Name: fmt.Sprint(i), Changes: i == 3})
	}
	tests = append(tests, &plan.Test{Name: "reboot", Reboot: &plan.Reboot{}})
	for _, test := range []struct {
		jobs     int
		restored bool
		want     string
	}{
		{1, true, "reboot:1 3:1 shared-1:19*"},
		{2, true, "reboot:1 3:1 look:0* shared-1:19"},
		{5, true, "reboot:1 3:1 look:0* shared-1:9 shared-2:10"},
		{9, true, "reboot:1 3:1 look:0* shared-1:6 shared-2:6 shared-3:7"},
		{1, false, "shared-1:19* reboot:1 3:1"},
	} {
		var got []string
		for _, it := range schedule(tests, test.jobs, test.restored) {
			word := fmt.Sprintf("%s:%d", it.name, len(it.tests))
			if it.look {
				word += "*"
			}
			got = append(got, word)
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%d at a time: got %s, want %s", test.jobs, got, test.want)
		}
	}
}

func TestParseTimings(t *testing.T) {
	for text, want := range map[string][]guest.Timing{
		"Startup finished in 4.130s (firmware) + 1.212s (loader) + 950ms (kernel) + 2.5s (initrd) + 1min 12.321s (userspace) = 1min 21s \ngraphical.target reached after 12s in userspace.\n": {
			{Part: "firmware", Time: 4130 * time.Millisecond}, {Part: "loader", Time: 1212 * time.Millisecond}, {Part: "kernel", Time: 950 * time.Millisecond},
			{Part: "initrd", Time: 2500 * time.Millisecond}, {Part: "userspace", Time: 72321 * time.Millisecond},
		},
		"Startup finished in 812ms (userspace) \n":                    {{Part: "userspace", Time: 812 * time.Millisecond}},
		"Bootup is not yet finished. Please try again later.\n":       nil,
		"Startup finished in soon (kernel) + 1..2s (userspace) = 1s.": {{Part: "userspace"}},
	} {
		if diff := cmp.Diff(want, parseTimings(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

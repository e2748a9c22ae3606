package runner

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
)

// session is one Run.
type session struct {
	Config
	run      *guest.Run
	tests    []*plan.Test // of the plan, without what is left out
	snapshot snapshot

	mu       sync.Mutex // for all below, and for Event and Say
	results  map[string]guest.TestResult
	consoles []*watched
	ready    *machine // that was booted and could not be kept as a snapshot
	kept     *machine // of the first test that failed
	keptBy   string
}

// snapshot is a state that may not be there.
type snapshot struct{ guest.Snapshot }

func (s snapshot) there() bool { return s.Snapshot != nil }

func (s snapshot) close() error {
	if s.Snapshot == nil {
		return nil
	}
	return s.Close()
}

func newSession(c Config) *session {
	if c.Where.Now.IsZero() {
		c.Where.Now = time.Now()
	}
	s := &session{
		Config:  c,
		run:     &guest.Run{Name: c.Plan.Name, Guest: c.Guest, Digest: c.Digest, Started: time.Now().UTC()},
		results: map[string]guest.TestResult{},
	}
	for i := range c.Plan.Tests {
		t := &c.Plan.Tests[i]
		if t.Upgrade != nil && c.Previous == nil {
			s.fact("left out", t.Name+": there is no previous guest")
			continue
		}
		s.tests = append(s.tests, t)
	}
	return s
}

func (s *session) fact(name, value string) {
	s.run.Environment = append(s.run.Environment, guest.Fact{Name: name, Value: value})
}

func (s *session) say(format string, args ...any) {
	if s.Say == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Say(fmt.Sprintf(format, args...))
}

func (s *session) began(test string) {
	if s.Event == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Event(Event{Test: test})
}

func (s *session) ended(result guest.TestResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[result.Name] = result
	if s.Event != nil {
		s.Event(Event{Test: result.Name, Result: &result})
	}
}

// jobs is how many machines run at a time.
func (s *session) jobs() (int, error) {
	each := int64(s.Plan.Machine.Memory)
	want := s.Jobs
	if s.snapshot.there() {
		each = s.snapshot.Memory()
	} else if want == 0 {
		want = 1
	}
	if want == 0 {
		want = runtime.NumCPU()
	}
	if s.Available == nil {
		return want, nil
	}
	available, err := s.Available()
	if err != nil {
		return 0, fmt.Errorf("see how much memory there is for machines: %w", err)
	}
	if s.Keep != nil {
		available -= each
	}
	return fit(want, available, each), nil
}

// fit is how many machines of a size there is memory for, at most want, and one in any
// case: that one was seen to fit.
func fit(want int, available, each int64) int {
	if each <= 0 {
		return want
	}
	return max(1, int(min(int64(want), available/each)))
}

// finish puts the results in order. What has none did not run.
func (s *session) finish(ctx context.Context, err error) {
	reason := "the guest did not boot"
	switch {
	case err != nil && ctx.Err() != nil: // then that is all there is to say
		reason = "not run: " + oneLine(context.Cause(ctx).Error())
	case err != nil:
		reason = "not run: " + oneLine(err.Error())
	}
	if err == nil {
		s.ended(s.judgeConsole())
	}
	names := []string{plan.Boot}
	for _, t := range s.tests {
		names = append(names, t.Name)
	}
	for _, name := range append(names, plan.ConsoleIsGood) {
		result, ok := s.results[name]
		if !ok {
			result = guest.TestResult{Name: name, Status: guest.Skipped, Reason: reason}
			s.ended(result)
		}
		s.run.Tests = append(s.run.Tests, result)
	}
	for _, c := range s.consoles {
		s.run.Files = append(s.run.Files, c.files()...)
	}
	s.run.Finished = time.Now().UTC()
}

// oneLine is a text as a reason has it.
func oneLine(text string) string {
	const most = 400
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

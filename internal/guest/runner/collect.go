package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// collectLimit is how long a guest may take to hand out all that is kept of a failure.
const collectLimit = time.Minute

// record is a program of the guest whose output is kept.
type record struct {
	file string
	args []string
}

var (
	ofFailure = []record{
		{"journal.log", []string{"journalctl", "-b", "--no-pager"}},
		{"dmesg.log", []string{"dmesg"}},
	}
	ofBoot = []record{
		{"journal.log", []string{"journalctl", "-b", "--no-pager"}},
		{"boot.svg", []string{"systemd-analyze", "plot"}},
	}
)

// collect keeps what a guest shows after a test failed on it, and returns the files' names.
func (s *session) collect(ctx context.Context, m *machine, test string, attempt int) []string {
	if m == nil || s.Artifacts == "" {
		return nil
	}
	prefix := fmt.Sprintf("%s-%d-", test, attempt)
	files := m.files()
	if file := s.screenshot(ctx, m, prefix+"screenshot.png"); file != "" {
		files = append(files, file)
	}
	return append(files, s.records(ctx, m, prefix, ofFailure)...)
}

// recordBoot keeps what a guest tells of its boot. A guest that cannot tell has none of it.
func (s *session) recordBoot(ctx context.Context, m *machine) {
	limited, cancel := context.WithTimeout(ctx, collectLimit)
	defer cancel()
	limited, stop := m.until(limited)
	defer stop()
	if out, err := m.Run(limited, guest.Command{Args: []string{"systemd-analyze", "time"}}); err == nil && out.Code == 0 {
		timings := parseTimings(string(out.Stdout))
		s.mu.Lock()
		s.run.Timings = append(s.run.Timings, timings...)
		s.mu.Unlock()
	}
	files := s.records(ctx, m, "", ofBoot)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.Files = append(s.run.Files, files...)
}

// records runs programs and keeps what they print. A guest without one of them has no
// such file; one that no longer answers has none of those that follow.
func (s *session) records(ctx context.Context, m *machine, prefix string, list []record) []string {
	if s.Artifacts == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, collectLimit)
	defer cancel()
	ctx, stop := m.until(ctx)
	defer stop()
	var files []string
	for _, r := range list {
		out, err := m.Run(ctx, guest.Command{Args: r.args})
		if errors.Is(err, guest.ErrNoProgram) || err == nil && (out.Code != 0 || len(out.Stdout) == 0) {
			continue
		}
		if err == nil {
			err = s.write(prefix+r.file, out.Stdout)
		}
		if err != nil {
			s.say("%s: keep %s: %v", m.name, prefix+r.file, err)
			return files
		}
		files = append(files, prefix+r.file)
	}
	return files
}

// screenshot keeps what the guest's screen shows, and returns the file's name, or "" of a
// guest without a screen.
func (s *session) screenshot(ctx context.Context, m *machine, name string) string {
	if s.Artifacts == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, collectLimit)
	defer cancel()
	if err := m.Screenshot(ctx, s.path(name)); err != nil {
		if !errors.Is(err, guest.ErrUnsupported) {
			s.say("%s: take a screenshot: %v", m.name, err)
		}
		return ""
	}
	return name
}

package channel

import (
	"fmt"
	"strings"
	"time"
)

// Freeze is a time in which a channel does not move: once, or every week.
type Freeze struct {
	Reason string    `json:"reason"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Weekly string    `json:"weekly,omitempty"` // "Fri 16:00 - Mon 08:00", UTC
	// Override names the people, an alias of OWNERS_ALIASES, who may let a plan pass.
	Override string `json:"override,omitempty"`
}

// Span is from when until when the freeze is that covers t; ok is false if it does not
// cover t. Its first moment belongs to a freeze, its last does not.
func (f Freeze) Span(t time.Time) (begin, end time.Time, ok bool) {
	if f.Weekly == "" {
		return f.From, f.To, !t.Before(f.From) && t.Before(f.To)
	}
	from, to, err := parseWeekly(f.Weekly)
	if err != nil { // Load has refused it
		return time.Time{}, time.Time{}, false
	}
	t = t.UTC()
	sunday := time.Date(t.Year(), t.Month(), t.Day()-int(t.Weekday()), 0, 0, 0, 0, time.UTC)
	for _, week := range []time.Time{sunday.AddDate(0, 0, -7), sunday} {
		begin, end := week.Add(from), week.Add(to)
		if !t.Before(begin) && t.Before(end) {
			return begin, end, true
		}
	}
	return time.Time{}, time.Time{}, false
}

func (f Freeze) check() error {
	if f.Reason == "" {
		return fmt.Errorf("a freeze has no reason")
	}
	once := !f.From.IsZero() || !f.To.IsZero()
	switch {
	case once == (f.Weekly != ""):
		return fmt.Errorf("freeze %q needs either from and to, or weekly", f.Reason)
	case once && !f.From.Before(f.To):
		return fmt.Errorf("freeze %q ends before it begins", f.Reason)
	case once:
		return nil
	}
	_, _, err := parseWeekly(f.Weekly)
	return err
}

const week = 7 * 24 * time.Hour

// parseWeekly gives the two ends as time since Sunday, the second after the first.
func parseWeekly(text string) (from, to time.Duration, err error) {
	first, second, ok := strings.Cut(text, " - ")
	if ok {
		if from, err = sinceSunday(first); err == nil {
			to, err = sinceSunday(second)
		}
	}
	if !ok || err != nil {
		return 0, 0, fmt.Errorf("weekly %q is not as in \"Fri 16:00 - Mon 08:00\"", text)
	}
	if to <= from {
		to += week
	}
	return from, to, nil
}

func sinceSunday(text string) (time.Duration, error) {
	day, clock, _ := strings.Cut(text, " ")
	for d := time.Sunday; d <= time.Saturday; d++ {
		if day == d.String()[:3] {
			at, err := time.Parse("15:04", clock)
			return time.Duration(d)*24*time.Hour + time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err
		}
	}
	return 0, fmt.Errorf("%q is no day", day)
}

// Duration is a time.Duration, written as Go writes it: 168h, 90m.
type Duration time.Duration

// UnmarshalText takes what a person wrote.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is no length of time as in 168h or 90m", text)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText is the form that UnmarshalText takes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }

// Package version numbers releases: YYYYMMDD.NN, a UTC day and a number that
// grows with each build of the day.
//
// A number is claimed before the build and becomes a tag after it. The claim is
// a ref that only one of many runs can create, so a version is never used twice,
// whatever crashes or races; and it names the commit, so a run that died is
// resumed under the number that it had.
package version

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dayLayout is how a day is written; such days sort as strings.
const dayLayout = "20060102"

// maxDigits bounds the number, so that it fits an int on every machine.
const maxDigits = 9

// Version is a UTC day and the number of a build on it. The zero value is none.
type Version struct {
	Day    string // YYYYMMDD, a date of the calendar
	Number int    // from 0
}

// Today is the UTC day of now as YYYYMMDD.
func Today(now time.Time) string { return now.UTC().Format(dayLayout) }

// Parse reads YYYYMMDD.N with one to nine digits after the dot: 20261121.00,
// 20200101.1, 20261121.100. What else repositories have for tags (stable, v1.2,
// 20261301.00) is an error.
func Parse(s string) (Version, error) {
	day, number, ok := strings.Cut(s, ".")
	if !ok || !isDay(day) || len(number) > maxDigits || !isDigits(number) {
		return Version{}, fmt.Errorf("%q is no version: want YYYYMMDD.NN, such as 20261121.00", s)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return Version{}, fmt.Errorf("parse version %q: %w", s, err)
	}
	return Version{Day: day, Number: n}, nil
}

func isDay(s string) bool {
	if len(s) != len(dayLayout) || !isDigits(s) {
		return false
	}
	_, err := time.Parse(dayLayout, s)
	return err == nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// String is the canonical form, with at least two digits after the dot. The tag
// 20200101.1 is the version 20200101.01: two spellings of one number.
func (v Version) String() string {
	if v.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s.%02d", v.Day, v.Number)
}

// IsZero says whether v is no version at all.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders by day, then by number, so that .100 comes after .99.
func (v Version) Compare(w Version) int {
	return cmp.Or(strings.Compare(v.Day, w.Day), cmp.Compare(v.Number, w.Number))
}

// MarshalText writes the canonical form; JSON uses it too.
func (v Version) MarshalText() ([]byte, error) {
	if !isDay(v.Day) || v.Number < 0 {
		return nil, fmt.Errorf("marshal version: %+v is none; omit it with omitzero", v)
	}
	return []byte(v.String()), nil
}

// UnmarshalText is Parse.
func (v *Version) UnmarshalText(text []byte) (err error) {
	*v, err = Parse(string(text))
	return err
}

// Next is the version after all existing ones of now's UTC day; the first is .00.
// Versions of other days do not count.
func Next(now time.Time, existing []Version) Version {
	return nextOn(Today(now), existing)
}

func nextOn(day string, existing []Version) Version {
	next := Version{Day: day}
	for _, v := range existing {
		if v.Day == day && v.Number >= next.Number {
			next.Number = v.Number + 1
		}
	}
	return next
}

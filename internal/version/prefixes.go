package version

import "time"

// Prefixes are the ref prefixes that a claim must see: today's tags, all claims,
// and every day of the calendar after today. They leave out the past, so that a
// listing costs no more in a repository with a hundred thousand old tags. They are
// never over 56, all sent in one request of git's protocol.
func Prefixes(now time.Time) []string {
	day := Today(now)
	return append([]string{claimPrefix, dayPrefix(day)}, later(day, 0, len(day))...)
}

// CoarsePrefixes are for a backend that pays a request for each prefix: claims,
// the whole of this month, later months of the year, later years of the decade and
// later decades of the century. They are 13 in November 2026, and never over 29.
func CoarsePrefixes(now time.Time) []string {
	day := Today(now)
	const decade, month = 2, 6 // of YYYYMMDD
	return append([]string{claimPrefix, tagPrefix + day[:month]}, later(day, decade, month)...)
}

// Coarse is a Refs that chooses which prefixes it is asked for when a claim
// looks for today's and later versions.
type Coarse interface {
	Prefixes(now time.Time) []string
}

func prefixesFor(refs Refs, now time.Time) []string {
	if c, ok := refs.(Coarse); ok {
		return c.Prefixes(now)
	}
	return Prefixes(now)
}

func dayPrefix(day string) string { return tagPrefix + day + "." }

// later covers the days after day: those that first differ from it at one of the
// digits from ... to-1, by a higher one.
func later(day string, from, to int) []string {
	var prefixes []string
	for i := from; i < to; i++ {
		for digit := day[i] + 1; digit <= '9'; digit++ {
			if p := day[:i] + string(digit); hasDay(p) {
				prefixes = append(prefixes, tagPrefix+p)
			}
		}
	}
	return prefixes
}

// hasDay says whether a day of the calendar begins with prefix: 2026110 does,
// 202613 and 2026023 do not. The 1st or the 10th is there if any day is, and ends
// in the digits that fit behind every tens digit of a month or day.
func hasDay(prefix string) bool {
	n := len(prefix)
	return isDay(prefix+"00000101"[n:]) || isDay(prefix+"00000110"[n:])
}

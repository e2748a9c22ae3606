package runner

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/guest"
)

// part is one of what systemd-analyze adds up, as in 1min 2.345s (kernel).
var part = regexp.MustCompile(`((?:[0-9.]+(?:us|ms|s|min|h)\s+)+)\((firmware|loader|kernel|initrd|userspace)\)`)

// parseTimings reads what `systemd-analyze time` prints: Startup finished in 1.2s (kernel)
// + 12.3s (userspace) = 13.5s. A guest whose boot has not ended prints none of it.
func parseTimings(text string) []guest.Timing {
	var timings []guest.Timing
	for _, m := range part.FindAllStringSubmatch(text, -1) {
		var total time.Duration
		for word := range strings.FieldsSeq(m[1]) {
			total += span(word)
		}
		timings = append(timings, guest.Timing{Part: m[2], Time: total})
	}
	return timings
}

// span reads one word of a time span of systemd.
func span(word string) time.Duration {
	if minutes, ok := strings.CutSuffix(word, "min"); ok {
		n, _ := strconv.ParseFloat(minutes, 64) // what is no number is no time
		return time.Duration(n * float64(time.Minute))
	}
	d, _ := time.ParseDuration(word)
	return d
}

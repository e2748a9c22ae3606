package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// utilityLog shows what one of Prow's pod utilities says. They write JSON for
// machines; people get the message, and what names an error or a place. Debug
// messages are left out here; all of it is in sidecar-logs.json and clone-log.txt.
type utilityLog struct {
	w    io.Writer
	rest []byte
}

// Write never fails, since what it writes to does not.
func (u *utilityLog) Write(p []byte) (int, error) {
	u.rest = append(u.rest, p...)
	for {
		end := bytes.IndexByte(u.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		_, _ = u.w.Write(readable(u.rest[:end+1]))
		u.rest = u.rest[end+1:]
	}
}

// readable is a line as people read it; one that is not JSON stays as it is.
func readable(line []byte) []byte {
	var entry map[string]any
	if json.Unmarshal(line, &entry) != nil || entry["msg"] == nil {
		return line
	}
	level := fmt.Sprint(entry["level"])
	if level == "debug" || level == "trace" {
		return nil
	}
	var out bytes.Buffer
	if level != "info" {
		fmt.Fprintf(&out, "%s: ", level)
	}
	out.WriteString(strings.TrimSpace(fmt.Sprint(entry["msg"])))
	for _, key := range slices.Sorted(maps.Keys(entry)) {
		if !slices.Contains(ofMachines, key) {
			value, more, _ := strings.Cut(strings.TrimSpace(fmt.Sprint(entry[key])), "\n")
			if more != "" {
				value += " ..."
			}
			fmt.Fprintf(&out, " %s=%s", key, value)
		}
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// ofMachines are the fields of an entry that a person has no use for.
var ofMachines = []string{"component", "file", "func", "level", "msg", "severity", "time"}

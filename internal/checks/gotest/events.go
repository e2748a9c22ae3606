package gotest

import (
	"bytes"
	"encoding/json"
	"io"
)

// maxLine bounds a line that is kept to be understood; of a longer one only the log
// knows. go test cuts what tests print into events of a few KiB.
const maxLine = 1 << 20

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64
	Output      string
	ImportPath  string // of build-output and build-fail
	FailedBuild string // the ImportPath that made a package fail
}

// events is a writer for what `go test -json` prints: it cuts it into events and
// logs what they say as `go test -v` would print it.
type events struct {
	results *results
	log     io.Writer
	line    []byte
	long    bool // the line is longer than maxLine, and is in the log so far
}

func newEvents(results *results, log io.Writer) *events { return &events{results: results, log: log} }

// Write takes the next bytes. It never fails, so that the tests go on whatever is
// wrong with the log; a lost log shows by its length.
func (e *events) Write(p []byte) (int, error) {
	n := len(p)
	for {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		e.line = append(e.line, part...)
		if len(e.line) > maxLine {
			_, _ = e.log.Write(e.line)
			e.line, e.long = e.line[:0], true
		}
		if !whole {
			return n, nil
		}
		e.flush()
		p = rest
	}
}

// flush ends a line.
func (e *events) flush() {
	line, long := e.line, e.long
	e.line, e.long = e.line[:0], false
	if len(line) == 0 && !long {
		return
	}
	var ev event
	if long || json.Unmarshal(line, &ev) != nil || ev.Action == "" {
		ev = event{Action: "output", Output: string(line) + "\n"} // of somebody who writes past the test binary
	}
	_, _ = io.WriteString(e.log, ev.Output)
	e.results.add(ev)
}

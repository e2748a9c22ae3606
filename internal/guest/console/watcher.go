// Package console reads what a guest prints on its console, and finds the failures in it.
//
// A guest that dies tells nobody but its console why. What it prints is scanned line by
// line as it comes, against a table of failures that people know; memory is bounded
// whatever the guest prints, and the findings are the same however the bytes were split
// over writes. A fatal finding is announced at once, so that nobody waits for a guest
// that will not come back.
package console

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// MaxLine is how long a line is, in bytes: a longer one counts as several.
	MaxLine = 8 << 10
	// DefaultMaxLog is how much of a console is kept unless Options say otherwise.
	DefaultMaxLog = 64 << 20
	// maxPrompt is how long a line without an end is looked at: a prompt waits for a
	// person, and its line does not end.
	maxPrompt = 1 << 10
)

// Options say what becomes of the bytes. The zero value keeps none of them.
type Options struct {
	Log    io.Writer     // gets the console's bytes as they are; nil is nobody
	MaxLog int64         // bytes until the console is a flood: no more is kept; 0 is DefaultMaxLog
	Fatal  func(Finding) // is told of the first fatal finding, once, on a goroutine of its own; nil is nobody
	Settle time.Duration // how long Fatal waits for the lines that say more, such as a call trace
	Ignore []string      // names of patterns whose findings are of severity Ignored
}

// Watcher scans a console. It is an io.Writer for what starts the guest.
type Watcher struct {
	options Options
	scanner *scanner

	mu      sync.Mutex
	partial []byte // the line that has no end yet
	room    []byte // for a line without its escape sequences
	written int64
	found   collector
	fatal   *time.Timer // set once there is a fatal finding
}

// New makes a watcher.
func New(options Options) *Watcher {
	if options.MaxLog == 0 {
		options.MaxLog = DefaultMaxLog
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Fatal == nil {
		options.Fatal = func(Finding) {}
	}
	return &Watcher{options: options, scanner: compiled(options.Ignore)}
}

// Write takes bytes of the console. It fails only if the log cannot be written.
func (w *Watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.keep(p); err != nil {
		return 0, err
	}
	for rest := p; len(rest) > 0; {
		rest = w.take(rest)
	}
	w.lookAtPrompt()
	return len(p), nil
}

// keep writes what still fits into the log.
func (w *Watcher) keep(p []byte) error {
	fits := max(0, min(int64(len(p)), w.options.MaxLog-w.written))
	flood := w.written <= w.options.MaxLog && w.written+int64(len(p)) > w.options.MaxLog
	w.written += int64(len(p))
	if _, err := w.options.Log.Write(p[:fits]); err != nil {
		return fmt.Errorf("write the console's log: %w", err)
	}
	if flood {
		if _, err := fmt.Fprintf(w.options.Log, "\n"+cutFormat+"\n", w.options.MaxLog); err != nil {
			return fmt.Errorf("write the console's log: %w", err)
		}
		w.announce(w.found.add(w.scanner.flood, Match{Line: fmt.Sprintf("more than %d bytes; what follows is not kept", w.options.MaxLog)}))
	}
	return nil
}

// cutFormat is the last line of a log that was cut, for people, and for who scans the log
// of a flood again.
const cutFormat = "[slipway: the console printed more than %d bytes; what follows is not kept]"

// take scans one line, or puts what is there of it aside, and returns the rest.
func (w *Watcher) take(p []byte) (rest []byte) {
	room := MaxLine - len(w.partial)
	end := bytes.IndexByte(p[:min(len(p), room)], '\n')
	switch {
	case end >= 0:
		rest = p[end+1:]
	case len(p) >= room:
		end, rest = room, p[room:]
	default:
		w.partial = append(w.partial, p...)
		return nil
	}
	line := p[:end]
	if len(w.partial) > 0 {
		w.partial = append(w.partial, line...)
		line = w.partial
	}
	line = w.cleaned(line)
	for _, f := range w.found.line(line, w.scanner.scan(line)) {
		w.announce(f)
	}
	w.partial = w.partial[:0]
	return rest
}

// lookAtPrompt announces a fatal prompt whose line has no end. It is a finding when the
// line ended, or when the findings are asked for.
func (w *Watcher) lookAtPrompt() {
	if w.fatal != nil || len(w.partial) == 0 || len(w.partial) > maxPrompt {
		return
	}
	line := w.cleaned(w.partial)
	for _, p := range w.scanner.scan(line) {
		w.announce(p.finding(Match{Line: shown(line), Number: w.found.lines + 1}))
	}
}

// announce tells of the first fatal finding.
func (w *Watcher) announce(f Finding) {
	if f.Severity == Fatal && w.fatal == nil {
		w.fatal = time.AfterFunc(w.options.Settle, func() { w.options.Fatal(f) })
	}
}

func (w *Watcher) cleaned(line []byte) []byte {
	line, w.room = clean(line, w.room)
	return line
}

// Findings are what was found until now, in the order of the first line of each. A last
// line without an end is looked at as well.
func (w *Watcher) Findings() []Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.found.clone()
	if len(w.partial) > 0 {
		line := w.cleaned(w.partial)
		found.line(line, w.scanner.scan(line))
	}
	return found.findings
}

// Written is how many bytes the guest printed, and how many of them are in the log.
func (w *Watcher) Written() (bytes, kept int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written, min(w.written, w.options.MaxLog)
}

// Close ends the watch: Fatal is no longer called. What was found stays.
func (w *Watcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fatal != nil {
		w.fatal.Stop()
	}
	return nil
}

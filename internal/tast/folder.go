package tast

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files of a folder of results.
const (
	ResultsFile = "results.json"           // all results, once the run has ended
	StreamFile  = "streamed_results.jsonl" // results as they come
	errorFile   = "run_error.txt"          // why the run was given up, if it was
)

// maxFile is the size of the largest file that is worth reading, in bytes.
const maxFile = 256 << 20

// Run is how a run went.
type Run struct {
	Results []Result
	Broken  []string // what is wrong with the run as a whole; none of it lets it pass
}

// ReadFolder reads the results of a run that has ended, well or not. expected are the
// names of the tests that were to run, if they are known. It fails only if the folder
// cannot be read; whatever is wrong with the results is the run's.
func ReadFolder(folder string, expected []string) (*Run, error) {
	run := &Run{}
	final, err := readFile(folder, ResultsFile)
	if err != nil {
		return nil, err
	}
	stream, err := readFile(folder, StreamFile)
	if err != nil {
		return nil, err
	}
	reason, err := readFile(folder, errorFile)
	if err != nil {
		return nil, err
	}
	switch {
	case final == nil && stream == nil:
		run.breaks("there are no results: neither %s nor %s is in %s", ResultsFile, StreamFile, folder)
	case final != nil:
		run.Results, err = Parse(final)
	default:
		run.readStream(stream)
	}
	if err != nil {
		run.breaks("%v", err)
	}
	if len(reason) > 0 {
		run.breaks("tast gave up: %s", strings.TrimSpace(string(reason)))
	}
	run.expect(expected)
	if run.passed() == 0 && len(run.Broken) == 0 && run.failed() == 0 {
		run.breaks("no test ran: %d results, all of tests that were skipped", len(run.Results))
	}
	return run, nil
}

func (r *Run) breaks(format string, args ...any) {
	r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
}

// readFile reads a file that may be absent: then it is nil.
func readFile(folder, name string) ([]byte, error) {
	file := filepath.Join(folder, name)
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("read %s: it has %d bytes; the results of a run are smaller", file, info.Size())
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if data == nil {
		data = []byte{}
	}
	return data, err
}

func (r *Run) readStream(data []byte) {
	var whole bool
	var err error
	r.Results, whole, err = ParseStream(data)
	switch {
	case err != nil:
		r.breaks("%v", err)
	case !whole:
		r.breaks("%s is cut short", StreamFile)
	}
	r.breaks("the run did not end: there is no %s", ResultsFile)
}

// expect adds the tests that have no result.
func (r *Run) expect(names []string) {
	var missing []string
	for _, name := range names {
		if !slices.ContainsFunc(r.Results, func(have Result) bool { return have.Name == name }) {
			missing = append(missing, name)
		}
	}
	for _, name := range missing {
		r.Results = append(r.Results, Result{Name: name, Errors: []Error{{Reason: "it did not run"}}})
	}
}

func (r *Run) passed() int { return r.count(Passed) }
func (r *Run) failed() int { return r.count(Failed) }

func (r *Run) count(status Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status() == status {
			n++
		}
	}
	return n
}

// Good says whether the run passed.
func (r *Run) Good() bool { return len(r.Broken) == 0 && r.failed() == 0 && r.passed() > 0 }

// Finished is when the last test ended; zero if none did.
func (r *Run) Finished() time.Time {
	var last time.Time
	for _, result := range r.Results {
		if result.End.After(last) {
			last = result.End
		}
	}
	return last
}

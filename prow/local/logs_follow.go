package local

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// tailSize is how much of a log a container's status keeps, as the kubelet does.
const tailSize = 2 << 10

// logFile follows a container's log in the form that conmon and the kubelet write:
//
//	2026-11-21T16:14:54.065780360+00:00 stdout F a whole line
//	2026-11-21T16:14:54.065780361+00:00 stdout P the beginning of one
//
// It is read where it is written: a `podman logs --follow` would be a process of 35
// megabytes for each container, and none of a container that podman is starting.
type logFile struct {
	path           string
	file           *os.File
	rest           []byte // of a record whose end is not written yet
	stdout, stderr io.Writer
	tail           []byte // the end of what the container said
	lost           bool   // cannot be read
}

func newLogFile(path string, logs *Logs, container string) *logFile {
	return &logFile{path: path, stdout: logs.Container(container), stderr: logs.Container(container)}
}

// read passes on what was written since the last time. There may be no log yet.
func (f *logFile) read() error {
	if f.lost {
		return nil
	}
	if f.file == nil {
		file, err := os.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		f.file = file
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := f.file.Read(buffer)
		f.take(buffer[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take passes whole records on and keeps what is left of the last. Records of one
// stream that follow each other are written together.
func (f *logFile) take(data []byte) {
	f.rest = append(f.rest, data...)
	var text []byte
	var stream io.Writer
	flush := func() {
		if len(text) > 0 {
			_, _ = stream.Write(text)
			f.tail = append(f.tail, text[max(0, len(text)-tailSize):]...)
			f.tail = f.tail[max(0, len(f.tail)-tailSize):]
			text = text[:0]
		}
	}
	for {
		record, rest, found := bytes.Cut(f.rest, []byte("\n"))
		if !found {
			break
		}
		said, whole, onStderr := parseRecord(record)
		to := f.stdout
		if onStderr {
			to = f.stderr
		}
		if to != stream {
			flush()
			stream = to
		}
		text = append(text, said...)
		if whole {
			text = append(text, '\n')
		}
		f.rest = rest
	}
	flush()
	f.rest = bytes.Clone(f.rest)
}

// parseRecord returns what a record adds to its stream, and whether that ends a
// line. What has another form is shown as it is.
func parseRecord(record []byte) (said []byte, whole, stderr bool) {
	fields := bytes.SplitN(record, []byte(" "), 4)
	if len(fields) < 4 || string(fields[2]) != "P" && string(fields[2]) != "F" {
		return record, true, false
	}
	return fields[3], string(fields[2]) == "F", string(fields[1]) == "stderr"
}

func (f *logFile) close() {
	if f.file != nil {
		f.file.Close()
	}
}

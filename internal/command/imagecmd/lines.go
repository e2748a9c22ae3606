package imagecmd

import (
	"fmt"
	"io"
	"slices"
	"sync"
)

// lines writes whole lines with a prefix.
type lines struct {
	mu     *sync.Mutex // of everybody who writes to w
	w      io.Writer
	prefix string
	rest   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		end := slices.Index(l.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		if err := l.put(l.rest[:end+1]); err != nil {
			return 0, err
		}
		l.rest = l.rest[end+1:]
	}
}

func (l *lines) put(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := fmt.Fprintf(l.w, "%s%s", l.prefix, line)
	return err
}

// Close writes a last line that had no end.
func (l *lines) Close() error {
	if len(l.rest) == 0 {
		return nil
	}
	return l.put(append(l.rest, '\n'))
}

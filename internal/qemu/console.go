package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
)

// console passes on what the guest prints, and remembers how it ended. It holds one
// piece at a time: while the writer is busy, the guest waits.
type console struct {
	to io.Writer

	mu    sync.Mutex
	count int64
	tail  []byte
}

const (
	consolePiece = 64 << 10
	consoleTail  = 1 << 10
	lastLine     = 160
)

// copy passes everything on until the guest's end or the writer's error.
func (c *console) copy(from io.Reader) error {
	piece := make([]byte, consolePiece)
	for {
		n, err := from.Read(piece)
		c.remember(piece[:n])
		if n > 0 {
			if _, err := c.to.Write(piece[:n]); err != nil {
				return fmt.Errorf("pass on the guest's console: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the guest's console: %w", err)
		}
	}
}

func (c *console) remember(piece []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count += int64(len(piece))
	c.tail = append(c.tail, piece[max(0, len(piece)-consoleTail):]...)
	c.tail = append(c.tail[:0], c.tail[max(0, len(c.tail)-consoleTail):]...)
}

// summary says how the console looks, for an error.
func (c *console) summary() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == 0 {
		return errors.New("its console printed nothing")
	}
	lines := strings.FieldsFunc(string(bytes.ToValidUTF8(c.tail, nil)), func(r rune) bool { return r == '\n' || r == '\r' })
	last := ""
	for _, line := range lines {
		line = strings.TrimSpace(strings.Map(printable, line))
		if line != "" {
			last = line
		}
	}
	return fmt.Errorf("its console printed %d bytes, at last %q", c.count, last[max(0, len(last)-lastLine):])
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

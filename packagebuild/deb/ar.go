package deb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic  = "!<arch>\n"
	arHeader = 60 // bytes: name 16, mtime 12, uid 6, gid 6, mode 8, size 10, magic 2
	arEnd    = "`\n"
)

// arReader reads the members of an ar(5) archive one after the other.
type arReader struct {
	r      io.Reader
	left   int64 // of the current member
	padded bool  // a byte follows it, since members begin at even offsets
}

func newArReader(r io.Reader) (*arReader, error) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, fmt.Errorf("read ar magic: %w", short(err))
	}
	if string(magic) != arMagic {
		return nil, fmt.Errorf("no ar archive: it begins with %q", magic)
	}
	return &arReader{r: r}, nil
}

// next goes to the next member and returns its name, or io.EOF after the last.
// What is left of the current member must have been read.
func (a *arReader) next() (string, error) {
	if err := a.endMember(); err != nil {
		return "", err
	}
	header := make([]byte, arHeader)
	if _, err := io.ReadFull(a.r, header); errors.Is(err, io.EOF) {
		return "", io.EOF
	} else if err != nil {
		return "", fmt.Errorf("read ar header: %w", err)
	}
	if !bytes.HasSuffix(header, []byte(arEnd)) {
		return "", fmt.Errorf("ar header %q does not end as one", header)
	}
	size, err := strconv.ParseUint(strings.TrimRight(string(header[48:58]), " "), 10, 40)
	if err != nil {
		return "", fmt.Errorf("ar header %q has no size: %w", header, err)
	}
	a.left, a.padded = int64(size), size%2 == 1
	return strings.TrimSuffix(strings.TrimRight(string(header[:16]), " "), "/"), nil
}

func (a *arReader) endMember() error {
	if a.left != 0 {
		return fmt.Errorf("%d bytes of an ar member were not read", a.left)
	}
	if !a.padded {
		return nil
	}
	a.padded = false
	pad := make([]byte, 1)
	if _, err := io.ReadFull(a.r, pad); err != nil {
		return fmt.Errorf("read ar padding: %w", short(err))
	}
	if pad[0] != '\n' {
		return fmt.Errorf("ar padding is %q, want a newline", pad)
	}
	return nil
}

// Read reads the current member.
func (a *arReader) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	if a.left > 0 {
		err = short(err)
	}
	return n, err
}

// short turns an end that came too early into an error.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"io"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

const (
	// maxEmbedded is how many bytes of files are in a report, before base64.
	maxEmbedded = 8 << 20
	// maxImage and maxTail are how much of one picture and of one log is.
	maxImage, maxTail = 2 << 20, 32 << 10
	// maxDetail is how much of what a test saw is shown.
	maxDetail = 64 << 10
)

// file is an artifact as a report shows it: a picture, the end of a text, or its name.
type file struct {
	Name  string
	Image template.URL // data: URL, made here of bytes that are a picture
	Text  string
	Cut   bool   // the text is only the end
	Note  string // why it is not shown
}

// embedder reads artifacts into a report until there is enough of them.
type embedder struct {
	root *os.Root
	left int64
}

// file reads one artifact. One that cannot be shown is named.
func (e *embedder) file(name string) file {
	f := file{Name: name}
	data, size, err := e.read(name)
	switch {
	case err != nil:
		f.Note = err.Error()
	case path.Ext(name) == ".png":
		if _, err := png.DecodeConfig(bytes.NewReader(data)); err != nil {
			f.Note = "no picture: " + err.Error()
			break
		}
		f.Image = dataURL("image/png", data)
	case path.Ext(name) == ".svg":
		// As a picture it runs no script and fetches nothing.
		f.Image = dataURL("image/svg+xml", data)
	default:
		f.Text, f.Cut = strings.ToValidUTF8(string(data), "\uFFFD"), size > int64(len(data))
	}
	return f
}

// read reads a picture, or the end of another file.
func (e *embedder) read(name string) (data []byte, size int64, err error) {
	f, err := e.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("it is no regular file")
	}
	size, take := info.Size(), min(info.Size(), maxTail)
	if ext := path.Ext(name); ext == ".png" || ext == ".svg" {
		take = size
		if take > maxImage {
			return nil, 0, fmt.Errorf("%d bytes are more than are shown here", size)
		}
	}
	if take > e.left {
		return nil, 0, fmt.Errorf("the report is large enough without it")
	}
	data = make([]byte, take)
	n, err := f.ReadAt(data, size-take)
	if errors.Is(err, io.EOF) { // it became shorter meanwhile
		err = nil
	}
	e.left -= int64(n)
	return data[:n], size, err
}

func dataURL(kind string, data []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)) // #nosec G203 -- base64 holds no markup
}

// cut is the beginning of a text.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "\n… (cut)"
}

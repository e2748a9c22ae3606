package disk

import (
	"errors"
	"io"
	"os"
	"sort"

	"slipway.dev/slipway/internal/disk/qcow2"
)

// canvas is a disk being made: a file for what is written, and places where the bytes of
// the image's files belong, which stay in its layers. A disk that is wanted as qcow2 is so
// written once, and not also as it would be raw.
type canvas struct {
	*os.File
	places []place // in the order of the disk
}

// place is bytes of a file on the disk.
type place struct {
	at, size int64
	content  io.ReaderAt
	from     int64
}

// ReadAt reads from the disk as if all were written.
func (c *canvas) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.File.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	end := at + int64(n)
	i := sort.Search(len(c.places), func(i int) bool { return c.places[i].at+c.places[i].size > at })
	for ; i < len(c.places) && c.places[i].at < end; i++ {
		x := c.places[i]
		from, to := max(at, x.at), min(end, x.at+x.size)
		if _, err := x.content.ReadAt(p[from-at:to-at], x.from+from-x.at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
	return n, err
}

// extents are the parts of the disk that may hold something.
func (c *canvas) extents() qcow2.Extents {
	return func(yield func(from, to int64) bool) {
		i := 0
		for from, to := range extents(c.File) {
			for ; i < len(c.places) && c.places[i].at < from; i++ {
				if !yield(c.places[i].at, c.places[i].at+c.places[i].size) {
					return
				}
			}
			if !yield(from, to) {
				return
			}
		}
		for ; i < len(c.places); i++ {
			if !yield(c.places[i].at, c.places[i].at+c.places[i].size) {
				return
			}
		}
	}
}

// settle writes all bytes into the file, which is then the raw disk.
func (c *canvas) settle() error {
	for _, x := range c.places {
		to := io.NewOffsetWriter(c.File, x.at)
		if _, err := io.Copy(to, io.NewSectionReader(x.content, x.from, x.size)); err != nil {
			return err
		}
	}
	c.places = nil
	return nil
}

// partition is a part of the disk, as ext4 fills it.
type partition struct {
	disk  *canvas
	start int64
}

func (p partition) ReadAt(b []byte, at int64) (int, error)  { return p.disk.File.ReadAt(b, p.start+at) }
func (p partition) WriteAt(b []byte, at int64) (int, error) { return p.disk.WriteAt(b, p.start+at) }

// Place notes where bytes of a file belong.
func (p partition) Place(at, size int64, content io.ReaderAt, from int64) {
	p.disk.places = append(p.disk.places, place{p.start + at, size, content, from})
}

package qcow2

import (
	"errors"
	"fmt"
	"io"
)

// Reader reads a qcow2 file as the disk that it is.
type Reader struct {
	Size   int64 // of the disk
	file   io.ReaderAt
	level1 []uint64
}

// IsQCOW2 says whether a file begins as one does.
func IsQCOW2(begin []byte) bool { return len(begin) >= 4 && be.Uint32(begin) == magic }

// Open reads a file's header.
func Open(file io.ReaderAt) (*Reader, error) {
	h := make([]byte, 104)
	if _, err := file.ReadAt(h, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	switch {
	case !IsQCOW2(h):
		return nil, errors.New("this is no qcow2 file")
	case be.Uint64(h[8:]) != 0 || be.Uint32(h[32:]) != 0 || be.Uint32(h[20:]) != clusterBits:
		return nil, errors.New("its backing file, encryption or size of clusters is not understood; convert it: qemu-img convert -O raw")
	case be.Uint32(h[4:]) >= 3 && be.Uint64(h[72:])&^1 != 0:
		return nil, errors.New("it has features that are not understood; convert it: qemu-img convert -O raw")
	}
	r := &Reader{Size: int64(be.Uint64(h[24:])), file: file}
	entries := be.Uint32(h[36:])
	if r.Size < 0 || uint64(entries) > up(uint64(r.Size), cluster*perTable)+1 || entries > 1<<20 {
		return nil, errors.New("its header is damaged")
	}
	table := make([]byte, entries*8)
	if _, err := file.ReadAt(table, int64(be.Uint64(h[40:])&offsetMask)); err != nil {
		return nil, fmt.Errorf("read the table of level 1: %w", err)
	}
	for i := range entries {
		r.level1 = append(r.level1, be.Uint64(table[i*8:]))
	}
	return r, nil
}

// ReadAt reads from the disk.
func (r *Reader) ReadAt(p []byte, at int64) (int, error) {
	done := 0
	for done < len(p) {
		if at >= r.Size {
			return done, io.EOF
		}
		n := int(min(int64(len(p)-done), cluster-at%cluster, r.Size-at))
		if err := r.read(p[done:done+n], at); err != nil {
			return done, err
		}
		done, at = done+n, at+int64(n)
	}
	return done, nil
}

// read reads within one cluster.
func (r *Reader) read(p []byte, at int64) error {
	number := uint64(at) / cluster
	clear(p)
	if number/perTable >= uint64(len(r.level1)) || r.level1[number/perTable]&offsetMask == 0 {
		return nil
	}
	var entry [8]byte
	table := int64(r.level1[number/perTable] & offsetMask)
	if _, err := r.file.ReadAt(entry[:], table+int64(number%perTable*8)); err != nil {
		return fmt.Errorf("read a table of level 2: %w", err)
	}
	e := be.Uint64(entry[:])
	switch {
	case e&(1<<62) != 0:
		return errors.New("it is compressed, which is not understood; convert it: qemu-img convert -O raw")
	case e&1 != 0 || e&offsetMask == 0:
		return nil
	}
	if _, err := r.file.ReadAt(p, int64(e&offsetMask)+at%cluster); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read a cluster: %w", err)
	}
	return nil
}

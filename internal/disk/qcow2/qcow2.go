// Package qcow2 writes a raw disk as qcow2, and reads what it wrote.
//
// The clusters that are not zero lie in the file in the order of the disk, after tables
// that follow from them: the same disk gives the same bytes, on any machine, in one pass
// from the first byte to the last. It knows no compression, snapshots or backing files.
package qcow2

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	magic       = 0x514649fb
	clusterBits = 16
	cluster     = 1 << clusterBits
	perTable    = cluster / 8 // clusters that a table of level 2 names
	perCounts   = cluster / 2 // clusters that a block of reference counts counts
	copied      = 1 << 63     // the one reference to a cluster is here
	offsetMask  = 0x00fffffffffffe00
)

var be = binary.BigEndian

// layout is where things are in a file, in clusters.
type layout struct {
	size   int64
	used   []uint64 // clusters of the disk that are not zero
	tables []uint64 // parts of the disk, each of perTable clusters, that have any

	countTable, counts, level1, level1Size, level2, data, end uint64
	countBlocks                                               uint64
}

func up(n, by uint64) uint64 { return (n + by - 1) / by }

// plan places all that there is. Reference counts count themselves too.
func plan(size int64, used []uint64) layout {
	l := layout{size: size, used: used}
	for _, c := range used {
		if n := len(l.tables); n == 0 || l.tables[n-1] != c/perTable {
			l.tables = append(l.tables, c/perTable)
		}
	}
	l.level1Size = max(1, up(up(uint64(size), cluster), perTable))
	for {
		tableClusters := max(1, up(l.countBlocks*8, cluster))
		l.countTable = 1
		l.counts = l.countTable + tableClusters
		l.level1 = l.counts + l.countBlocks
		l.level2 = l.level1 + up(l.level1Size*8, cluster)
		l.data = l.level2 + uint64(len(l.tables))
		l.end = l.data + uint64(len(used))
		if l.countBlocks >= up(l.end, perCounts) {
			return l
		}
		l.countBlocks = up(l.end, perCounts)
	}
}

func (l layout) header() []byte {
	h := make([]byte, cluster)
	be.PutUint32(h[0:], magic)
	be.PutUint32(h[4:], 3)
	be.PutUint32(h[20:], clusterBits)
	be.PutUint64(h[24:], uint64(l.size))
	be.PutUint32(h[36:], uint32(l.level1Size))
	be.PutUint64(h[40:], l.level1*cluster)
	be.PutUint64(h[48:], l.countTable*cluster)
	be.PutUint32(h[56:], uint32(l.counts-l.countTable))
	be.PutUint32(h[96:], 4)    // a count has 16 bits
	be.PutUint32(h[100:], 104) // length of the header
	return h
}

// metadata is all that comes before the data.
func (l layout) metadata() []byte {
	m := l.header()
	m = append(m, make([]byte, (l.data-1)*cluster)...)
	for i := range l.countBlocks {
		be.PutUint64(m[l.countTable*cluster+i*8:], (l.counts+i)*cluster)
	}
	for i := range l.end {
		be.PutUint16(m[l.counts*cluster+i*2:], 1)
	}
	for i, part := range l.tables {
		be.PutUint64(m[l.level1*cluster+part*8:], (l.level2+uint64(i))*cluster|copied)
	}
	table := -1
	for i, c := range l.used {
		if table < 0 || l.tables[table] != c/perTable {
			table++
		}
		be.PutUint64(m[(l.level2+uint64(table))*cluster+c%perTable*8:], (l.data+uint64(i))*cluster|copied)
	}
	return m
}

// Extents are the parts of a raw disk that may hold something, as SEEK_DATA tells them.
type Extents func(yield func(from, to int64) bool)

// Write writes the raw disk of a size, of which only extents may be other than zero.
func Write(ctx context.Context, to io.Writer, raw io.ReaderAt, size int64, extents Extents) error {
	used, err := usedClusters(ctx, raw, size, extents)
	if err != nil {
		return err
	}
	if _, err := to.Write(plan(size, used).metadata()); err != nil {
		return err
	}
	buffer := make([]byte, 16*cluster)
	for len(used) > 0 {
		n := 1
		for n < len(used) && n < 16 && used[n] == used[0]+uint64(n) {
			n++
		}
		part := buffer[:n*cluster]
		if err := readAt(ctx, raw, part, int64(used[0])*cluster); err != nil {
			return err
		}
		if _, err := to.Write(part); err != nil {
			return err
		}
		used = used[n:]
	}
	return nil
}

// usedClusters finds the clusters that hold anything but zeroes.
func usedClusters(ctx context.Context, raw io.ReaderAt, size int64, extents Extents) (used []uint64, err error) {
	buffer, next := make([]byte, 16*cluster), int64(0)
	for from, to := range extents {
		for at := max(next, from&^(cluster-1)); at < min(to, size); at += int64(len(buffer)) {
			if err := readAt(ctx, raw, buffer, at); err != nil {
				return nil, err
			}
			for i := 0; i < len(buffer) && at+int64(i) < min(to, size); i += cluster {
				if !isZero(buffer[i : i+cluster]) {
					used = append(used, uint64(at+int64(i))/cluster)
				}
				next = at + int64(i) + cluster
			}
		}
	}
	return used, nil
}

var zeroes [cluster]byte

func isZero(b []byte) bool { return bytes.Equal(b, zeroes[:len(b)]) }

// readAt fills p; what is beyond the end is zero.
func readAt(ctx context.Context, raw io.ReaderAt, p []byte, at int64) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	n, err := raw.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the disk: %w", err)
	}
	clear(p[n:])
	return nil
}

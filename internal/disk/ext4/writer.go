package ext4

import "bytes"

// writer gathers writes that follow each other: most files are small.
type writer struct {
	to     Device
	offset int64 // of buffer
	buffer []byte
	err    error
}

const gather = 1 << 20

var zeroes [blockSize]byte

// write writes data at an offset. Its error is told by flush.
func (w *writer) write(offset int64, data []byte) {
	if offset != w.offset+int64(len(w.buffer)) || len(w.buffer)+len(data) > gather {
		_ = w.flush() // kept
		w.offset = offset
	}
	if w.buffer = append(w.buffer, data...); len(w.buffer) >= gather {
		_ = w.flush()
	}
}

// writeSparse writes whole blocks, and leaves holes for those of zeroes, which the
// device has there already.
func (w *writer) writeSparse(offset int64, data []byte) {
	for len(data) > 0 {
		n := min(len(data), blockSize)
		if !bytes.Equal(data[:n], zeroes[:n]) {
			w.write(offset, data[:n])
		}
		data, offset = data[n:], offset+int64(n)
	}
}

// flush writes what was gathered, and says what went wrong up to now.
func (w *writer) flush() error {
	if w.err == nil && len(w.buffer) > 0 {
		_, w.err = w.to.WriteAt(w.buffer, w.offset)
	}
	w.offset += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return w.err
}

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

var errChanged = errors.New("the file changed while it was stored; store it again when nothing writes to it")

// sameReader reads body, but fails instead of giving its last bytes if they are
// no longer those that were hashed: a file that changes under an upload must not
// get the old one's name. A driver that misses the last bytes stores nothing.
type sameReader struct {
	body io.ReadSeeker
	hash hash.Hash
	pos  int64 // in body
	done int64 // how far hash has come
	size int64
	want string
}

func newSameReader(body io.ReadSeeker, want string, size int64) *sameReader {
	return &sameReader{body: body, hash: sha256.New(), size: size, want: want, pos: -1}
}

func (r *sameReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if r.pos != r.done { // somewhere in the middle, where nobody uploads from
		r.pos += int64(n)
		return n, err
	}
	r.hash.Write(p[:n])
	r.pos += int64(n)
	r.done = r.pos
	early := errors.Is(err, io.EOF) && r.done < r.size
	if early || r.done > r.size || r.done == r.size && hex.EncodeToString(r.hash.Sum(nil)) != r.want {
		return 0, errChanged
	}
	return n, err
}

func (r *sameReader) Seek(offset int64, whence int) (int64, error) {
	pos, err := r.body.Seek(offset, whence)
	r.pos = pos
	if pos == 0 {
		r.hash.Reset()
		r.done = 0
	}
	return pos, err
}

package packagebuild

import (
	"archive/tar"
	"fmt"
	"io"
	"strings"
)

// What a package may unpack to: more is an attack on whoever looks into it.
const (
	MaxUnpacked = 16 << 30 // bytes, with what an archive adds to its files
	MaxEntries  = 1 << 20
)

// IsSparse says whether an entry claims more bytes than the archive has of it. No
// package needs that, and it makes a few bytes as many as there are numbers.
func IsSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// Bounded reads from r, and fails after limit bytes.
func Bounded(r io.Reader, limit int64) io.Reader { return &bounded{r: r, left: limit, limit: limit} }

type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more than %d bytes unpacked", b.limit)
	}
	return n, err
}

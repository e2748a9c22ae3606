package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
)

// blobFolder is where artifacts lie, each named by its sha256 digest in hex.
const blobFolder = "blobs/sha256/"

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// BlobKey is the key of the blob with a sha256 digest, given in hex.
func BlobKey(digest string) string { return blobFolder + digest }

// PutBlob stores the bytes of body under their sha256 digest, and returns that
// in hex with the size in bytes. A blob that is there already is not sent again.
func PutBlob(ctx context.Context, s Store, body io.ReadSeeker) (digest string, size int64, err error) {
	digest, size, err = Digest(body)
	if err != nil {
		return "", 0, fmt.Errorf("read what is to be stored: %w", err)
	}
	key := BlobKey(digest)
	info, err := s.Stat(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		err = s.Create(ctx, key, newSameReader(body, digest, size))
	case err == nil && info.Size != size:
		err = fmt.Errorf("blob %s: %w: it has %d bytes, not %d", s.URL(key), ErrCorrupt, info.Size, size)
	}
	if err != nil {
		return "", 0, err
	}
	return digest, size, nil
}

// OpenBlob reads the blob with a sha256 digest, given in hex. Where the bytes
// end, the reader reports ErrCorrupt instead of io.EOF unless they are the ones
// that the digest names: use nothing of them before that.
func OpenBlob(ctx context.Context, s Store, digest string) (io.ReadCloser, error) {
	if !hexDigest.MatchString(digest) {
		return nil, fmt.Errorf("open blob %q: not a sha256 digest in hex", digest)
	}
	key := BlobKey(digest)
	body, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &blobReader{ReadCloser: body, hash: sha256.New(), want: digest, url: s.URL(key)}, nil
}

type blobReader struct {
	io.ReadCloser
	hash hash.Hash
	want string
	url  string
}

func (r *blobReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.hash.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(r.hash.Sum(nil)); got != r.want {
			return n, fmt.Errorf("read %s: %w: its bytes have sha256 %s", r.url, ErrCorrupt, got)
		}
	}
	return n, err
}

// Digest reads body from its start to its end, and returns the sha256 digest in
// hex and the size in bytes.
func Digest(body io.ReadSeeker) (digest string, size int64, err error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	return hashAll(body)
}

func hashAll(r io.Reader) (digest string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

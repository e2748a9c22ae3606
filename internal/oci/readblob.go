package oci

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ReadBlob gives a blob of a size, as its descriptor says it, to read. It is read to its
// end and verified whatever read leaves of it, so what read learned counts only when
// ReadBlob returns nil. When the registry breaks off or sends wrong bytes, read is called
// again, from the start. It takes as long as the blob moves.
func (c *Client) ReadBlob(ctx context.Context, repository, digest string, size int64, read func(io.Reader) error) error {
	doing := "read blob " + digest + " of " + repository
	if err := checkDigest(digest); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if size <= 0 { // and no bytes are never verified
		return fmt.Errorf("%s: its descriptor says that it has %d bytes", doing, size)
	}
	return c.keepAt(ctx, doing, access{repository: repository, rights: transport.PullScope}, func(ctx context.Context, s *session) error {
		response, err := s.send(ctx, request{method: http.MethodGet, path: "blobs/" + digest}, http.StatusOK) //nolint:bodyclose // as verified
		if err != nil {
			return err
		}
		body := &verified{
			ReadCloser: response.Body, hash: sha256.New(), left: size, want: digest,
			explain: func(err error) error { return err },
		}
		defer func() { _ = body.Close() }()
		return readAll(body, read)
	})
}

// readAll prefers what is wrong with the bytes to what was made of them.
func readAll(body io.Reader, read func(io.Reader) error) error {
	kept := &keeper{Reader: body}
	failed := read(kept)
	if kept.err == nil {
		_, _ = io.Copy(io.Discard, kept)
	}
	if kept.err != nil {
		return kept.err
	}
	return failed
}

// keeper keeps the error that ended its reader: who reads through other readers may not
// get to see it.
type keeper struct {
	io.Reader
	err error
}

func (k *keeper) Read(p []byte) (int, error) {
	n, err := k.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

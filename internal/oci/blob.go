package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// source opens a blob for an upload. It may be opened again.
type source func(context.Context) (io.ReadCloser, error)

// writeBlob writes a blob unless it is there. mounts is a repository of the same
// registry that has it, or empty. It takes as long as the blob moves.
func (c *Client) writeBlob(ctx context.Context, repository, mounts string, d v1.Descriptor, open source) error {
	doing := fmt.Sprintf("write blob %s to %s", d.Digest, repository)
	a := toPush(repository)
	a.mounts = mounts
	return c.keepAt(ctx, doing, a, func(ctx context.Context, s *session) error {
		there, err := s.hasBlob(ctx, d.Digest.String())
		if err != nil || there {
			return err
		}
		location, err := s.startUpload(ctx, d.Digest.String(), mounts)
		if err != nil || location == "" {
			return err
		}
		return s.upload(ctx, location, d, open)
	})
}

func (s *session) hasBlob(ctx context.Context, digest string) (bool, error) {
	response, err := s.send(ctx, request{method: http.MethodHead, path: "blobs/" + digest}, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return false, err
	}
	discard(response)
	return response.StatusCode == http.StatusOK, nil
}

// startUpload mounts a blob from another repository, or else says where to upload it.
func (s *session) startUpload(ctx context.Context, digest, mounts string) (location string, err error) {
	path := "blobs/uploads/"
	if mounts != "" {
		from, err := name.NewRepository(mounts, name.StrictValidation)
		if err != nil {
			return "", err
		}
		path += "?" + url.Values{"mount": {digest}, "from": {from.RepositoryStr()}}.Encode()
	}
	response, err := s.send(ctx, request{method: http.MethodPost, path: path}, http.StatusAccepted, http.StatusCreated)
	if code := status(err); mounts != "" && code >= 400 && code < 500 {
		return s.startUpload(ctx, digest, "") // it mounts nothing
	}
	if err != nil {
		return "", err
	}
	discard(response)
	if response.StatusCode == http.StatusCreated && mounts != "" {
		return "", nil
	}
	location = response.Header.Get("Location")
	if location == "" {
		return "", errors.New("the registry does not say where to upload")
	}
	return location, nil
}

// upload sends a blob in one request. If that breaks, the whole upload must begin anew.
func (s *session) upload(ctx context.Context, location string, d v1.Descriptor, open source) error {
	address, err := url.Parse(location)
	if err != nil {
		return fmt.Errorf("upload to %q: %w", location, err)
	}
	query := address.Query()
	query.Set("digest", d.Digest.String())
	address.RawQuery = query.Encode()
	body, err := open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	sent := request{method: http.MethodPut, path: address.String(), header: http.Header{"Content-Type": {"application/octet-stream"}}}
	if d.Size > 0 {
		sent.body, sent.size = body, d.Size
	}
	response, err := s.send(ctx, sent, http.StatusCreated, http.StatusNoContent, http.StatusAccepted)
	if err != nil {
		return uploadError(err)
	}
	discard(response)
	return nil
}

// uploadError marks what another upload may not meet. The registry may have forgotten
// this one, or have been interrupted in it.
func uploadError(err error) error {
	_, again := inPassing(nil, err)
	if again || errors.Is(err, errUsed) || status(err) == http.StatusNotFound {
		return passing{err: err}
	}
	return err
}

// readBlob opens a blob whose bytes are verified as they are read.
func (c *Client) readBlob(repository string, d v1.Descriptor) source {
	doing := fmt.Sprintf("read blob %s of %s", d.Digest, repository)
	a := toPull(repository)
	return func(ctx context.Context) (body io.ReadCloser, err error) {
		err = c.keepAt(ctx, doing, a, func(ctx context.Context, s *session) error {
			response, err := s.send(ctx, request{method: http.MethodGet, path: "blobs/" + d.Digest.String()}, http.StatusOK) //nolint:bodyclose // the blob closes it
			if err != nil {
				return err
			}
			body = &verified{
				ReadCloser: response.Body, hash: sha256.New(), left: d.Size, want: d.Digest.String(),
				explain: func(err error) error { return Explain(doing, a.host(), err) },
			}
			return nil
		})
		return body, err
	}
}

// errUsed is a body that was asked for twice: who logs in on our behalf does so when
// a token has expired.
var errUsed = errors.New("the login has expired during the upload")

// verified is a blob that never gives its last bytes unless all are right. So who
// sends it on cannot complete it when it is wrong.
type verified struct {
	io.ReadCloser
	hash    hash.Hash
	left    int64
	want    string
	closed  bool
	explain func(error) error
}

func (v *verified) Read(p []byte) (int, error) {
	if v.closed {
		return 0, errUsed
	}
	if v.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > v.left {
		p = p[:v.left]
	}
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if v.left == 0 {
		return v.end(n)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, v.explain(passing{err: err})
	}
	return n, nil
}

// end gives the last n bytes if they are.
func (v *verified) end(n int) (int, error) {
	if got := "sha256:" + hex.EncodeToString(v.hash.Sum(nil)); got != v.want {
		return 0, v.explain(passing{err: &DigestError{Want: v.want, Got: got}})
	}
	return n, nil
}

func (v *verified) Close() error {
	v.closed = true
	return v.ReadCloser.Close()
}

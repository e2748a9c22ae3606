package oci

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

const digestHeader = "Docker-Content-Digest"

// orAbsent is ErrAbsent if the registry says that it has no such manifest.
func orAbsent(err error) error {
	if status(err) == http.StatusNotFound {
		return ErrAbsent
	}
	return err
}

func (s *session) title(reference string) string {
	separator := ":"
	if strings.Contains(reference, ":") {
		separator = "@"
	}
	return s.repository.Name() + separator + reference
}

// resolve says which digest a tag names.
func (s *session) resolve(ctx context.Context, tag string) (digest string, err error) {
	found, err := s.head(ctx, tag)
	if err != nil {
		return "", err
	}
	if found.Digest != "" {
		return found.Digest, checkDigest(found.Digest)
	}
	m, err := s.get(ctx, tag)
	return m.Digest, err
}

// described is what a HEAD tells of a manifest.
type described struct {
	Digest    string // may be left out
	MediaType string
	Size      int64
}

func (s *session) head(ctx context.Context, reference string) (d described, err error) {
	response, err := s.send(ctx, request{
		method: http.MethodHead, path: "manifests/" + reference, header: http.Header{"Accept": {acceptable}},
	}, http.StatusOK)
	if err != nil {
		return d, orAbsent(err)
	}
	discard(response)
	d = described{response.Header.Get(digestHeader), mediaType(response.Header), response.ContentLength}
	return d, agree(reference, d.Digest)
}

// get reads a manifest by digest or tag and verifies it.
func (s *session) get(ctx context.Context, reference string) (m Manifest, err error) {
	response, err := s.send(ctx, request{
		method: http.MethodGet, path: "manifests/" + reference, header: http.Header{"Accept": {acceptable}},
	}, http.StatusOK)
	if err != nil {
		return m, orAbsent(err)
	}
	raw, err := read(response)
	if err != nil {
		return m, err
	}
	m = Manifest{Digest: sum(raw), MediaType: mediaType(response.Header), Raw: raw}
	if !isKnown(m.MediaType) {
		return Manifest{}, &MediaTypeError{Name: s.title(reference), Header: m.MediaType}
	}
	promised := reference
	if !strings.Contains(reference, ":") {
		promised = response.Header.Get(digestHeader)
	}
	if promised != "" && promised != m.Digest {
		return Manifest{}, passing{err: &DigestError{Want: promised, Got: m.Digest}}
	}
	return m, checkBody(s.title(reference), m)
}

// agree verifies what a registry says a manifest's digest is.
func agree(reference, said string) error {
	if said != "" && strings.Contains(reference, ":") && said != reference {
		return passing{err: &DigestError{Want: reference, Got: said}}
	}
	return nil
}

// put writes a manifest under a tag or its digest.
func (s *session) put(ctx context.Context, reference string, m Manifest) error {
	if got := sum(m.Raw); got != m.Digest {
		return fmt.Errorf("the manifest's own digest is %s", got)
	}
	response, err := s.send(ctx, request{
		method: http.MethodPut, path: "manifests/" + reference,
		header: http.Header{"Content-Type": {m.MediaType}}, body: bytes.NewReader(m.Raw),
	}, http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err != nil {
		return err
	}
	discard(response)
	return agree(m.Digest, response.Header.Get(digestHeader))
}

// mediaType is that of an answer, without parameters.
func mediaType(header http.Header) string {
	full := header.Get("Content-Type")
	if short, _, err := mime.ParseMediaType(full); err == nil {
		return short
	}
	return full
}

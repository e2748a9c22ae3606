package plugin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody is GitHub's own limit of a webhook's payload.
const maxBody = 25 << 20

// readDeadline is for the body of one webhook, once there is room for it.
const readDeadline = 30 * time.Second

// refusal is a request that is no webhook of GitHub's, or not now.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// envelope is what a request's headers say.
type envelope struct {
	Event
	mac  []byte // what the sender says that the payload's is
	kind func() hash.Hash
}

// open reads the headers; nothing of the body has been read.
func open(r *http.Request) (*envelope, error) {
	e := &envelope{Event: Event{Type: r.Header.Get("X-GitHub-Event"), GUID: r.Header.Get("X-GitHub-Delivery")}}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		return nil, refuse(http.StatusMethodNotAllowed, "a webhook is a POST")
	case e.Type == "" || e.GUID == "":
		return nil, refuse(http.StatusBadRequest, "the header X-GitHub-Event or X-GitHub-Delivery is missing")
	case len(e.Type) > 100 || len(e.GUID) > 100:
		return nil, refuse(http.StatusBadRequest, "the header X-GitHub-Event or X-GitHub-Delivery is too long")
	case err != nil || media != "application/json":
		return nil, refuse(http.StatusBadRequest, "the payload must be application/json: set the webhook's content type so")
	case r.ContentLength > maxBody:
		return nil, refuse(http.StatusRequestEntityTooLarge, "the payload is larger than %d bytes", maxBody)
	}
	return e, e.signature(r.Header)
}

// signature takes the stronger of the two that GitHub sends. hook passes on both.
func (e *envelope) signature(h http.Header) error {
	text, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	e.kind = sha256.New
	if !ok && h.Get("X-Hub-Signature-256") == "" {
		text, ok = strings.CutPrefix(h.Get("X-Hub-Signature"), "sha1=")
		e.kind = sha1.New
	}
	mac, err := hex.DecodeString(text)
	if !ok || err != nil || len(mac) != e.kind().Size() {
		return refuse(http.StatusForbidden, "a signature is missing or is none")
	}
	e.mac = mac
	return nil
}

// read takes the body in and checks its signature against every secret. Where the
// payload is not to be kept it is only hashed.
func (e *envelope) read(w http.ResponseWriter, r *http.Request, k *keys, keep *bytes.Buffer) error {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(readDeadline))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }() // or the wait for a handler would end by it
	var macs []hash.Hash
	var into []io.Writer
	for _, key := range k.each() {
		mac := hmac.New(e.kind, key)
		macs, into = append(macs, mac), append(into, mac)
	}
	if keep != nil {
		into = append(into, keep)
	}
	if _, err := io.Copy(io.MultiWriter(into...), http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return refuse(http.StatusRequestEntityTooLarge, "the payload is larger than %d bytes", maxBody)
		}
		return refuse(http.StatusBadRequest, "the payload broke off")
	}
	right := false
	for _, mac := range macs {
		right = hmac.Equal(mac.Sum(nil), e.mac) || right
	}
	if !right {
		return refuse(http.StatusForbidden, "the signature is wrong")
	}
	if keep != nil {
		e.Payload = keep.Bytes()
	}
	return nil
}

// inScope checks that the secret which signed is one of the event's own repository.
func (e *envelope) inScope(k *keys) error {
	if !k.scoped() {
		return nil
	}
	var about struct {
		Repository struct {
			Name string `json:"full_name"`
		} `json:"repository"`
		Organization struct {
			Login string `json:"login"`
		} `json:"organization"`
	}
	if err := json.Unmarshal(e.Payload, &about); err != nil {
		return refuse(http.StatusBadRequest, "the payload is no JSON")
	}
	name := about.Repository.Name
	if name == "" {
		name = about.Organization.Login
	}
	for _, key := range k.of(name) {
		mac := hmac.New(e.kind, key)
		mac.Write(e.Payload)
		if hmac.Equal(mac.Sum(nil), e.mac) {
			return nil
		}
	}
	return refuse(http.StatusForbidden, "the signature is of another repository's secret")
}

// room waits until there is memory for the body. What waits has sent nothing yet.
func (s *Server) room(ctx context.Context, length int64) (release func(), err error) {
	if length < 0 {
		length = maxBody
	}
	length = max(length, 1)
	if err := s.memory.Acquire(ctx, length); err != nil {
		return nil, err
	}
	return func() { s.memory.Release(length) }, nil
}

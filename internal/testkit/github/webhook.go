package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// webhookDeadline is how long GitHub waits for a receiver.
const webhookDeadline = 10 * time.Second

// Delivery is one webhook that was sent.
type Delivery struct {
	URL     string
	Event   string // X-GitHub-Event
	GUID    string // X-GitHub-Delivery
	Payload []byte // the JSON that was signed
	Status  int    // the receiver's answer; 0 if there was none
	Err     error  // why there was none
}

// hooks sends events to the receivers, to each in the order in which things happened.
type hooks struct {
	mu        sync.Mutex
	server    *Server
	receivers []*receiver
	done      []Delivery
}

type receiver struct {
	id     int64
	url    string
	secret []byte
	last   chan struct{} // closed when the newest delivery is over
}

func (h *hooks) start(s *Server) { h.server = s }

// Webhook sends the events from now on to a URL, signed with secret.
func (s *Server) Webhook(url string, secret []byte) {
	over := make(chan struct{})
	close(over)
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.receivers = append(s.hooks.receivers, &receiver{id: s.nextID(), url: url, secret: secret, last: over})
}

// WaitWebhooks waits until everything that was to be sent has been.
func (s *Server) WaitWebhooks(ctx context.Context) error {
	s.hooks.mu.Lock()
	receivers := slices.Clone(s.hooks.receivers)
	s.hooks.mu.Unlock()
	for _, r := range receivers {
		s.hooks.mu.Lock()
		last := r.last
		s.hooks.mu.Unlock()
		select {
		case <-last:
		case <-ctx.Done():
			return fmt.Errorf("wait for webhooks to %s: %w", r.url, ctx.Err())
		}
	}
	return nil
}

// Deliveries returns the webhooks that were sent, in the order in which they ended.
func (s *Server) Deliveries() []Delivery {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	return slices.Clone(s.hooks.done)
}

// close waits for what is under way, and forgets the receivers.
func (h *hooks) close(ctx context.Context) {
	if err := h.server.WaitWebhooks(ctx); err != nil {
		h.server.config.Log("fake GitHub: %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.receivers = nil
}

// send queues an event for every receiver. It does not wait, so that the caller may
// hold the server's lock and events keep the order of the changes.
func (h *hooks) send(event string, payload any) {
	data, err := json.Marshal(payload)
	if err != nil {
		h.server.config.Error("fake GitHub: write event %s: %v", event, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.receivers {
		d := Delivery{URL: r.url, Event: event, GUID: newGUID(), Payload: data}
		before, over := r.last, make(chan struct{})
		r.last = over
		go func() {
			defer close(over)
			<-before
			h.deliver(r, d)
		}()
	}
}

// deliver posts once, as GitHub does: what the receiver makes of it is only written down.
func (h *hooks) deliver(r *receiver, d Delivery) {
	ctx, cancel := context.WithTimeout(h.server.ctx, webhookDeadline)
	defer cancel()
	d.Status, d.Err = post(ctx, r, d)
	if d.Err != nil {
		h.server.config.Log("fake GitHub: webhook %s to %s: %v", d.Event, d.URL, d.Err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, d)
}

func post(ctx context.Context, r *receiver, d Delivery) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Payload))
	if err != nil {
		return 0, err
	}
	for name, value := range map[string]string{
		"Content-Type":        "application/json",
		"User-Agent":          "GitHub-Hookshot/fake",
		"X-GitHub-Event":      d.Event,
		"X-GitHub-Delivery":   d.GUID,
		"X-GitHub-Hook-ID":    strconv.FormatInt(r.id, 10),
		"X-Hub-Signature":     "sha1=" + sign(sha1.New, r.secret, d.Payload), // Prow reads this one
		"X-Hub-Signature-256": "sha256=" + sign(sha256.New, r.secret, d.Payload),
	} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, err
}

func sign(kind func() hash.Hash, secret, payload []byte) string {
	mac := hmac.New(kind, secret)
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil))
}

// newGUID is a random UUID, version 4.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

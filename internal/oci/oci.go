// Package oci reads and writes image registries for the promoter.
//
// Everything is named by digest and verified against it: bytes that are not what
// their name says are never given to a caller nor written under that name, and a tag
// is the last thing that is written. Requests are dear where a thousand images move,
// so a manifest is one request, a tag is one request, a registry is asked once how to
// log in, and nothing is sent that is there already. A request that fails in passing
// is sent again, every call ends by a deadline, and an error names the registry, what
// it did, and the cure.
package oci

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ErrAbsent says that the registry answered, and has no such manifest.
var ErrAbsent = errors.New("the registry has no such manifest")

// What a Config's zero values stand for.
const (
	DefaultIdle     = time.Minute
	DefaultDeadline = 2 * time.Minute
	DefaultAttempts = 6
	DefaultBackoff  = 200 * time.Millisecond
	DefaultParallel = 16
)

// Config says how registries are spoken to. Its zero value is useful.
type Config struct {
	Keychain authn.Keychain    // nil is what docker's and podman's login left
	Idle     time.Duration     // how long a registry may say nothing
	Deadline time.Duration     // of one call, with its waits; blobs may take as long as they move
	Attempts int               // how often a request is sent at most
	Backoff  time.Duration     // about how long the first wait before another attempt is; each next is twice as long
	Budgets  map[string]Budget // by registry host
	Progress func(string)      // is told of every wait, from several goroutines at once; nil is nobody
}

// Budget bounds what one registry is asked.
type Budget struct {
	Parallel int     // requests that wait for an answer at once; 0 is DefaultParallel
	Rate     float64 // requests a second; 0 is any number
}

// Client speaks to registries. It may be used by several goroutines at once.
type Client struct {
	config  Config
	budgets *budgets
	wire    http.RoundTripper // without credentials

	pageSize int // of tags

	mu       sync.Mutex
	pings    map[string]*lazy[*transport.Challenge] // by registry host
	sessions map[string]*lazy[*session]             // by repository and rights

	fallbacks [64]sync.Mutex // changes of fallback tags, by their names' hash
}

// New makes a client; it does not speak to any registry.
func New(c Config) *Client {
	c = c.withDefaults()
	b := newBudgets(c.Budgets)
	b.inner = IdleTransport(newTransport(b.mostParallel()), c.Idle)
	again := &retrying{inner: b, attempts: c.Attempts, backoff: c.Backoff, longest: c.Deadline, say: c.Progress}
	return &Client{
		config: c, budgets: b, pageSize: defaultPage,
		wire:     transport.NewUserAgent(again, "slipway"),
		pings:    map[string]*lazy[*transport.Challenge]{},
		sessions: map[string]*lazy[*session]{},
	}
}

func (c Config) withDefaults() Config {
	if c.Keychain == nil {
		c.Keychain = authn.DefaultKeychain
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	if c.Attempts == 0 {
		c.Attempts = DefaultAttempts
	}
	if c.Backoff == 0 {
		c.Backoff = DefaultBackoff
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

// Requests are the requests that were really sent, by registry host.
func (c *Client) Requests() map[string]int { return c.budgets.sent() }

// call speaks with one repository under the deadline of one call.
func (c *Client) call(ctx context.Context, doing string, a access, do func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Deadline)
	defer cancel()
	return c.keepAt(ctx, doing, a, do)
}

// keepAt speaks with one repository, and does it again when what came was cut short
// or was not what it should be. Requests that failed have been sent again before.
func (c *Client) keepAt(ctx context.Context, doing string, a access, do func(context.Context, *session) error) error {
	s, err := c.session(ctx, a)
	if err != nil {
		return Explain(doing, a.host(), err)
	}
	pause := &pauses{backoff: c.config.Backoff, longest: c.config.Deadline, say: c.config.Progress}
	for attempt := 1; ; attempt++ {
		err := do(ctx, s)
		var p passing
		if err == nil || !errors.As(err, &p) || attempt == c.config.Attempts || !pause.wait(ctx, doing+": "+p.Error(), p.after) {
			return Explain(doing, a.host(), err)
		}
	}
}

// passing is an error that another attempt may not meet.
type passing struct {
	err   error
	after time.Duration // not before
}

func (p passing) Error() string { return p.err.Error() }
func (p passing) Unwrap() error { return p.err }

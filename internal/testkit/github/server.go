// Package github is a GitHub of our own: an HTTP server on loopback that speaks
// the part of GitHub's REST API and webhooks that Slipway and Prow use.
//
// It is strict, so that a client's mistake shows in the test that makes it: a
// wrong method, path, query, body or token is reported to the test and answered as
// GitHub would. What a correct client can meet (a missing object, a lost race, a
// refused permission, an injected fault) is answered and not reported. Refs and
// objects live in real bare git repositories, so that a change made through the
// API and one made by `git push` are the same change.
package github

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Config is what a server may be told. Its zero value is useful.
type Config struct {
	Addr      string                           // to listen on; empty is a free port of 127.0.0.1
	Dir       string                           // holds the repositories that name no GitDir; empty is a temporary folder that Close removes
	Error     func(format string, args ...any) // told of every wrong request; nil ignores them
	Log       func(format string, args ...any) // told of seeds and faults; nil ignores them
	Now       func() time.Time                 // the server's clock; nil is time.Now
	RateLimit int                              // requests an hour for each user; 0 is GitHub's 5000
}

// Server is a running GitHub.
type Server struct {
	config   Config
	listener net.Listener
	http     *http.Server
	routes   []route
	ctx      context.Context // ends when the server closes: its git programs and stalls end with it
	stop     context.CancelFunc
	tempDir  string

	lastID   atomic.Int64
	people   people
	requests requests
	hooks    hooks

	mu    sync.Mutex // guards what follows, and what repositories hold in memory
	repos map[string]*Repo
	orgs  map[string]*org
}

// New starts a server for a test: wrong requests fail the test, and the server
// ends with it.
func New(t testing.TB, options ...func(*Config)) *Server {
	t.Helper()
	config := Config{Error: t.Errorf, Log: t.Logf, Dir: t.TempDir()}
	for _, option := range options {
		option(&config)
	}
	s, err := NewServer(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewServer starts a server, for a demonstration. The caller closes it.
func NewServer(config Config) (*Server, error) {
	s := &Server{
		config: withDefaults(config),
		people: people{tokens: map[string]token{}, logins: map[string]string{}},
		routes: routes(),
		repos:  map[string]*Repo{},
		orgs:   map[string]*org{},
	}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", s.config.Addr)
	if err != nil {
		_ = os.RemoveAll(s.tempDir)
		return nil, fmt.Errorf("start the fake GitHub: %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.listener = listener
	s.hooks.start(s)
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(listener) }()
	return s, nil
}

func withDefaults(c Config) Config {
	ignore := func(string, ...any) {}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Error == nil {
		c.Error = ignore
	}
	if c.Log == nil {
		c.Log = ignore
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.RateLimit == 0 {
		c.RateLimit = 5000
	}
	return c
}

func (s *Server) makeDir() error {
	if s.config.Dir != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "fake-github-")
	if err != nil {
		return fmt.Errorf("make a folder for the fake GitHub's repositories: %w", err)
	}
	s.config.Dir, s.tempDir = dir, dir
	return nil
}

// URL is the API's base without a slash at the end. URL()+"/api/v3" serves the
// same, as GitHub Enterprise does.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close ends the server: webhooks that are under way get a moment, then everything stops.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.hooks.close(ctx)
	s.stop()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	if s.tempDir != "" {
		_ = os.RemoveAll(s.tempDir)
	}
}

// nextID numbers whatever needs a number.
func (s *Server) nextID() int64 { return s.lastID.Add(1) }

func (s *Server) now() time.Time { return s.config.Now().UTC().Truncate(time.Second) }

package registry

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Proxy stands before a registry. It records every request and answers some of them
// wrongly.
type Proxy struct {
	Host string // HOST:PORT, instead of the registry's

	target    *url.URL
	transport *http.Transport
	ended     chan struct{} // closed when the test ends: nothing stalls any longer

	mu       sync.Mutex
	breakage *dice
	seen     []*Request
}

// Request is one that came to a proxy.
type Request struct {
	Method string
	Path   string
	Status int   // what the registry answered; 0 if it never did
	Fault  Fault // what was done to the request or its answer
}

// IsWrite says whether the request asks for a change.
func (r Request) IsWrite() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// NewProxy stands before the registry at host until the test ends.
func NewProxy(t testing.TB, host string) *Proxy {
	t.Helper()
	p := &Proxy{
		target:    &url.URL{Scheme: "http", Host: host},
		transport: &http.Transport{MaxIdleConnsPerHost: 64},
		ended:     make(chan struct{}),
	}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		close(p.ended)
		server.CloseClientConnections()
		server.Close()
		p.transport.CloseIdleConnections()
	})
	p.Host = strings.TrimPrefix(server.URL, "http://")
	return p
}

// Break answers wrongly from now on; the zero Breakage answers rightly again.
func (p *Proxy) Break(b Breakage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breakage = b.dice()
}

// Forget forgets the requests that came.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = nil
}

// Requests are those that came, in their order.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := make([]Request, len(p.seen))
	for i, seen := range p.seen {
		requests[i] = *seen
	}
	return requests
}

// Count is the number of requests that match.
func (p *Proxy) Count(match func(Request) bool) int {
	n := 0
	for _, request := range p.Requests() {
		if match(request) {
			n++
		}
	}
	return n
}

// Puts says how often the registry took a manifest under each tag, by
// "REPOSITORY:TAG". It counts too what the registry took and whose answer was lost.
func (p *Proxy) Puts() map[string]int {
	puts := map[string]int{}
	for _, request := range p.Requests() {
		repository, reference, ok := manifestOf(request.Path)
		if ok && request.Method == http.MethodPut && request.Status == http.StatusCreated && !strings.Contains(reference, ":") {
			puts[repository+":"+reference]++
		}
	}
	return puts
}

// manifestOf splits /v2/REPOSITORY/manifests/REFERENCE.
func manifestOf(path string) (repository, reference string, ok bool) {
	before, reference, ok := strings.Cut(strings.TrimPrefix(path, "/v2/"), "/manifests/")
	return before, reference, ok
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := p.record(r)
	if entry.Fault.instead() {
		p.refuse(entry.Fault, w, r)
		return
	}
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		r = whole(ctx, r)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(p.target)
			r.Out.Host = r.In.Host // in which the registry finds its own name
		},
		ModifyResponse: func(response *http.Response) error {
			p.answered(entry, response.StatusCode)
			return entry.Fault.spoil(response)
		},
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      log.New(io.Discard, "", 0),
		Transport:     p.transport,
		FlushInterval: -1,
	}
	forward.ServeHTTP(w, r)
}

// whole reads a request to its end, and parts it from its client: who is killed while it
// writes a manifest has then written it or not, and the record says which. It also keeps
// half a manifest from go-containerregistry's registry, which takes it for a whole one.
func whole(ctx context.Context, r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

func (p *Proxy) record(r *http.Request) *Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry := &Request{Method: r.Method, Path: r.URL.Path}
	if p.breakage != nil {
		entry.Fault = p.breakage.roll(r)
	}
	p.seen = append(p.seen, entry)
	return entry
}

func (p *Proxy) answered(entry *Request, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry.Status = status
}

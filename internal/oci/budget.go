package oci

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// newTransport keeps as many connections as requests may be under way.
func newTransport(parallel int) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   parallel,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// budgets holds the requests to each host within its budget, and counts them.
type budgets struct {
	inner http.RoundTripper
	given map[string]Budget

	mu    sync.Mutex
	hosts map[string]*budget
}

// budget is one host's.
type budget struct {
	turns chan struct{}
	rate  *rate.Limiter
	sent  atomic.Int64
}

func newBudgets(given map[string]Budget) *budgets {
	return &budgets{given: given, hosts: map[string]*budget{}}
}

func (b *budgets) mostParallel() int {
	most := DefaultParallel
	for _, budget := range b.given {
		most = max(most, budget.Parallel)
	}
	return most
}

func (b *budgets) of(host string) *budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.hosts[host]; known != nil {
		return known
	}
	given := b.given[host]
	if given.Parallel <= 0 {
		given.Parallel = DefaultParallel
	}
	limit := rate.Inf
	if given.Rate > 0 {
		limit = rate.Limit(given.Rate)
	}
	made := &budget{turns: make(chan struct{}, given.Parallel), rate: rate.NewLimiter(limit, 1)}
	b.hosts[host] = made
	return made
}

// RoundTrip sends a request when it is its turn. The turn ends when the answer
// begins, not when it ends: a blob may be read while it is sent on to the same host,
// and two requests that each wait for the other's turn would wait for ever.
func (b *budgets) RoundTrip(request *http.Request) (*http.Response, error) {
	host := b.of(request.URL.Host)
	if err := host.enter(request.Context()); err != nil {
		closeBody(request)
		return nil, fmt.Errorf("wait for a turn in the request budget of %s: %w", request.URL.Host, err)
	}
	defer func() { <-host.turns }()
	host.sent.Add(1)
	return b.inner.RoundTrip(request)
}

func (h *budget) enter(ctx context.Context) error {
	select {
	case h.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := h.rate.Wait(ctx); err != nil {
		<-h.turns
		if ctx.Err() == nil {
			return context.DeadlineExceeded // it would be, and the limiter says so at once
		}
		return ctx.Err()
	}
	return nil
}

func (b *budgets) sent() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	sent := map[string]int{}
	for host, budget := range b.hosts {
		sent[host] = int(budget.sent.Load())
	}
	return sent
}

func closeBody(request *http.Request) {
	if request.Body != nil {
		_ = request.Body.Close()
	}
}

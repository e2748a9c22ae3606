package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"
)

const createRefEndpoint = "POST /repos/{owner}/{repo}/git/refs"

// createWithFault creates a ref under one fault, and says whether git has it afterwards.
func createWithFault(t *testing.T, w *world, fault Fault, timeout time.Duration) (error, bool) {
	t.Helper()
	w.Faults(1, FaultConfig{Script: []Fault{fault}, RetryAfter: 2 * time.Second, Stall: time.Minute,
		Match: func(r Request) bool { return r.Endpoint == createRefEndpoint }})
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	name := "refs/tags/" + strings.ReplaceAll(fault.String(), " ", "-")
	c := newClient(t, w.URL(), "bot-token")
	_, _, err := c.Git.CreateRef(ctx, "org", "repo", ref(name, w.first))
	_, there, lookErr := w.repo.git.ref(t.Context(), name)
	if lookErr != nil {
		t.Fatal(lookErr)
	}
	return err, there
}

func TestFaultsAsTheClientSeesThem(t *testing.T) {
	w := newWorld(t, t, Options{})
	status := func(want int) func(error) bool {
		return func(err error) bool {
			refused, ok := errors.AsType[*client.ErrorResponse](err)
			return ok && refused.Response.StatusCode == want
		}
	}
	for _, row := range []struct {
		fault   Fault
		timeout time.Duration
		wants   func(error) bool
		there   bool
	}{
		{NoFault, 10 * time.Second, func(err error) bool { return err == nil }, true},
		{ServerError, 10 * time.Second, status(500), false},
		{BadGateway, 10 * time.Second, status(502), false},
		{TooMany, 10 * time.Second, status(429), false},
		{SecondaryLimit, 10 * time.Second, func(err error) bool {
			limited, ok := errors.AsType[*client.AbuseRateLimitError](err)
			return ok && *limited.RetryAfter == 2*time.Second
		}, false},
		{PrimaryLimit, 10 * time.Second, func(err error) bool {
			limited, ok := errors.AsType[*client.RateLimitError](err)
			return ok && time.Until(limited.Rate.Reset.Time) <= 3*time.Second
		}, false},
		{Reset, 10 * time.Second, func(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }, false},
		{Stall, 200 * time.Millisecond, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, false},
		{Truncate, 10 * time.Second, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, true},
		{LostAnswer, 10 * time.Second, func(err error) bool { return errors.Is(err, io.EOF) }, true},
	} {
		t.Run(row.fault.String(), func(t *testing.T) {
			err, there := createWithFault(t, w, row.fault, row.timeout)
			if !row.wants(err) {
				t.Errorf("the client saw %T %v", err, err)
			}
			if there != row.there {
				t.Errorf("the change is made: %v, want %v", there, row.there)
			}
		})
	}
}

// A seed always gives the same row of faults, and rates come out as asked.
func TestFaultsByProbability(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := New(t, func(c *Config) { c.RateLimit = 1 << 20 })
	row := func() map[Fault]int {
		s.Faults(seed, FaultConfig{Rates: map[Fault]float64{ServerError: 0.2, TooMany: 0.1}})
		counts := map[Fault]int{}
		for range 2000 {
			counts[s.nextFault(Request{})]++
		}
		return counts
	}
	once, again := row(), row()
	if diff := cmp.Diff(once, again); diff != "" {
		t.Errorf("the same seed gave another row (-first +second):\n%s", diff)
	}
	for fault, want := range map[Fault]int{NoFault: 1400, ServerError: 400, TooMany: 200} {
		if got := once[fault]; got < want-100 || got > want+100 {
			t.Errorf("%v came %d times, want about %d", fault, got, want)
		}
	}
	s.Faults(0, FaultConfig{})
	if got := s.nextFault(Request{}); got != NoFault {
		t.Errorf("the healed server gives %v", got)
	}
}

func TestRequestLogTellsFaults(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.Faults(1, FaultConfig{Script: []Fault{ServerError}})
	for range 2 {
		_, _ = w.send(t, http.MethodGet, "/api/v3/repos/org/repo?page=1", "alice-token", "")
	}
	const endpoint = "GET /repos/{owner}/{repo}"
	request := Request{Method: "GET", Path: "/repos/org/repo", Query: "page=1", Endpoint: endpoint, User: "alice", Status: 200}
	failed := request
	failed.Status, failed.Fault = 500, ServerError
	if diff := cmp.Diff(Requests{failed, request}, w.Requests()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(w.Requests().Counts()); got != "map["+endpoint+":2]" {
		t.Errorf("counts %s", got)
	}
}

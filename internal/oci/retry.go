package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// retrying sends a request again that failed in passing: the registry is busy or
// broken, or the connection went.
type retrying struct {
	inner    http.RoundTripper
	attempts int
	backoff  time.Duration
	longest  time.Duration // wait
	say      func(string)
}

// RoundTrip sends a request until it is answered, or cannot be sent again. What the
// last attempt gave is given, be it an answer that refuses.
func (t *retrying) RoundTrip(request *http.Request) (*http.Response, error) {
	pause := &pauses{backoff: t.backoff, longest: t.longest, say: t.say}
	for attempt := 1; ; attempt++ {
		response, err := t.send(request)
		p, again := inPassing(response, err)
		if !again || attempt == t.attempts || !isReplayable(request) {
			return response, err
		}
		what := fmt.Sprintf("%s %s%s: %v", request.Method, request.URL.Host, request.URL.Path, p.err)
		if !pause.wait(request.Context(), what, p.after) {
			if p.after > 0 && response != nil {
				discard(response)
				return nil, &BusyError{Status: response.Status, After: p.after}
			}
			return response, err
		}
		discard(response)
	}
}

// send gives each attempt a body of its own, and also the first: who logs in on our
// behalf sends a request twice without a thought to its body.
func (t *retrying) send(request *http.Request) (*http.Response, error) {
	if request.GetBody == nil {
		return t.inner.RoundTrip(request)
	}
	body, err := request.GetBody()
	closeBody(request)
	if err != nil {
		return nil, err
	}
	attempt := request.Clone(request.Context())
	attempt.Body = body
	return t.inner.RoundTrip(attempt)
}

// isReplayable says whether a request can be sent twice. A body that streams from
// somewhere cannot: its whole upload has to be begun again.
func isReplayable(request *http.Request) bool {
	return request.Body == nil || request.Body == http.NoBody || request.GetBody != nil
}

// BusyError is a registry that wants to be left alone for longer than a call may take.
type BusyError struct {
	Status string
	After  time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("it answers %s and asks to come back after %s, which is longer than this call may wait", e.Status, e.After.Round(time.Second))
}

// inPassing says whether another attempt may end better.
func inPassing(response *http.Response, err error) (p passing, again bool) {
	var idle stalled
	switch {
	case err == nil:
		busy := response.StatusCode == http.StatusTooManyRequests
		broken := response.StatusCode >= 500 && response.StatusCode != http.StatusNotImplemented
		return passing{errors.New(response.Status), retryAfter(response.Header, time.Now())}, busy || broken
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return passing{}, false
	case errors.As(err, &idle), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return passing{err: err}, true
	}
	return passing{}, false
}

// retryAfter reads the header Retry-After, which holds seconds or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// pauses are the waits between the attempts of one thing.
type pauses struct {
	backoff time.Duration
	longest time.Duration
	say     func(string)
	made    int
}

// wait waits, and says what for. It does not wait, and returns false, when the wait
// would be too long or would end after ctx does.
func (p *pauses) wait(ctx context.Context, what string, after time.Duration) bool {
	pause := max(after, jitter(p.backoff<<min(p.made, 10)))
	p.made++
	deadline, bounded := ctx.Deadline()
	if pause > p.longest || bounded && time.Until(deadline) < pause {
		return false
	}
	p.say(fmt.Sprintf("%s; attempt %d in %s", what, p.made+1, pause.Round(time.Millisecond)))
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter is between a half and one and a half of d, so that those who failed together
// do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1)
}

// discard reads what is left of a small answer, so that its connection lives on.
func discard(response *http.Response) {
	if response != nil {
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
		_ = response.Body.Close()
	}
}

package githubrefs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-github/v60/github"
)

const (
	// callTimeout bounds one call with all its waits: GitHub's limits last an hour at most.
	callTimeout = 65 * time.Minute
	// attempts is how often a call is made whose failure is no limit.
	attempts = 6
	// secondaryPause is what GitHub asks for where it limits without saying for how long.
	secondaryPause = time.Minute
	// firstPause doubles with each attempt.
	firstPause = 250 * time.Millisecond
)

// call makes one request of the API, and makes it again when GitHub limits the rate
// or fails. what is the action, for people.
func (r *Refs) call(ctx context.Context, what string, do func(context.Context) (*github.Response, error)) (*github.Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, fmt.Errorf("GitHub did not answer within %v", callTimeout))
	defer cancel()
	for attempt := 1; ; attempt++ {
		resp, err := do(ctx)
		if err == nil {
			return resp, nil
		}
		wait, limited := limit(err, time.Now())
		if !limited {
			if wait = firstPause << (attempt - 1); attempt == attempts || !transient(ctx, resp, err) {
				return nil, r.explain(what, err)
			}
			wait = wait/2 + rand.N(wait)
		}
		if err := r.wait(ctx, wait, err); err != nil {
			return nil, r.explain(what, err)
		}
	}
}

// limit says how long GitHub asks to wait, if that is what the error is about.
func limit(err error, now time.Time) (time.Duration, bool) {
	var primary *github.RateLimitError
	if errors.As(err, &primary) {
		return until(primary.Rate.Reset.Time, now), true
	}
	var secondary *github.AbuseRateLimitError
	if errors.As(err, &secondary) {
		if secondary.RetryAfter != nil {
			return max(*secondary.RetryAfter, time.Second), true
		}
		return secondaryPause, true
	}
	var answer *github.ErrorResponse
	if !errors.As(err, &answer) || answer.Response == nil {
		return 0, false
	}
	return limitOf(answer.Response, now)
}

// limitOf reads the headers of an answer that go-github does not take for a limit.
func limitOf(resp *http.Response, now time.Time) (time.Duration, bool) {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		return max(time.Duration(seconds)*time.Second, time.Second), true
	}
	if resp.StatusCode == http.StatusForbidden {
		return 0, false // this account may not do it
	}
	if reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		return until(time.Unix(reset, 0), now), true
	}
	return secondaryPause, true
}

// until adds a second, since the header has whole ones.
func until(reset, now time.Time) time.Duration {
	return max(reset.Sub(now), 0) + time.Second
}

// transient is a failure of GitHub or of the way there: no answer, one cut short, or 5xx.
func transient(ctx context.Context, resp *github.Response, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if code := status(err); code != 0 {
		return code >= 500
	}
	return resp == nil || resp.StatusCode < 300
}

// wait sleeps, or fails at once where the deadline comes first.
func (r *Refs) wait(ctx context.Context, d time.Duration, cause error) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return fmt.Errorf("GitHub asks to wait %v, which is past the deadline: %w", d.Round(time.Second), cause)
	}
	if d >= time.Second {
		r.progress(fmt.Sprintf("waiting %v for GitHub: %v", d.Round(time.Second), cause))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// explain says what was done where, and what to do about the usual refusals.
func (r *Refs) explain(what string, err error) error {
	cure := ""
	switch status(err) {
	case http.StatusUnauthorized:
		cure = "; the token is wrong or has expired"
	case http.StatusForbidden:
		cure = "; give the token write access to the repository's contents"
	case http.StatusNotFound:
		cure = "; either it is not there, or the token may not see it"
	}
	return fmt.Errorf("%s of %s/%s: %w%s", what, r.owner, r.repo, err, cure)
}

package openqa

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer is the largest answer of the API that is read, in bytes.
const maxAnswer = 64 << 20

// call is one request of the API.
type call struct {
	do     string // for people
	method string
	path   string // with its query
	form   url.Values
	once   bool // to be made once, since making it twice would do it twice
}

const cureRubbish = "look whether that host is the openQA, and not a proxy before it"

// json makes a call and reads its answer; check says what is wrong with what was read.
func (c *Client) json(ctx context.Context, request call, into any, check func() error) error {
	raw, err := c.send(ctx, request)
	if err != nil {
		return err
	}
	err = json.Unmarshal(raw, into)
	if err == nil {
		err = check()
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s at %s: %w", request.do, c.base.Host, context.Cause(ctx))
	}
	if err != nil {
		return &Error{
			Do: request.do, Host: c.base.Host, Err: ErrRubbish, cause: err, Said: fmt.Sprintf("%v: %q", err, c.credentials.hide(clip(string(raw)))),
			Cure: cureRubbish,
		}
	}
	return nil
}

// send makes a call, and returns the body of a success.
func (c *Client) send(ctx context.Context, request call) (body []byte, err error) {
	err = c.again(ctx, request, func() (failed *Error) {
		body, failed = c.attempt(ctx, request)
		return failed
	})
	return body, err
}

// again tries a call until it succeeds, as long as openQA is away or busy and patience
// lasts.
func (c *Client) again(ctx context.Context, request call, try func() *Error) error {
	ends := time.Now().Add(c.patience)
	for attempt := 0; ; attempt++ {
		failed := try()
		if failed == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s at %s: %w", request.do, c.base.Host, context.Cause(ctx))
		}
		if request.once || !failed.passing() || !c.wait(ctx, attempt, ends, failed) {
			return failed
		}
	}
}

// wait waits before the next attempt. It returns false if patience ends before.
func (c *Client) wait(ctx context.Context, attempt int, ends time.Time, failed *Error) bool {
	pause := min(c.pause<<min(attempt, 10), 15*time.Second)
	pause = max(pause/2+rand.N(pause/2+1), failed.retryAfter)
	if time.Now().Add(pause).After(ends) {
		failed.Said = strings.TrimPrefix(failed.Said+fmt.Sprintf(", for %s now", c.patience), ", ")
		return false
	}
	if pause >= time.Second {
		c.say(fmt.Sprintf("waiting %s for openQA: %v", pause.Round(time.Second), failed))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return true // the next attempt says why
	}
}

// attempt makes a call once and returns the body of a success.
func (c *Client) attempt(ctx context.Context, request call) ([]byte, *Error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no whole answer within %s", c.timeout))
	defer cancel()
	response, failed := c.open(ctx, request)
	if failed != nil {
		return nil, failed
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		failed = explainLost(timeoutOr(ctx, err))
	case len(body) > maxAnswer:
		failed = &Error{Err: ErrRubbish, Said: fmt.Sprintf("it is larger than %d MiB", maxAnswer>>20)}
	case response.StatusCode < 200 || response.StatusCode > 299:
		failed = explainStatus(response.StatusCode, response.Header, body, c.now())
	default:
		return body, nil
	}
	failed.Status = response.StatusCode
	return nil, c.complete(failed, request.do)
}

// open sends the request and returns the answer with its body unread.
func (c *Client) open(ctx context.Context, request call) (*http.Response, *Error) {
	r, err := http.NewRequestWithContext(ctx, request.method, c.base.String()+request.path, strings.NewReader(request.form.Encode()))
	if err != nil {
		return nil, c.complete(&Error{Err: ErrRefused, cause: err, Said: err.Error()}, request.do)
	}
	r.Header.Set("Accept", "application/json")
	if request.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	c.credentials.sign(r, c.now())
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.complete(explainLost(timeoutOr(ctx, err)), request.do)
	}
	return response, nil
}

// complete says of a failure what was asked, and of whom.
func (c *Client) complete(e *Error, do string) *Error {
	e.Do, e.Host, e.Said = do, c.base.Host, c.credentials.hide(e.Said)
	return e
}

// timeoutOr is why a context ended if it did, which says more than what came of it.
func timeoutOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

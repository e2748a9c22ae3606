package openqa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// errTooLarge is a file that is larger than is taken.
var errTooLarge = errors.New("it is larger than is taken")

// download reads a file of openQA into to, which begin gives anew for each attempt. It
// may take long as long as something comes.
func (c *Client) download(ctx context.Context, do, path string, most int64, begin func() (io.Writer, error)) error {
	request := call{do: do, method: http.MethodGet, path: path}
	var local error // not openQA's, so nothing to try again for
	err := c.again(ctx, request, func() *Error {
		to, err := begin()
		if err != nil {
			local = err
			return nil
		}
		var failed *Error
		failed, local = c.copy(ctx, request, most, to)
		return failed
	})
	if local != nil {
		return fmt.Errorf("%s at %s: %w", do, c.base.Host, local)
	}
	return err
}

// copy makes one attempt. local is what is wrong on this side.
func (c *Client) copy(ctx context.Context, request call, most int64, to io.Writer) (failed *Error, local error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(c.timeout, func() { cancel(fmt.Errorf("nothing came for %s", c.timeout)) })
	defer stall.Stop()
	response, failed := c.open(ctx, request)
	if failed != nil {
		return failed, nil
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // what can be had of the reason
		failed = explainStatus(response.StatusCode, response.Header, body, c.now())
		failed.Status = response.StatusCode
		return c.complete(failed, request.do), nil
	}
	if response.ContentLength > most {
		return nil, errTooLarge
	}
	watched := &watchedReader{from: response.Body, touch: func() { stall.Reset(c.timeout) }}
	n, err := io.Copy(to, io.LimitReader(watched, most+1))
	switch {
	case watched.err != nil:
		return c.complete(explainLost(timeoutOr(ctx, watched.err)), request.do), nil
	case err != nil:
		return nil, err
	case n > most:
		return nil, errTooLarge
	}
	return nil, nil
}

// watchedReader tells that something came, and keeps its own errors from the writer's.
type watchedReader struct {
	from  io.Reader
	touch func()
	err   error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if n > 0 {
		r.touch()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// stalled is the cause of a request that was given up.
type stalled struct{ after time.Duration }

func (s stalled) Error() string { return fmt.Sprintf("nothing came or went for %s", s.after) }

// idleTransport is what IdleTransport returns.
type idleTransport struct {
	inner http.RoundTripper
	idle  time.Duration
}

// IdleTransport gives a request up when nothing comes or goes for a while. A large
// blob may take as long as it likes, as long as it moves.
func IdleTransport(inner http.RoundTripper, idle time.Duration) http.RoundTripper {
	return &idleTransport{inner, idle}
}

func (t *idleTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	watch := &watch{ctx: ctx, cancel: cancel, idle: t.idle}
	watch.timer = time.AfterFunc(t.idle, func() { cancel(stalled{t.idle}) })
	request = request.Clone(ctx)
	if request.Body != nil && request.Body != http.NoBody {
		request.Body = &upload{request.Body, watch}
	}
	response, err := t.inner.RoundTrip(request)
	watch.timer.Stop()
	if err != nil {
		err = watch.explain(err)
		cancel(nil)
		return nil, err
	}
	response.Body = &download{response.Body, watch}
	return response, nil
}

// watch is the clock of one request.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	idle   time.Duration
}

// explain gives the reason why the request was given up instead of its effect.
func (w *watch) explain(err error) error {
	var reason stalled
	if errors.As(context.Cause(w.ctx), &reason) {
		return reason
	}
	return err
}

// upload is a request's body: each part that is asked for is a sign of life.
type upload struct {
	io.ReadCloser
	watch *watch
}

func (u *upload) Read(p []byte) (int, error) {
	u.watch.timer.Reset(u.watch.idle)
	return u.ReadCloser.Read(p)
}

// download is a response's body. The clock runs only while somebody waits for it:
// that its reader takes long is not the registry's fault.
type download struct {
	io.ReadCloser
	watch *watch
}

func (d *download) Read(p []byte) (int, error) {
	d.watch.timer.Reset(d.watch.idle)
	n, err := d.ReadCloser.Read(p)
	d.watch.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.watch.explain(err)
	}
	return n, err
}

func (d *download) Close() error {
	d.watch.timer.Stop()
	d.watch.cancel(nil)
	return d.ReadCloser.Close()
}

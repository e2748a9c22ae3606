package registry

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// fault is a way in which a registry answers wrongly.
type fault func(f *faulty, w http.ResponseWriter, r *http.Request)

// faulty is a real registry in this process behind a proxy that breaks on demand.
type faulty struct {
	prefix string
	inner  http.Handler

	mu    sync.Mutex
	fault fault // answers instead of the registry; nil is no fault
	match func(*http.Request) bool
	seen  []string // "METHOD path" of requests
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{inner: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen = append(f.seen, r.Method+" "+r.URL.Path)
		fault := f.fault
		if fault != nil && !f.match(r) {
			fault = nil
		}
		f.mu.Unlock()
		if fault != nil {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			go func() { // the server does not see a client go that has still to send
				select {
				case <-ended:
					cancel()
				case <-ctx.Done():
				}
			}()
			fault(f, w, r.WithContext(ctx))
			return
		}
		f.inner.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { close(ended); server.Close() })
	f.prefix = strings.TrimPrefix(server.URL, "http://") + "/project/images"
	return f
}

// breakOn answers what match chooses with fault from now on.
func (f *faulty) breakOn(match func(*http.Request) bool, fault fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.match, f.fault, f.seen = match, fault, nil
}

func (f *faulty) requests(method, part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, seen := range f.seen {
		if strings.HasPrefix(seen, method+" ") && strings.Contains(seen, part) {
			n++
		}
	}
	return n
}

func blobs(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
}
func uploads(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/blobs/uploads/") && r.Method != http.MethodPost
}
func everything(*http.Request) bool { return true }

// status answers with a code.
func status(code int) fault {
	return func(_ *faulty, w http.ResponseWriter, _ *http.Request) { http.Error(w, http.StatusText(code), code) }
}

// page is what a server answers that is no registry, or asks people to log in.
func page(_ *faulty, w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "<html>Log in</html>")
}

// begin gives the first half of the true answer, with the length of the whole.
func (f *faulty) begin(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	f.inner.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	w.(http.Flusher).Flush()
}

// stall begins an answer and never ends it.
func stall(f *faulty, w http.ResponseWriter, r *http.Request) {
	f.begin(w, r)
	<-r.Context().Done()
}

// cut closes the connection in the middle of an answer.
func cut(f *faulty, w http.ResponseWriter, r *http.Request) {
	f.begin(w, r)
	panic(http.ErrAbortHandler)
}

// wrong answers with as many bytes as there are, but others.
func wrong(f *faulty, w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	f.inner.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	body[len(body)/2] ^= 1
	_, _ = w.Write(body)
}

// silent never answers.
func silent(_ *faulty, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 10)
	<-r.Context().Done()
}

// short answers with fewer bytes than there are, as if they were all.
func short(_ *faulty, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10)) }

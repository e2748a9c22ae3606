package storetest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"slipway.dev/slipway/internal/store"
)

// RunLossy tests that a driver whose first answers get lost neither loses against
// itself nor writes twice. It opens stores that reach the server at target through
// a proxy, which passes each write on, and then loses every other answer: by
// cutting the connection, or by answering 503 in the server's place.
func RunLossy(t *testing.T, target string, newStore func(t *testing.T, proxy string) store.Store) {
	for name, lose := range map[string]func(http.ResponseWriter){
		"cut": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"503": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			var lost atomic.Int32
			s := newStore(t, lossyProxy(t, target, &lost, lose))
			create(t, s, name+"/object", "content")
			err := s.Create(testContext(t), name+"/object", strings.NewReader("others"))
			wantConflict(t, err, name+"/object", "content", "others")
			generation := swap(t, s, name+"/pointer", store.Absent, "one")
			generation = swap(t, s, name+"/pointer", generation, "two")
			swap(t, s, name+"/pointer", generation, "three")
			if got := read(t, s, name+"/pointer"); got != "three" {
				t.Errorf("the pointer holds %q, want %q", got, "three")
			}
			if lost.Load() < 5 {
				t.Errorf("only %d answers were lost, want one of each write", lost.Load())
			}
		})
	}
}

func lossyProxy(t *testing.T, target string, lost *atomic.Int32, lose func(http.ResponseWriter)) string {
	t.Helper()
	server, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server)
		if r.In.Header.Get("Authorization") != "" {
			r.Out.Host = r.In.Host // it is signed
		}
	}}
	var writes atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut && r.Method != http.MethodPost || writes.Add(1)%2 == 0 {
			pass.ServeHTTP(w, r)
			return
		}
		pass.ServeHTTP(httptest.NewRecorder(), r)
		lost.Add(1)
		lose(w)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

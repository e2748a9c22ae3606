package hardtest

import (
	"bytes"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// liar stands before a registry, and changes one byte of some of what it gives.
type liar struct {
	host string

	mu     sync.Mutex
	about  string // part of the paths it lies about; empty is none
	random *rand.Rand
	lies   int
}

func newLiar(t *testing.T, host string) *liar {
	t.Helper()
	l := &liar{}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: host})
			r.Out.Host = r.In.Host
		},
		ModifyResponse: l.change,
		ErrorLog:       log.New(io.Discard, "", 0), // who is lied to breaks off
	})
	t.Cleanup(server.Close)
	l.host = strings.TrimPrefix(server.URL, "http://")
	return l
}

// lie begins to lie about GETs of paths with a part.
func (l *liar) lie(about string, random *rand.Rand) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.about, l.random = about, random
}

func (l *liar) change(response *http.Response) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	request := response.Request
	if l.about == "" || request.Method != http.MethodGet || !strings.Contains(request.URL.Path, l.about) || response.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	l.lies++
	response.Body = io.NopCloser(bytes.NewReader(flipped(body, l.random)))
	return nil
}

// flipped is data with one other byte.
func flipped(data []byte, random *rand.Rand) []byte {
	data = bytes.Clone(data)
	data[random.IntN(len(data))] ^= byte(1 + random.IntN(255))
	return data
}

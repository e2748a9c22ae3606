package openqa_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway.dev/slipway/internal/openqa"
	fake "slipway.dev/slipway/internal/testkit/openqa"
)

// client speaks to a server, and is short of patience.
func client(t *testing.T, s *fake.Server, change ...func(*openqa.Config)) *openqa.Client {
	t.Helper()
	config := openqa.Config{
		Host: s.URL, Credentials: openqa.Credentials{Key: s.Key, Secret: s.Secret},
		Timeout: 5 * time.Second, Patience: time.Second, Pause: time.Millisecond, Say: func(message string) { t.Log(message) },
	}
	for _, c := range change {
		c(&config)
	}
	c, err := openqa.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRefuses(t *testing.T) {
	for host, want := range map[string]string{
		"": "no address", "openqa": "no address", "ftp://openqa": "no address", "https://openqa/tests/1": "more than the address",
		"https://user:hunter2@openqa": "holds a password", "https://user:hunter2@": "no address", "https://o?x=y": "more than the address",
	} {
		_, err := openqa.New(openqa.Config{Host: host})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want %q", host, err, want)
		}
	}
}

// Each fault is told from the others, in one line that names the cure and no secret.
func TestFaults(t *testing.T) {
	reply := func(status int, headers map[string]string, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for name, value := range headers {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	skewed := func(by time.Duration) func(http.ResponseWriter, *http.Request) bool {
		return reply(403, map[string]string{"Date": time.Now().Add(by).UTC().Format(http.TimeFormat)}, `{"error":"timestamp mismatch"}`)
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		kind   error
		want   string
	}{
		{"unknown key", reply(403, nil, `{"error":"Not authorized"}`), openqa.ErrKey, "Not authorized; look at its page of API keys"},
		{"expired key", reply(403, nil, `{"error":"api key expired"}`), openqa.ErrKey, "make a new one"},
		{"wrong secret", reply(403, nil, `{"error":"unknown error (wrong secret?)"}`), openqa.ErrKey, "its secret is another"},
		{"not an operator", reply(403, nil, `{"error":"Administrator level required"}`), openqa.ErrKey, "must be an operator"},
		{"a clock that is behind", skewed(10 * time.Minute), openqa.ErrClock, "behind; set the clock"},
		{"a clock that is ahead", skewed(-2 * time.Hour), openqa.ErrClock, "ahead; set the clock"},
		{"clocks that differ a little", skewed(time.Minute), openqa.ErrKey, "compare them"},
		{"HTML", reply(200, nil, "<!DOCTYPE html><title>Log in</title>"), openqa.ErrRubbish, "a proxy before it"},
		{"cut JSON", reply(200, nil, `{"jobs":[{"id":1,"st`), openqa.ErrRubbish, "unexpected end of JSON"},
		{"JSON of something else", reply(200, nil, `{"status":"ok"}`), openqa.ErrRubbish, "no list of jobs"},
		{"a job without a state", reply(200, nil, `{"jobs":[{"id":1}]}`), openqa.ErrRubbish, "no id or no state"},
		{"a list in the wrong place", reply(200, nil, `{"jobs":{}}`), openqa.ErrRubbish, "cannot unmarshal"},
		{"cut answer", reply(200, map[string]string{"Content-Length": "1000"}, `{"jobs":[`), openqa.ErrDown, "unexpected EOF"},
		{"broken", reply(502, nil, "<h1>Bad Gateway</h1>"), openqa.ErrBusy, "(502 Bad Gateway): <h1>Bad Gateway</h1>, for 1s now"},
		{"busy", reply(429, map[string]string{"Retry-After": "3600"}, ""), openqa.ErrBusy, "(429 Too Many Requests)"},
		{"elsewhere", reply(301, map[string]string{"Location": "https://user:hunter2@new.example.com/"}, ""), openqa.ErrRefused, "…@new.example.com"},
		{"not there", reply(404, nil, "not found"), openqa.ErrAbsent, "(404 Not Found)"},
		{"an answer that tells the secret", reply(400, nil, `{"error":"FEDCBA0987654321 of 1234567890ABCDEF"}`), openqa.ErrRefused, "(hidden) of (hidden)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fake.Start(t)
			s.Intercept = tt.answer
			_, err := client(t, s).Jobs(t.Context(), []int64{1})
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %v with %q", err, tt.kind, tt.want)
			}
			text := fmt.Sprintf("%v %+v", err, err)
			if strings.Contains(text, s.Secret) || strings.Contains(text, s.Key) || strings.Contains(text, "hunter2") || strings.Contains(text, "\n") {
				t.Errorf("it tells too much: %s", text)
			}
		})
	}
}

// A site that answers anything to an order without a test is no openQA.
func TestCheckKeyElsewhere(t *testing.T) {
	s := fake.Start(t)
	s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, "<h1>Log in</h1>")
		return true
	}
	err := client(t, s).CheckKey(t.Context())
	if !errors.Is(err, openqa.ErrRubbish) || !strings.Contains(err.Error(), `accepted: "<h1>Log in</h1>"; look whether that host is the openQA`) {
		t.Errorf("got %v", err)
	}
}

func TestDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fake.Server{URL: "http://" + l.Addr().String()}
	_ = l.Close()
	_, err = client(t, s, func(c *openqa.Config) { c.Patience = 50 * time.Millisecond }).Jobs(t.Context(), []int64{1})
	if !errors.Is(err, openqa.ErrDown) || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "for 50ms now") {
		t.Errorf("got %v", err)
	}
}

// A server that takes the request and says nothing, or never ends saying it, is left.
func TestSlow(t *testing.T) {
	for name, begin := range map[string]string{"silent": "", "endless": `{"jobs":[`} {
		t.Run(name, func(t *testing.T) {
			s := fake.Start(t)
			s.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if begin != "" {
					fmt.Fprint(w, begin)
					w.(http.Flusher).Flush()
				}
				<-r.Context().Done()
				return true
			}
			_, err := client(t, s, func(c *openqa.Config) { c.Timeout, c.Patience = 50*time.Millisecond, 60*time.Millisecond }).Jobs(t.Context(), []int64{1})
			if !errors.Is(err, openqa.ErrDown) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	s := fake.Start(t)
	secure := httptest.NewUnstartedServer(s)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for host, want := range map[string]string{secure.URL: "SSL_CERT_FILE", strings.Replace(s.URL, "http:", "https:", 1): "write http://"} {
		_, err := client(t, s, func(c *openqa.Config) { c.Host = host }).Jobs(t.Context(), []int64{1})
		if !errors.Is(err, openqa.ErrTLS) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", host, err, want)
		}
	}
}

// What passes is waited out: an openQA that restarts, and one that names a time.
func TestPassingFaults(t *testing.T) {
	for name, status := range map[string]int{"restarting": 503, "busy": 429} {
		t.Run(name, func(t *testing.T) {
			s := fake.Start(t)
			var n atomic.Int32
			s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
				if n.Add(1) > 3 {
					return false
				}
				w.Header().Set("Retry-After", "0.01")
				w.WriteHeader(status)
				return true
			}
			if _, err := client(t, s).Jobs(t.Context(), []int64{1}); err != nil || n.Load() != 4 {
				t.Errorf("got %v after %d requests", err, n.Load())
			}
		})
	}
}

// An abort ends waiting at once, and its cause is said.
func TestAbortWhileAway(t *testing.T) {
	s := fake.Start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Intercept = func(w http.ResponseWriter, _ *http.Request) bool {
		cancel(errors.New("interrupted by SIGTERM"))
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	_, err := client(t, s, func(c *openqa.Config) { c.Pause, c.Patience = time.Hour, 2*time.Hour }).Jobs(ctx, []int64{1})
	if err == nil || !strings.Contains(err.Error(), "interrupted by SIGTERM") {
		t.Errorf("got %v", err)
	}
}

func TestCheckKey(t *testing.T) {
	s := fake.Start(t)
	if err := client(t, s).CheckKey(t.Context()); err != nil {
		t.Errorf("the right key: %v", err)
	}
	for name, change := range map[string]func(*openqa.Config){
		"key":    func(c *openqa.Config) { c.Credentials.Key = "0000000000000000" },
		"secret": func(c *openqa.Config) { c.Credentials.Secret = "0000000000000000" },
		"none":   func(c *openqa.Config) { c.Credentials = openqa.Credentials{} },
	} {
		if err := client(t, s, change).CheckKey(t.Context()); !errors.Is(err, openqa.ErrKey) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	behind := client(t, s, func(c *openqa.Config) { c.Now = func() time.Time { return time.Now().Add(-6 * time.Minute) } })
	if err := behind.CheckKey(t.Context()); !errors.Is(err, openqa.ErrClock) {
		t.Errorf("six minutes behind: got %v", err)
	}
	if len(s.Jobs()) != 0 {
		t.Errorf("it made jobs: %v", s.Jobs())
	}
}

package oci

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// wire is the transport under test, against a server that counts.
func wire(t *testing.T, budget Budget, handler http.HandlerFunc) (client *http.Client, url string, said func() []string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var lines []string
	c := New(Config{
		Idle: 200 * time.Millisecond, Deadline: 3 * time.Second, Attempts: 4, Backoff: time.Millisecond,
		Budgets: map[string]Budget{strings.TrimPrefix(server.URL, "http://"): budget},
		Progress: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, line)
		},
	})
	return &http.Client{Transport: c.wire}, server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return lines
	}
}

func TestSentAgain(t *testing.T) {
	stall := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	code := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	tests := []struct {
		name string
		bad  http.HandlerFunc
		sent int // if the server is bad for ever
	}{
		{"429", code(429), 4},
		{"500", code(500), 4},
		{"503", code(503), 4},
		{"connection closed", abort, 4},
		{"stall", stall, 4},
		{"400", code(400), 1},
		{"404", code(404), 1},
		{"408", code(408), 1},
		{"501", code(501), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, bad := range []int{1, 1000} {
				var sent atomic.Int64
				client, url, said := wire(t, Budget{}, func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if string(body) != "bytes" && err == nil {
						t.Errorf("attempt %d sends %q", sent.Load()+1, body)
					}
					if int(sent.Add(1)) <= bad {
						tt.bad(w, r)
					}
				})
				response, err := client.Post(url, "text/plain", strings.NewReader("bytes"))
				if err == nil {
					_ = response.Body.Close()
				}
				want := tt.sent
				if bad == 1 {
					want = min(tt.sent, 2)
				}
				if int(sent.Load()) != want || len(said()) != want-1 {
					t.Errorf("bad %d times: sent %d times, want %d; said %q", bad, sent.Load(), want, said())
				}
			}
		})
	}
}

// A body that streams cannot be sent twice.
func TestStreamIsSentOnce(t *testing.T) {
	var sent atomic.Int64
	client, url, _ := wire(t, Budget{}, func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	response, err := client.Post(url, "text/plain", io.MultiReader(strings.NewReader("bytes")))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if sent.Load() != 1 || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("sent %d times, answer %s", sent.Load(), response.Status)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-1":                            0,
		"soon":                          0,
		"99999999999":                   1 << 30 * time.Second,
		"Sat, 21 Nov 2026 12:00:09 GMT": 9 * time.Second,
		"Sat, 21 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

// Retry-After is honoured; beyond what the call may take, nobody waits at all.
func TestRetryAfterIsHonoured(t *testing.T) {
	tests := []struct {
		value   string
		atLeast time.Duration
		sent    int64
	}{
		{"1", time.Second, 2},
		{"60", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			client, url, said := wire(t, Budget{}, func(w http.ResponseWriter, _ *http.Request) {
				if sent.Add(1) == 1 {
					w.Header().Set("Retry-After", tt.value)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			})
			begin := time.Now()
			response, err := client.Get(url)
			if err == nil {
				_ = response.Body.Close()
			}
			took := time.Since(begin)
			if sent.Load() != tt.sent || took < tt.atLeast || took > tt.atLeast+time.Second {
				t.Errorf("sent %d times in %s", sent.Load(), took)
			}
			var busy *BusyError
			if tooLong := tt.sent == 1; errors.As(err, &busy) != tooLong || (len(said()) == 0) != tooLong {
				t.Errorf("got %v; said %q", err, said())
			}
		})
	}
}

func TestContextEndsTheWait(t *testing.T) {
	client, url, _ := wire(t, Budget{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	if time.Since(begin) > time.Second {
		t.Errorf("it took %s", time.Since(begin))
	}
}

func TestBudget(t *testing.T) {
	t.Run("parallel", func(t *testing.T) {
		var now, most atomic.Int64
		client, url, _ := wire(t, Budget{Parallel: 3}, func(http.ResponseWriter, *http.Request) {
			n := now.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(10 * time.Millisecond)
			now.Add(-1)
		})
		getAll(t, client, url, 20)
		if most.Load() != 3 {
			t.Errorf("%d requests at once, want 3", most.Load())
		}
	})
	t.Run("rate", func(t *testing.T) {
		client, url, _ := wire(t, Budget{Rate: 50}, func(http.ResponseWriter, *http.Request) {})
		begin := time.Now()
		getAll(t, client, url, 11)
		if took := time.Since(begin); took < 190*time.Millisecond {
			t.Errorf("11 requests took %s at 50 a second", took)
		}
	})
}

func getAll(t *testing.T, client *http.Client, url string, n int) {
	t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			response, err := client.Get(url)
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
		})
	}
	group.Wait()
}

func TestInPassing(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{syscall.ECONNRESET, true},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, true},
		{io.EOF, true},
		{io.ErrUnexpectedEOF, true},
		{stalled{time.Second}, true},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		{errors.New("http: server gave HTTP response to HTTPS client"), false},
	}
	for _, tt := range tests {
		if _, got := inPassing(nil, tt.err); got != tt.want {
			t.Errorf("%v: %t", tt.err, got)
		}
	}
}

func TestCheckHost(t *testing.T) {
	tests := []struct {
		from, to string
		ok       bool
	}{
		{"https://r.example/v2/", "https://storage.example/x", true},
		{"https://r.example/v2/", "http://r.example/x", false},
		{"https://r.example/v2/", "https://169.254.169.254/x", false},
		{"https://r.example/v2/", "https://[::1]/x", false},
		{"https://10.0.0.1/v2/", "https://10.0.0.1:5000/x", true},
		{"http://127.0.0.1:1/v2/", "http://127.0.0.1:2/x", true},
	}
	for _, tt := range tests {
		s := session{base: tt.from}
		if _, err := s.address(tt.to); tt.from[:5] == tt.to[:5] && (err == nil) != tt.ok {
			t.Errorf("%s sends to %s: %v", tt.from, tt.to, err)
		}
		from, _ := http.NewRequest(http.MethodGet, tt.from, nil)
		to, _ := http.NewRequest(http.MethodGet, tt.to, nil)
		if err := checkRedirect(to, []*http.Request{from}); (err == nil) != tt.ok {
			t.Errorf("%s redirects to %s: %v", tt.from, tt.to, err)
		}
	}
}

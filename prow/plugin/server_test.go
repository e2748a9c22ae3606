package plugin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pluginhelp"
)

const secret = "not-a-real-secret"

type rig struct {
	*Server
	t          *testing.T
	url        string
	secretFile string
	end        context.CancelFunc
	ended      chan error
	health     string
	metrics    string
}

// newRig runs a server on loopback.
func newRig(t *testing.T, c Config) *rig {
	t.Helper()
	r := &rig{t: t, secretFile: filepath.Join(t.TempDir(), "hmac"), ended: make(chan error, 1)}
	r.writeSecret(secret + "\n")
	log := logrus.New()
	log.SetOutput(io.Discard)
	c.Log = logrus.NewEntry(log)
	var err error
	if c.Secret, err = OpenSecret(r.secretFile, c.Log); err != nil {
		t.Fatal(err)
	}
	if r.Server, err = New(c); err != nil {
		t.Fatal(err)
	}
	l, err := Listen("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.url, r.health, r.metrics = "http://"+l.Webhooks.Addr().String(), "http://"+l.Health.Addr().String(), "http://"+l.Metrics.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	go func() { r.ended <- r.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		r.wait()
	})
	return r
}

func (r *rig) writeSecret(text string) {
	if err := os.WriteFile(r.secretFile, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) wait() error {
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(20 * time.Second):
		r.t.Error("the server does not end")
		return nil
	}
}

func sign(kind func() hash.Hash, key, payload string) string {
	mac := hmac.New(kind, []byte(key))
	mac.Write([]byte(payload))
	return hex.EncodeToString(mac.Sum(nil))
}

// post sends what hook passes on; change alters it.
func (r *rig) post(kind, guid, payload string, change ...func(*http.Request)) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(payload))
	if err != nil {
		return 0, err.Error()
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": kind, "X-GitHub-Delivery": guid,
		"X-Hub-Signature": "sha1=" + sign(sha1.New, secret, payload), "X-Hub-Signature-256": "sha256=" + sign(sha256.New, secret, payload),
	} {
		req.Header.Set(name, value)
	}
	for _, c := range change {
		c(req)
	}
	return r.do(req)
}

func (r *rig) do(req *http.Request) (int, string) {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, string(body)
}

func (r *rig) get(url string) (int, string) {
	req, _ := http.NewRequest(http.MethodGet, url, nil)
	return r.do(req)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
}

// counter is a handler of pushes that counts what it takes.
type counter struct {
	count atomic.Int64
	last  atomic.Pointer[Event]
}

func (c *counter) handler() Handler {
	return Handler{Name: "count", Events: []string{"push"}, Accept: func(_ context.Context, e Event) error {
		c.count.Add(1)
		c.last.Store(&e)
		return nil
	}}
}

func TestOnlyWebhooksOfGitHubAreTaken(t *testing.T) {
	var c counter
	r := newRig(t, Config{Handlers: []Handler{c.handler()}})
	const payload = `{"ref":"refs/heads/main"}`
	other := "sha256=" + sign(sha256.New, "another-secret", payload)
	tests := []struct {
		name   string
		change []func(*http.Request)
		status int
	}{
		{"right", nil, 200},
		{"SHA-1 alone, as hook checks it", []func(*http.Request){header("X-Hub-Signature-256", "")}, 200},
		{"SHA-256 alone", []func(*http.Request){header("X-Hub-Signature", "")}, 200},
		{"with a charset", []func(*http.Request){header("Content-Type", "application/json; charset=utf-8")}, 200},
		{"another secret", []func(*http.Request){header("X-Hub-Signature-256", other)}, 403},
		{"another secret, SHA-1", []func(*http.Request){header("X-Hub-Signature-256", ""), header("X-Hub-Signature", "sha1="+sign(sha1.New, "x", payload))}, 403},
		{"empty secret", []func(*http.Request){header("X-Hub-Signature-256", "sha256="+sign(sha256.New, "", payload))}, 403},
		{"of another payload", []func(*http.Request){header("X-Hub-Signature-256", "sha256="+sign(sha256.New, secret, "{}"))}, 403},
		{"no signature", []func(*http.Request){header("X-Hub-Signature-256", ""), header("X-Hub-Signature", "")}, 403},
		{"empty signature", []func(*http.Request){header("X-Hub-Signature-256", "sha256=")}, 403},
		{"half a signature", []func(*http.Request){header("X-Hub-Signature-256", other[:40])}, 403},
		{"no hexadecimal", []func(*http.Request){header("X-Hub-Signature-256", "sha256="+strings.Repeat("x", 64))}, 403},
		{"unknown kind does not fall back", []func(*http.Request){header("X-Hub-Signature-256", "md5=00")}, 403},
		{"SHA-1 where SHA-256 belongs", []func(*http.Request){header("X-Hub-Signature-256", "sha1="+sign(sha1.New, secret, payload))}, 403},
		{"no event", []func(*http.Request){header("X-GitHub-Event", "")}, 400},
		{"no GUID", []func(*http.Request){header("X-GitHub-Delivery", "")}, 400},
		{"endless GUID", []func(*http.Request){header("X-GitHub-Delivery", strings.Repeat("a", 101))}, 400},
		{"form", []func(*http.Request){header("Content-Type", "application/x-www-form-urlencoded")}, 400},
		{"GET", []func(*http.Request){func(r *http.Request) { r.Method = http.MethodGet }}, 405},
		{"too long by its length", []func(*http.Request){huge(maxBody+1, maxBody+1)}, 413},
		{"too long as it comes", []func(*http.Request){huge(maxBody+1, -1)}, 413},
		{"as long as may be", []func(*http.Request){huge(maxBody, -1)}, 403},
	}
	want := int64(0)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, said := r.post("push", "guid of "+tt.name, payload, tt.change...)
			if status != tt.status {
				t.Errorf("got %d %s, want %d", status, said, tt.status)
			}
			if tt.status == 200 {
				want++
			}
			if got := c.count.Load(); got != want {
				t.Errorf("%d events were accepted, want %d", got, want)
			}
		})
	}
	if got := c.last.Load(); string(got.Payload) != payload || got.Type != "push" {
		t.Errorf("got %+v", got)
	}
}

func huge(size, says int64) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(io.LimitReader(zeros{}, size)), says, nil
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// What nobody wants is checked and dropped: it need not even be JSON.
func TestIgnoredEventsAreNotRead(t *testing.T) {
	var c counter
	h := c.handler()
	h.Wanted = func(p []byte) bool { return bytes.Contains(p, []byte("refs/tags/")) }
	r := newRig(t, Config{Handlers: []Handler{h}})
	for kind, payload := range map[string]string{"star": "no JSON", "push": `{"ref":"refs/heads/main"}`, "": ""} {
		if kind == "" {
			continue
		}
		if status, said := r.post(kind, "1", payload); status != 200 {
			t.Errorf("%s: got %d %s", kind, status, said)
		}
	}
	if c.count.Load() != 0 {
		t.Error("an event that is not wanted was accepted")
	}
	if status, _ := r.post("star", "1", "no JSON", header("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))); status != 403 {
		t.Errorf("an ignored event with a wrong signature: got %d", status)
	}
	if status, _ := r.post("push", "1", `{"ref":"refs/tags/v1.0.0"}`); status != 200 || c.count.Load() != 1 {
		t.Errorf("got %d, %d accepted: an event ignored before used up its GUID", status, c.count.Load())
	}
	_, said := r.get(r.metrics + "/metrics")
	for _, line := range []string{
		`slipway_plugin_events_total{handler="",result="ignored",type="other"} 1`,
		`slipway_plugin_events_total{handler="",result="ignored",type="push"} 1`,
		`slipway_plugin_events_total{handler="count",result="accepted",type="push"} 1`,
		`slipway_plugin_events_total{handler="",result="refused",type=""} 1`,
		`slipway_plugin_event_seconds_count{handler="count"} 1`, `slipway_plugin_events_in_flight 0`,
	} {
		if !strings.Contains(said, line+"\n") {
			t.Errorf("metrics lack %s:\n%s", line, said)
		}
	}
}

func TestDeliveriesAreTakenOnce(t *testing.T) {
	var c counter
	r := newRig(t, Config{Handlers: []Handler{c.handler()}, Remember: 3})
	for range 3 {
		r.post("push", "a", "{}")
	}
	if c.count.Load() != 1 {
		t.Errorf("one delivery was accepted %d times", c.count.Load())
	}
	r.post("push", "a", `{"other":1}`)
	if c.count.Load() != 2 {
		t.Error("a GUID was used up by another payload")
	}
	for _, guid := range []string{"b", "c", "d", "e"} {
		r.post("push", guid, "{}")
	}
	if len(r.seen.done) != 3 || len(r.seen.under) != 0 {
		t.Errorf("%d deliveries are remembered and %d under way, want 3 and 0", len(r.seen.done), len(r.seen.under))
	}
}

func TestFailedDeliveryIsTakenAgain(t *testing.T) {
	var calls atomic.Int64
	var c counter
	flaky := Handler{Name: "flaky", Events: []string{"push"}, Accept: func(context.Context, Event) error {
		switch calls.Add(1) {
		case 1:
			return errors.New("GitHub is away")
		case 2:
			panic("broken")
		}
		return nil
	}}
	r := newRig(t, Config{Handlers: []Handler{flaky, c.handler()}})
	for i, want := range []int{500, 500, 200, 200} {
		if status, said := r.post("push", "a", "{}"); status != want || strings.Contains(said, "GitHub is away") {
			t.Errorf("time %d: got %d %s, want %d", i+1, status, said, want)
		}
	}
	if calls.Load() != 3 || c.count.Load() != 1 {
		t.Errorf("the failing handler was called %d times and the other %d, want 3 and 1", calls.Load(), c.count.Load())
	}
}

// hook tries again when a connection breaks, while the first may still be under way.
func TestDuplicatesAtTheSameTime(t *testing.T) {
	var count atomic.Int64
	began, goOn := make(chan bool, 10), make(chan error)
	h := Handler{Name: "slow", Events: []string{"push"}, Accept: func(context.Context, Event) error {
		count.Add(1)
		began <- true
		return <-goOn
	}}
	r := newRig(t, Config{Handlers: []Handler{h}})
	statuses := make(chan int, 2)
	for range 2 {
		go func() {
			status, _ := r.post("push", "a", "{}")
			statuses <- status
		}()
	}
	<-began
	time.Sleep(50 * time.Millisecond)
	if count.Load() != 1 {
		t.Error("a duplicate runs beside the first")
	}
	goOn <- errors.New("no") // the second tries where the first failed
	select {
	case <-began:
		goOn <- nil
	case <-time.After(5 * time.Second):
		t.Fatal("the second does not try")
	}
	if got := <-statuses + <-statuses; got != 700 {
		t.Errorf("the two statuses sum to %d, want 500 and 200", got)
	}
}

func TestSeenForgetsNothingTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeen(2)
		do := func(guid string) bool {
			first, err := s.once(t.Context(), delivery{"h", guid, ""}, func() error { return nil })
			if err != nil {
				t.Error(err)
			}
			return first
		}
		for i, guid := range []string{"a", "b", "a", "b", "c", "b", "c", "a"} {
			want := i < 2 || i == 4 || i == 7
			if do(guid) != want {
				t.Errorf("%d: %s: want %v", i, guid, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			_, _ = s.once(t.Context(), delivery{"h", "z", ""}, func() error { time.Sleep(time.Minute); return nil })
		}()
		synctest.Wait()
		if _, err := s.once(ctx, delivery{"h", "z", ""}, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Hour) // until the other has ended
	})
}

func TestOnlySoManyAtATime(t *testing.T) {
	var now, most atomic.Int64
	h := Handler{Name: "slow", Events: []string{"push"}, Accept: func(context.Context, Event) error {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(10 * time.Millisecond)
		now.Add(-1)
		return nil
	}}
	r := newRig(t, Config{Handlers: []Handler{h}, InFlight: 3})
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if status, said := r.post("push", string(rune('a'+i)), "{}"); status != 200 {
				t.Errorf("got %d %s", status, said)
			}
		})
	}
	wg.Wait()
	if most.Load() != 3 {
		t.Errorf("%d at a time, want 3", most.Load())
	}
}

// A sender that breaks off does not leave the work half done.
func TestSenderLeaves(t *testing.T) {
	began, result := make(chan bool), make(chan error, 1)
	h := Handler{Name: "slow", Events: []string{"push"}, Accept: func(ctx context.Context, _ Event) error {
		close(began)
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
		result <- ctx.Err()
		return ctx.Err()
	}}
	r := newRig(t, Config{Handlers: []Handler{h}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	r.post("push", "a", "{}", func(req *http.Request) { *req = *req.WithContext(ctx) })
	if err := <-result; err != nil {
		t.Errorf("the handler's context ended: %v", err)
	}
}

// hook does not send again what it gave up, so whoever is paged must see which it was.
func TestLostAndRefusedEventsAreSaid(t *testing.T) {
	began, goOn := make(chan bool), make(chan bool)
	h := Handler{Name: "slow", Events: []string{"push"}, Accept: func(context.Context, Event) error {
		close(began)
		<-goOn
		return nil
	}}
	r := newRig(t, Config{Handlers: []Handler{h}, InFlight: 1})
	defer close(goOn)
	var said screen
	r.config.Log.Logger.SetOutput(&said)
	go r.post("push", "first", "{}")
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r.post("push", "second", "{}", func(req *http.Request) { *req = *req.WithContext(ctx) })
	r.post("push", "third", "{}", header("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)))
	want := []string{`slipway_plugin_events_total{handler="",result="lost",type="push"} 1`, `slipway_plugin_events_total{handler="",result="refused",type=""} 1`}
	var metrics string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && !strings.Contains(metrics, want[0]); time.Sleep(10 * time.Millisecond) {
		_, metrics = r.get(r.metrics + "/metrics")
	}
	for _, line := range want {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in:\n%s", line, metrics)
		}
	}
	for _, guid := range []string{"second", "third"} {
		if !strings.Contains(said.String(), "event-GUID="+guid) {
			t.Errorf("the log does not name %s:\n%s", guid, &said)
		}
	}
}

// screen takes what is logged meanwhile.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Beside the server's own there are those of the process and of Prow's clients.
func TestMetricsOfTheProcess(t *testing.T) {
	r := newRig(t, Config{})
	if _, metrics := r.get(r.metrics + "/metrics"); !strings.Contains(metrics, "go_goroutines ") {
		t.Errorf("no go_goroutines in:\n%s", metrics)
	}
}

func TestDrain(t *testing.T) {
	began, goOn := make(chan bool), make(chan bool)
	h := Handler{Name: "slow", Events: []string{"push"}, Accept: func(context.Context, Event) error {
		close(began)
		<-goOn
		return nil
	}}
	r := newRig(t, Config{Handlers: []Handler{h}})
	if status, _ := r.get(r.health + "/healthz/ready"); status != 200 {
		t.Errorf("ready: got %d", status)
	}
	statuses := make(chan int, 1)
	go func() {
		status, _ := r.post("push", "a", "{}")
		statuses <- status
	}()
	<-began
	r.end()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, _ := r.get(r.health + "/healthz/ready")
		refused, said := r.post("push", "b", "{}")
		if status == 503 && refused == 0 && strings.Contains(said, "refused") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("while draining: ready %d, a webhook %d %s; want 503 and a refused connection", status, refused, said)
		}
	}
	close(goOn)
	if status := <-statuses; status != 200 {
		t.Errorf("what was under way: got %d", status)
	}
	if err := r.wait(); err != nil {
		t.Error(err)
	}
}

func TestDrainHasADeadline(t *testing.T) {
	began := make(chan bool)
	cause := make(chan error, 1)
	h := Handler{Name: "stuck", Events: []string{"push"}, Accept: func(ctx context.Context, _ Event) error {
		close(began)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	}}
	r := newRig(t, Config{Handlers: []Handler{h}, Drain: 100 * time.Millisecond})
	go r.post("push", "a", "{}")
	<-began
	r.end()
	if err := r.wait(); err == nil || !strings.Contains(err.Error(), "1 events were cut off") {
		t.Errorf("got %v", err)
	}
	if err := <-cause; err == nil {
		t.Error("the handler was not told")
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := Listen("127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if _, err := Listen("127.0.0.1:0", "", l.Webhooks.Addr().String()); err == nil {
		t.Error("an address in use is no error")
	}
}

func TestHelp(t *testing.T) {
	helps := func(name string) func([]config.OrgRepo) (*pluginhelp.PluginHelp, error) {
		return func(repos []config.OrgRepo) (*pluginhelp.PluginHelp, error) {
			h := &pluginhelp.PluginHelp{Description: "It can " + name + ".", Config: map[string]string{repos[0].String(): name}}
			h.AddCommand(pluginhelp.Command{Usage: "/" + name})
			return h, nil
		}
	}
	r := newRig(t, Config{Handlers: []Handler{{Name: "a", Events: []string{"push"}, Help: helps("a")}, {Name: "b", Events: []string{"label"}, Help: helps("b")}}})
	req, _ := http.NewRequest(http.MethodPost, r.url+"/help", strings.NewReader(`[{"org":"example","repo":"hello"}]`))
	status, said := r.do(req)
	var got pluginhelp.PluginHelp
	if err := json.Unmarshal([]byte(said), &got); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, said, err)
	}
	if len(got.Commands) != 2 || got.Description != "It can a. It can b." || got.Config["example/hello"] != "a b" || len(got.Events) != 2 {
		t.Errorf("got %+v", got)
	}
}

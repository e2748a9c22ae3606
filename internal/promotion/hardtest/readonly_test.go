package hardtest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/registry"
)

// TestReadOnlyRegistry lets a registry refuse to be written. Nothing moves, each intent
// is closed, and the error says what would help; later the same promotion goes through.
func TestReadOnlyRegistry(t *testing.T) {
	for name, tt := range map[string]struct {
		channel string
		status  int
		intent  bool // whether the refusal came after one
		cure    string
	}{
		"forbidden, within a registry":      {"os/testing", http.StatusForbidden, true, "as one who may push"},
		"maintenance, within a registry":    {"os/testing", http.StatusMethodNotAllowed, true, "wait for the end of its maintenance"},
		"forbidden, to another registry":    {"os/stable", http.StatusForbidden, false, "as one who may push"},
		"maintenance, to another registry":  {"os/stable", http.StatusMethodNotAllowed, false, "wait for the end of its maintenance"},
		"no credentials, within a registry": {"os/testing", http.StatusUnauthorized, true, "as one who may push"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t)
			first, old := g.bring(tt.channel)
			g.mustPromote(first)
			r, digest := g.bring(tt.channel)
			before := len(g.line(r.Channel).Records)
			for _, proxy := range []*registry.Proxy{g.here, g.there} {
				proxy.Break(registry.Breakage{Status: tt.status, Match: func(r *http.Request) bool { return registry.Request{Method: r.Method}.IsWrite() }})
			}
			plan, err := g.promote(r)
			if err == nil || !strings.Contains(err.Error(), tt.cure) || plan.Steps[0].State != promotion.Broken {
				t.Errorf("%s: got %v, want %q", plan.Steps[0].State, err, tt.cure)
			}
			g.want(map[string]string{r.Channel: old})
			if got := kinds(g.line(r.Channel), before); (got == "intent aside") != tt.intent || !tt.intent && got != "" {
				t.Errorf("the ledger got %q", got)
			}
			for _, proxy := range []*registry.Proxy{g.here, g.there} {
				proxy.Break(registry.Breakage{})
			}
			g.mustPromote(r)
			g.want(map[string]string{r.Channel: digest})
		})
	}
}

// TestReadOnlyStore lets the store of the ledger refuse to be written from one of a move's
// writes on. The tag is then still what the ledger says, or the move is open; later the same
// promotion goes through, and the tag was written once.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	refusals := 0
	for writes, refused := 0, true; refused; writes++ {
		t.Run(fmt.Sprintf("after %d", writes), func(t *testing.T) {
			g := newGated(t)
			first, old := g.bring("os/testing")
			g.mustPromote(first)
			r, digest := g.bring("os/testing")
			g.here.Forget()
			p := g.promoter()
			frozen := &readOnly{Store: p.Store}
			frozen.left.Store(int64(writes))
			p.Store = frozen
			plan, err := p.Plan(t.Context(), promotion.Order{Requests: []promotion.Request{r}})
			if err == nil {
				err = p.Apply(t.Context(), plan)
			}
			if refused = err != nil; refused {
				refusals++
			}
			if refused && !strings.Contains(err.Error(), "this user may not") {
				t.Errorf("got %v", err)
			}
			g.checkTag(r.Channel, old, digest)
			g.mustPromote(r)
			g.want(map[string]string{r.Channel: digest})
			if puts := g.here.Puts()["os:testing"]; puts != 1 {
				t.Errorf("the tag was written %d times", puts)
			}
		})
	}
	if refusals < 4 { // plan, lease, intent, done
		t.Errorf("only %d writes were refused", refusals)
	}
}

// TestReadOnlyStoreOfFiles lets the store to which a file's channel leads refuse to be
// written: before the file is there, and when only the pointer is left to move.
func TestReadOnlyStoreOfFiles(t *testing.T) {
	t.Parallel()
	for writes, want := range []string{"", "intent aside"} {
		g := newGated(t)
		r, digest := g.bring("disk/live")
		p := g.promoter()
		open := p.OpenStore
		p.OpenStore = func(ctx context.Context, url string) (store.Store, error) {
			s, err := open(ctx, url)
			if err == nil && strings.HasSuffix(url, "/live") {
				frozen := &readOnly{Store: s}
				frozen.left.Store(int64(writes))
				return frozen, nil
			}
			return s, err
		}
		plan, err := p.Plan(t.Context(), promotion.Order{Requests: []promotion.Request{r}})
		if err == nil {
			err = p.Apply(t.Context(), plan)
		}
		if err == nil || !strings.Contains(err.Error(), "this user may not") {
			t.Errorf("after %d: got %v", writes, err)
		}
		if got := kinds(g.line(r.Channel), 0); got != want {
			t.Errorf("after %d: the ledger got %q, want %q", writes, got, want)
		}
		g.mustPromote(r)
		if state := g.state(r.Channel); !strings.HasPrefix(state, digest) {
			t.Errorf("after %d: %s is %s", writes, r.Channel, state)
		}
		g.wantAudited()
	}
}

// readOnly is a store that takes so many writes more, and then none.
type readOnly struct {
	store.Store
	left atomic.Int64
}

var errReadOnly = fmt.Errorf("%w: this user may not write", fs.ErrPermission)

func (s *readOnly) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	if s.left.Add(-1) < 0 {
		return fmt.Errorf("create %s: %w", key, errReadOnly)
	}
	return s.Store.Create(ctx, key, body)
}

func (s *readOnly) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	if s.left.Add(-1) < 0 {
		return "", fmt.Errorf("swap %s: %w", key, errReadOnly)
	}
	return s.Store.Swap(ctx, key, old, data)
}

// TestReadOnlyDisk runs a promoter that sees the store on a disk that is mounted read-only.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	need.Root(t)
	g := newGated(t)
	r, digest := g.bring("os/testing")
	before := g.state(r.Channel)
	_, err := g.process(job{setting: g.setting, Who: "promoter", ReadOnly: true, Requests: []promotion.Request{r}}, 0)
	if err == nil || !strings.Contains(err.Error(), "mount it read-write") {
		t.Errorf("got %v", err)
	}
	if after := g.state(r.Channel); after != before {
		t.Errorf("%s was %s and is %s", r.Channel, before, after)
	}
	g.mustPromote(r)
	g.want(map[string]string{r.Channel: digest})
}

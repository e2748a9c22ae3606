package promote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/prow/plugin"
)

// Handler takes the comments that GitHub tells of.
func (p *Plugin) Handler() plugin.Handler {
	return plugin.Handler{Name: "promote", Events: []string{"issue_comment"}, Wanted: mayBeOurs, Accept: p.accept, Help: Help}
}

// accept records a comment that holds a command. It is acted on later, whatever
// happens to this process.
func (p *Plugin) accept(ctx context.Context, e plugin.Event) error {
	var event github.IssueCommentEvent
	if err := json.Unmarshal(e.Payload, &event); err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	c := event.Comment
	if event.Action != github.IssueCommentActionCreated || len(ours(c.Body)) == 0 {
		return nil
	}
	n := note{
		Place:   place{event.Repo.Owner.Login, event.Repo.Name, event.Issue.Number},
		Comment: c.ID, Sum: sum(c.Body), At: c.CreatedAt.UTC(), Seen: p.Now().UTC(),
	}
	if age := p.Now().Sub(n.At); n.Comment <= 0 || age > p.Deadline || age < -time.Hour {
		p.Log.WithField("comment", c.ID).Infof("A comment of %s is too old to act on.", n.At)
		return nil
	}
	if acted, err := p.isThere(ctx, n.key("acted")); err != nil || acted {
		return err
	}
	if err := create(ctx, p.Store, n.key("comment"), &n); err != nil {
		return fmt.Errorf("record comment %d: %w", c.ID, err)
	}
	p.kick(p.add(n))
	return nil
}

func sum(body string) string {
	digest := sha256.Sum256([]byte(body))
	return hex.EncodeToString(digest[:])
}

// thread is what there is to do about one issue or pull request. One goroutine at a
// time works on it, so that what people say is heeded in its order.
type thread struct {
	place place

	mu       sync.Mutex
	notes    []note
	requests []*request
	busy     bool
	again    bool // something came while it was busy
	failures int
	rest     time.Time // not before this, after a failure
}

// thread finds what there is to do about a place; p.mu is held, so that nobody forgets
// it as idle meanwhile.
func (p *Plugin) thread(at place) *thread {
	t := p.threads[at]
	if t == nil {
		t = &thread{place: at}
		p.threads[at] = t
	}
	return t
}

// add notes a comment to act on, once.
func (p *Plugin) add(n note) *thread {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.thread(n.Place)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.ContainsFunc(t.notes, func(o note) bool { return o.Comment == n.Comment }) {
		t.notes = append(t.notes, n)
		slices.SortFunc(t.notes, func(a, b note) int { return a.Comment - b.Comment }) // GitHub numbers them in their order
	}
	t.again = true
	return t
}

// open adds a request, once.
func (t *thread) open(r *request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.ContainsFunc(t.requests, func(known *request) bool { return known.ID == r.ID }) {
		t.requests = append(t.requests, r)
	}
}

// pending are the requests that have not ended.
func (t *thread) pending() []*request {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = slices.DeleteFunc(t.requests, func(r *request) bool { return r.end != nil })
	return slices.Clone(t.requests)
}

func (t *thread) next() (note, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.notes) == 0 {
		return note{}, false
	}
	return t.notes[0], true
}

func (t *thread) acted(n note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = slices.DeleteFunc(t.notes, func(o note) bool { return o.Comment == n.Comment })
}

// isIdle says that nothing is left to do about the thread.
func (t *thread) isIdle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.busy && len(t.notes) == 0 && len(t.requests) == 0
}

// kickAll works on all threads that have something to do, and forgets the others.
func (p *Plugin) kickAll() {
	p.mu.Lock()
	var all []*thread
	for at, t := range p.threads {
		if t.isIdle() {
			delete(p.threads, at)
			continue
		}
		all = append(all, t)
	}
	p.mu.Unlock()
	for _, t := range all {
		p.kick(t)
	}
}

// kick works on a thread, unless that is being done, or it rests after a failure.
func (p *Plugin) kick(t *thread) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil || p.stopped {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy || p.Now().Before(t.rest) {
		return
	}
	t.busy = true
	p.working.Add(1)
	go p.work(t)
}

func (p *Plugin) work(t *thread) {
	defer p.working.Done()
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	for {
		t.mu.Lock()
		t.again = false
		t.mu.Unlock()
		err := p.round(p.ctx, t)
		if !t.settle(p, err) {
			return
		}
	}
}

// round acts on the thread's comments, then looks at its requests.
func (p *Plugin) round(ctx context.Context, t *thread) error {
	for {
		n, ok := t.next()
		if !ok || ctx.Err() != nil {
			break
		}
		if err := p.act(ctx, t, n); err != nil {
			return fmt.Errorf("act on comment %d: %w", n.Comment, err)
		}
		t.acted(n)
	}
	for _, r := range t.pending() {
		if ctx.Err() != nil {
			return nil
		}
		if err := p.advance(ctx, r); err != nil {
			return fmt.Errorf("look at request %s: %w", r.ID, err)
		}
	}
	return nil
}

// settle ends a round, and says whether another is to follow at once.
func (t *thread) settle(p *Plugin, err error) (more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.ctx.Err() != nil {
		t.busy = false
		return false
	}
	if err == nil {
		t.failures = 0
		t.busy = t.again
		return t.again
	}
	pause := min(p.Retry<<min(t.failures, 10), time.Minute)
	t.failures++
	t.rest, t.busy = p.Now().Add(pause), false
	p.Log.WithError(err).WithField("thread", t.place.String()).Warnf("Trying again in %s.", pause)
	time.AfterFunc(pause, func() { p.kick(t) })
	return false
}

package promote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
)

// The plugin's records lie by day, each created once:
//
//	chatops/20261121/COMMENT.comment.json          a comment to act on
//	chatops/20261121/COMMENT.acted.json            it was acted on
//	chatops/20261121/COMMENT.cancel.json           it withdraws what was open then
//	chatops/20261121/COMMENT-N.request.json        the promotion that its command N asks for
//	chatops/20261121/COMMENT-N.hold-OTHER-M.json   who holds it, by the command M of the comment OTHER
//	chatops/20261121/COMMENT-N.release-OTHER-M.json  who lets it go again
//	chatops/20261121/COMMENT-N.end.json            how it ended
const root = "chatops/"

// place is an issue or a pull request.
type place struct {
	Org    string `json:"org"`
	Repo   string `json:"repo"`
	Number int    `json:"number"`
}

func (p place) String() string { return fmt.Sprintf("%s/%s#%d", p.Org, p.Repo, p.Number) }

// note is a comment to act on, as its webhook has it.
type note struct {
	Place   place     `json:"place"`
	Comment int       `json:"comment"` // its ID
	Sum     string    `json:"sum"`     // sha256 of its body
	At      time.Time `json:"at"`      // of its making, by GitHub, which cuts off parts of a second
	Seen    time.Time `json:"seen"`
}

// said is when the comment was made as closely as is known: within GitHub's second, and
// before it was seen. What people say in one second keeps its order so.
func (n note) said() time.Time {
	if end := n.At.Add(time.Second - time.Nanosecond); n.Seen.After(end) {
		return end
	}
	if n.Seen.Before(n.At) { // the clocks differ
		return n.At
	}
	return n.Seen
}

// request is a promotion that somebody asked for, and what became of it.
type request struct {
	ID        string          `json:"id"` // COMMENT-N
	Place     place           `json:"place"`
	Comment   string          `json:"comment"` // URL
	Requester string          `json:"requester"`
	At        time.Time       `json:"at"`
	Order     promotion.Order `json:"order"` // with the digests that were meant then

	holds []held // in the order in which they were said
	end   *end
	shown string // the status comment that was written last
}

// held is that somebody holds a request, or lets it go.
type held struct {
	Release bool      `json:"release,omitempty"`
	By      string    `json:"by"`
	Comment string    `json:"comment"` // URL
	ID      int       `json:"id"`      // the comment's
	Index   int       `json:"index"`   // among the comment's commands
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"`
}

// end is how a request ended.
type end struct {
	State   state  `json:"state"`
	Message string `json:"message"`
}

// state is how a request stands.
type state string

// The states; the last four are ends.
const (
	waiting   state = "waiting"
	running   state = "running"
	done      state = "done"
	failed    state = "failed"
	withdrawn state = "withdrawn"
	expired   state = "expired"
)

func folder(at time.Time) string { return root + at.UTC().Format("20060102") + "/" }

func (n note) key(what string) string {
	return fmt.Sprintf("%s%d.%s.json", folder(n.At), n.Comment, what)
}

func (r *request) key(what string) string { return folder(r.At) + r.ID + "." + what + ".json" }

// before says whether the request was asked for before some command of a comment.
func (r *request) before(comment, index int) bool {
	var asked, n int
	_, err := fmt.Sscanf(r.ID, "%d-%d", &asked, &n)
	return err == nil && cmp.Or(asked-comment, n-index) < 0
}

// held says whether somebody holds the request.
func (r *request) held() bool { return len(r.holds) > 0 && !r.holds[len(r.holds)-1].Release }

// create makes a record, or reads into it the one that is there.
func create[T any](ctx context.Context, s store.Store, key string, record *T) error {
	err := store.CreateJSON(ctx, s, key, record)
	if errors.Is(err, store.ErrConflict) {
		return store.ReadJSON(ctx, s, key, record)
	}
	return err
}

// load reads what was left to do: comments, and requests that did not end, of as many
// days as a request may stay open.
func (p *Plugin) load(ctx context.Context) error {
	for day := p.Now().UTC().Add(-p.Deadline - 24*time.Hour); !day.After(p.Now().UTC().Add(24 * time.Hour)); day = day.Add(24 * time.Hour) {
		if err := p.loadDay(ctx, folder(day)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plugin) loadDay(ctx context.Context, day string) error {
	kinds := map[string][]string{} // by what a record is about
	for key, err := range p.Store.List(ctx, day) {
		if err != nil {
			return err
		}
		about, kind, _ := strings.Cut(strings.TrimSuffix(path.Base(key), ".json"), ".")
		kinds[about] = append(kinds[about], kind)
	}
	for about, has := range kinds {
		if err := p.loadOne(ctx, day+about, has); err != nil {
			return err
		}
	}
	return nil
}

// loadOne reads a comment or a request, unless all is done about it.
func (p *Plugin) loadOne(ctx context.Context, key string, has []string) error {
	var n *note
	var r *request
	for _, kind := range has {
		switch kind {
		case "acted", "end":
			return nil
		case "comment":
			n = &note{}
			if err := store.ReadJSON(ctx, p.Store, key+".comment.json", n); err != nil {
				return err
			}
		case "request":
			r = &request{}
			if err := store.ReadJSON(ctx, p.Store, key+".request.json", r); err != nil {
				return err
			}
		}
	}
	if n != nil {
		p.add(*n)
	}
	if r == nil {
		return nil
	}
	if r.key("request") != key+".request.json" || len(r.Order.Requests) == 0 {
		p.Log.Errorf("%s.request.json is no record that this plugin made; it is passed over. Find out who did.", key)
		return nil
	}
	for _, kind := range has {
		if strings.HasPrefix(kind, "hold-") || strings.HasPrefix(kind, "release-") {
			var h held
			if err := store.ReadJSON(ctx, p.Store, key+"."+kind+".json", &h); err != nil {
				return err
			}
			r.hold(h)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thread(r.Place).open(r)
	return nil
}

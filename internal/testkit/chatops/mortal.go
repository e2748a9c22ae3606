package chatops

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/prow/plugin/promote"
)

// errKilled is all that a dead plugin ever learns.
var errKilled = errors.New("killed")

// mortal is one life of the plugin: after so many calls of anything outside it is dead,
// and from then on does nothing at all, the nearest thing in one process to kill -9.
type mortal struct {
	mu    sync.Mutex
	left  int  // calls; below 0 for ever
	after bool // the last call is still carried out, and its answer lost
	dead  bool
	died  chan struct{}
}

func newMortal(calls int, after bool) *mortal {
	if calls == 0 {
		calls = -1
	}
	return &mortal{left: calls, after: after, died: make(chan struct{})}
}

// step counts a call, and says whether it is carried out.
func (m *mortal) step() (carry bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false
	}
	if m.left > 0 {
		m.left--
	}
	if m.left != 0 {
		return true
	}
	m.dead = true
	close(m.died)
	return m.after
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// call does one, unless the plugin is dead. Who dies meanwhile does not learn how it ended.
func (m *mortal) call(do func() error) error {
	if !m.step() {
		return errKilled
	}
	err := do()
	if m.isDead() {
		return errKilled
	}
	return err
}

func answer[T any](m *mortal, do func() (T, error)) (result T, err error) {
	err = m.call(func() error {
		result, err = do()
		return err
	})
	return result, err
}

type mortalStore struct {
	store.Store
	*mortal
}

func (s mortalStore) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return s.call(func() error { return s.Store.Create(ctx, key, body) })
}

func (s mortalStore) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	return answer(s.mortal, func() (io.ReadCloser, error) { return s.Store.Open(ctx, key) })
}

func (s mortalStore) Stat(ctx context.Context, key string) (store.Info, error) {
	return answer(s.mortal, func() (store.Info, error) { return s.Store.Stat(ctx, key) })
}

func (s mortalStore) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if s.isDead() {
		return func(yield func(string, error) bool) { yield("", errKilled) }
	}
	return s.Store.List(ctx, prefix)
}

// mortalGitHub is the part of Prow's client that the plugin uses.
type mortalGitHub struct {
	prowgithub.Client
	*mortal
}

func (g mortalGitHub) ListIssueCommentsWithContext(ctx context.Context, org, repo string, number int) ([]prowgithub.IssueComment, error) {
	return answer(g.mortal, func() ([]prowgithub.IssueComment, error) {
		return g.Client.ListIssueCommentsWithContext(ctx, org, repo, number)
	})
}

func (g mortalGitHub) CreateCommentWithContext(ctx context.Context, org, repo string, number int, body string) error {
	return g.call(func() error { return g.Client.CreateCommentWithContext(ctx, org, repo, number, body) })
}

func (g mortalGitHub) EditCommentWithContext(ctx context.Context, org, repo string, id int, body string) error {
	return g.call(func() error { return g.Client.EditCommentWithContext(ctx, org, repo, id, body) })
}

func (g mortalGitHub) DeleteCommentWithContext(ctx context.Context, org, repo string, id int) error {
	return g.call(func() error { return g.Client.DeleteCommentWithContext(ctx, org, repo, id) })
}

func (g mortalGitHub) IsMember(org, login string) (bool, error) {
	return answer(g.mortal, func() (bool, error) { return g.Client.IsMember(org, login) })
}

func (g mortalGitHub) GetRef(org, repo, ref string) (string, error) {
	return answer(g.mortal, func() (string, error) { return g.Client.GetRef(org, repo, ref) })
}

type mortalJobs struct {
	promote.ProwJobs
	*mortal
}

func (j mortalJobs) Create(ctx context.Context, job *prowapi.ProwJob, o metav1.CreateOptions) (*prowapi.ProwJob, error) {
	return answer(j.mortal, func() (*prowapi.ProwJob, error) { return j.ProwJobs.Create(ctx, job, o) })
}

func (j mortalJobs) Get(ctx context.Context, name string, o metav1.GetOptions) (*prowapi.ProwJob, error) {
	return answer(j.mortal, func() (*prowapi.ProwJob, error) { return j.ProwJobs.Get(ctx, name, o) })
}

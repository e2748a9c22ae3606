// Package promote is the chat-ops plugin that promotes: people ask for a promotion,
// approve it, hold it and roll it back by comments.
//
// A comment decides nothing by itself. What it asks for becomes a plan; who may
// approve is read from OWNERS of the configuration repository at its base branch;
// what they said is signed and kept in the store; and only then a ProwJob is made,
// whose promoter verifies the signatures and makes the plan again. Everything is
// begun by a record that is created once, so that an event that comes twice, or a
// plugin that is killed anywhere, ends in the same one outcome.
package promote

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	prowconfig "sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/prow/configrepo"
)

// Comments is what is asked of GitHub about comments. Prow's client does it.
type Comments interface {
	ListIssueCommentsWithContext(ctx context.Context, org, repo string, number int) ([]github.IssueComment, error)
	CreateCommentWithContext(ctx context.Context, org, repo string, number int, body string) error
	EditCommentWithContext(ctx context.Context, org, repo string, id int, body string) error
	DeleteCommentWithContext(ctx context.Context, org, repo string, id int) error
}

// People is what is asked of GitHub about people. Prow's client does it.
type People interface {
	IsMember(org, login string) (bool, error)
	BotUserCheckerWithContext(ctx context.Context) (func(login string) bool, error)
}

// ProwJobs makes and reads ProwJobs. Prow's clientset does it.
type ProwJobs interface {
	Create(ctx context.Context, job *prowapi.ProwJob, o metav1.CreateOptions) (*prowapi.ProwJob, error)
	Get(ctx context.Context, name string, o metav1.GetOptions) (*prowapi.ProwJob, error)
}

// Config is what the plugin works with. All fields but those with a default are needed.
type Config struct {
	Comments Comments
	People   People
	Repo     *configrepo.Repo
	// Promoter plans by a configuration. It only reads; its Store is the plugin's.
	Promoter func(*channel.Config) (*promotion.Promoter, error)
	Store    store.Store
	Signer   dsse.SignerVerifier // signs what people decided
	ProwJobs ProwJobs            // of Prow's namespace
	// Job is the postsubmit of the configuration repository that promoters are made of.
	Job func() (prowconfig.Postsubmit, error)
	Log *logrus.Entry

	Now      func() time.Time // nil is time.Now
	Poll     time.Duration    // how often open requests are looked at; 0 is 15 s
	Deadline time.Duration    // how long a request may stay open; 0 is 14 days
	Retry    time.Duration    // the first pause after a failure, which doubles up to a minute; 0 is a second
}

// Plugin is the running plugin.
type Plugin struct {
	Config

	mu      sync.Mutex
	threads map[place]*thread
	stopped bool
	working sync.WaitGroup
	slots   chan struct{}
	ctx     context.Context // of Run

	viewed struct {
		sync.Mutex
		last *configrepo.Snapshot
		at   time.Time
	}
}

// workers is how many threads are worked on at a time.
const workers = 8

// New makes a plugin. Run makes it work.
func New(c Config) *Plugin {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Poll == 0 {
		c.Poll = 15 * time.Second
	}
	if c.Deadline == 0 {
		c.Deadline = 14 * 24 * time.Hour
	}
	if c.Retry == 0 {
		c.Retry = time.Second
	}
	return &Plugin{Config: c, threads: map[place]*thread{}, slots: make(chan struct{}, workers)}
}

// Run takes up what an earlier run left and works until ctx ends; then it finishes the
// comment or request that each thread is at.
func (p *Plugin) Run(ctx context.Context) error {
	p.mu.Lock()
	p.ctx = ctx
	p.mu.Unlock()
	if err := p.takeUp(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(p.Poll)
	defer tick.Stop()
	for {
		p.kickAll()
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.mu.Lock()
			p.stopped = true
			p.mu.Unlock()
			p.working.Wait()
			return nil
		}
	}
}

// takeUp loads what is in the store, as often as it takes.
func (p *Plugin) takeUp(ctx context.Context) error {
	pause := p.Retry
	for {
		err := p.load(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, store.ErrCorrupt) {
			return err
		}
		p.Log.WithError(err).Warn("Reading the open requests again soon.")
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, time.Minute)
		}
	}
}

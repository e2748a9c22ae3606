// Package configrepo reads the configuration repository as it stands at its base branch.
//
// Who may approve and what a channel requires are said there and nowhere else: not in
// a pull request, which anybody can open. A Snapshot is of one commit throughout, so
// that nobody approves by the OWNERS of one commit what the channels of another
// require. What cannot be read is an error and never "nobody is needed": Prow passes
// over an OWNERS file that it cannot parse, and its parent folder's approvers would
// then decide.
package configrepo

import (
	"context"
	"fmt"
	"sync"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/prow/pkg/git/v2"
	"sigs.k8s.io/prow/pkg/github"
)

// GitHub is what is asked of GitHub: Prow's client does it.
type GitHub interface {
	GetRef(org, repo, ref string) (string, error)
	ListCollaborators(org, repo string) ([]github.User, error)
}

// Repo is the configuration repository. Its methods may be called at the same time.
type Repo struct {
	Org, Name, Branch string
	Channels          string // path of the channels' configuration, such as config/channels.yaml
	Git               git.ClientFactory
	GitHub            GitHub
	Log               *logrus.Entry // nil is silent

	mu   sync.Mutex
	last *content // of the newest commit that was read
}

// FullName is ORG/NAME.
func (r *Repo) FullName() string { return r.Org + "/" + r.Name }

// Read reads what the base branch holds now. The files are read again only if the
// branch has moved; who may still come into the repository is asked each time.
func (r *Repo) Read(ctx context.Context) (*Snapshot, error) {
	commit, err := r.GitHub.GetRef(r.Org, r.Name, "heads/"+r.Branch)
	if err != nil {
		return nil, fmt.Errorf("find the tip of %s of %s: %w", r.Branch, r.FullName(), err)
	}
	people, err := r.people()
	if err != nil {
		return nil, err
	}
	c, err := r.content(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", r.FullName(), commit, err)
	}
	return &Snapshot{Commit: commit, Channels: c.channels, content: c, people: people}, nil
}

// people are who may come into the repository. An OWNERS file may still name a login
// whose holder has left or was renamed, and which somebody else has taken since.
func (r *Repo) people() (sets.Set[string], error) {
	users, err := r.GitHub.ListCollaborators(r.Org, r.Name)
	if err != nil {
		return nil, fmt.Errorf("list who may come into %s: %w", r.FullName(), err)
	}
	people := sets.New[string]()
	for _, u := range users {
		people.Insert(github.NormLogin(u.Login))
	}
	return people, nil
}

func (r *Repo) content(ctx context.Context, commit string) (*content, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil && r.last.commit == commit {
		return r.last, nil
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	c, err := r.load(commit)
	if err != nil {
		return nil, err
	}
	r.last = c
	return c, nil
}

// Package githubrefs reads and writes the refs of a repository through GitHub's API.
//
// It does what gitrefs does where there is a token but no git credential. A listing
// for a claim takes a fixed number of requests, however many tags there are: one
// for each of version.CoarsePrefixes (13 to 29 with the first listing, two after a
// number was lost, one to check a claim), further pages where one has more than a
// hundred tags, and one for each claim not seen before. Rate limits are waited out
// and the server's own failures tried again, within the context's deadline.
package githubrefs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v60/github"

	"slipway.dev/slipway/internal/version"
)

// claimPrefix is below which every ref is peeled. There are as many as runs at work.
const claimPrefix = "refs/slipway/claims/"

// answerTimeout is how long a server may take to begin its answer.
const answerTimeout = time.Minute

// Config says which repository, and how to reach it.
type Config struct {
	Owner, Repo string
	// BaseURL of the API; empty is https://api.github.com. For GitHub Enterprise
	// https://HOST/api/v3.
	BaseURL string
	// Token that may write the repository's contents; a file's content will do, as
	// white space around it is dropped.
	Token string
	// Progress is told what is waited for. Optional.
	Progress func(message string)
}

// Refs is one repository on GitHub; it implements version.Refs.
type Refs struct {
	owner, repo string
	git         *github.GitService
	progress    func(string)

	mu     sync.Mutex
	peeled map[string]string // annotated tag object → commit; objects never change
}

var (
	_ version.Refs   = (*Refs)(nil)
	_ version.Coarse = (*Refs)(nil)
)

// New is the repository that config names.
func New(config Config) (*Refs, error) {
	client := github.NewClient(&http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       answerTimeout,
	}})
	if token := strings.TrimSpace(config.Token); token != "" {
		client = client.WithAuthToken(token)
	}
	if config.BaseURL != "" {
		base, err := url.Parse(strings.TrimSuffix(config.BaseURL, "/") + "/")
		if err != nil || base.Host == "" {
			return nil, fmt.Errorf("GitHub's URL %q is none; want https://HOST/api/v3", config.BaseURL)
		}
		client.BaseURL = base
	}
	if config.Owner == "" || config.Repo == "" {
		return nil, fmt.Errorf("repository %q/%q is not named in full; want OWNER/REPO", config.Owner, config.Repo)
	}
	r := &Refs{owner: config.Owner, repo: config.Repo, git: client.Git, progress: config.Progress, peeled: map[string]string{}}
	if r.progress == nil {
		r.progress = func(string) {}
	}
	return r, nil
}

// Prefixes are coarse here, where each costs a request.
func (r *Refs) Prefixes(now time.Time) []string { return version.CoarsePrefixes(now) }

// List returns the refs below prefixes, with a request for each and for each further
// page. Claims, and refs that a prefix names in full, are peeled, with a request for
// each tag object not seen before; Peeled of other annotated tags is empty.
func (r *Refs) List(ctx context.Context, prefixes []string) ([]version.Ref, error) {
	var refs []version.Ref
	for _, prefix := range widest(prefixes) {
		found, err := r.matching(ctx, prefix)
		if err != nil {
			return nil, err
		}
		for _, ref := range found {
			listed, err := r.ref(ctx, ref, prefixes)
			if err != nil {
				return nil, err
			}
			refs = append(refs, listed)
		}
	}
	return refs, nil
}

// widest leaves out what another prefix covers.
func widest(prefixes []string) []string {
	var kept []string
	for _, p := range prefixes {
		covered := slices.ContainsFunc(prefixes, func(q string) bool { return q != p && strings.HasPrefix(p, q) })
		if !covered && !slices.Contains(kept, p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// matching returns the refs below one prefix. GitHub is asked without the slash at
// the prefix's end, which its URLs do not know.
func (r *Refs) matching(ctx context.Context, prefix string) ([]*github.Reference, error) {
	options := &github.ReferenceListOptions{
		Ref:         strings.TrimSuffix(prefix, "/"),
		ListOptions: github.ListOptions{PerPage: 100},
	}
	var refs []*github.Reference
	for {
		var page []*github.Reference
		resp, err := r.call(ctx, "list "+prefix, func(ctx context.Context) (resp *github.Response, err error) {
			page, resp, err = r.git.ListMatchingRefs(ctx, r.owner, r.repo, options)
			return resp, err
		})
		if status(err) == http.StatusConflict {
			return nil, nil // GitHub's word for a repository without a commit
		}
		if err != nil {
			return nil, err
		}
		for _, ref := range page {
			if strings.HasPrefix(ref.GetRef(), prefix) {
				refs = append(refs, ref)
			}
		}
		if resp.NextPage == 0 {
			return refs, nil
		}
		options.Page = resp.NextPage
	}
}

func (r *Refs) ref(ctx context.Context, ref *github.Reference, prefixes []string) (version.Ref, error) {
	listed := version.Ref{Name: ref.GetRef(), Object: ref.GetObject().GetSHA()}
	switch {
	case ref.GetObject().GetType() != "tag":
		listed.Peeled = listed.Object
	case strings.HasPrefix(listed.Name, claimPrefix) || slices.Contains(prefixes, listed.Name):
		peeled, err := r.peel(ctx, listed.Object)
		if err != nil {
			return version.Ref{}, err
		}
		listed.Peeled = peeled
	}
	return listed, nil
}

// peel follows an annotated tag, and a tag of a tag, to what is tagged.
func (r *Refs) peel(ctx context.Context, object string) (string, error) {
	r.mu.Lock()
	commit, known := r.peeled[object]
	r.mu.Unlock()
	if known {
		return commit, nil
	}
	var tag *github.Tag
	_, err := r.call(ctx, "read tag object "+object, func(ctx context.Context) (resp *github.Response, err error) {
		tag, resp, err = r.git.GetTag(ctx, r.owner, r.repo, object)
		return resp, err
	})
	if err != nil {
		return "", err
	}
	commit = tag.GetObject().GetSHA()
	if tag.GetObject().GetType() == "tag" {
		if commit, err = r.peel(ctx, commit); err != nil {
			return "", err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peeled[object] = commit
	return commit, nil
}

// status is the HTTP status behind an error, or 0.
func status(err error) int {
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}

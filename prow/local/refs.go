package local

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/checkout"
)

// Event is what is emulated: which commits a job is to see. The zero value is what the
// working folder has: its uncommitted changes as a pull request for a presubmit, the
// head of the base branch for a merge.
type Event struct {
	Dir     string            // the working folder; empty is the process's
	Repo    string            // path, URL or ORG/NAME of the job's repository; empty is Dir, or where Prow would clone from
	Extra   map[string]string // the same for extra refs, by ORG/NAME
	BaseRef string
	BaseSHA string
	Pull    int    // number of the pull request
	PullRef string // its head: a commit, or a ref of the repository
	InPlace bool   // the job sees the repository itself
}

// Resolve finds each repository of a job, and resolves every ref to a commit once.
// scratch is a folder for the commit that is made of a working tree. say is told
// what each name meant.
func (e Event) Resolve(ctx context.Context, job Job, scratch string, say func(string)) ([]Source, error) {
	if err := e.Check(job); err != nil {
		return nil, err
	}
	if e.BaseRef != "" && !job.RunsOn(e.BaseRef) {
		say(fmt.Sprintf("Prow would not run %s for branch %s", job, e.BaseRef))
	}
	var sources []Source
	if job.Type != prowapi.PeriodicJob {
		main, err := e.main(ctx, job, scratch)
		if err != nil {
			return nil, err
		}
		sources = append(sources, main)
	}
	for i, refs := range job.base.ExtraRefs {
		isMain := i == 0 && job.Type == prowapi.PeriodicJob
		source, err := e.extra(ctx, refs, isMain)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	for i := range sources {
		say(sources[i].describe())
		sources[i].Refs.CloneURI = "file://" + sources[i].Mount()
	}
	return sources, nil
}

// Check refuses an event that the job cannot have, whatever its repositories hold.
func (e Event) Check(job Job) error {
	pull := e.Pull != 0 || e.PullRef != ""
	switch {
	case e.Pull < 0:
		return fmt.Errorf("--pull %d: pull requests are counted from 1", e.Pull)
	case pull && job.Type != prowapi.PresubmitJob:
		return fmt.Errorf("%s is a %s, which has no pull request; leave out --pull and --pull-ref", job.Name, job.Type)
	case e.BaseSHA != "" && job.Type == prowapi.PeriodicJob:
		return fmt.Errorf("%s is a periodic, which names a branch; leave out --base-sha, or give --base-ref", job.Name)
	case e.InPlace && job.Type == prowapi.PresubmitJob && !pull:
		return fmt.Errorf("--in-place gives the job a repository as it is, without uncommitted changes; commit them and name the commit with --pull-ref")
	case job.Repository == "" && (e.Repo != "" || e.BaseRef != ""):
		return fmt.Errorf("%s has no repository (no extra_refs); leave out --repo and --base-ref", job.Name)
	}
	for name := range e.Extra {
		if !slices.ContainsFunc(job.base.ExtraRefs, func(r prowapi.Refs) bool { return r.Org+"/"+r.Repo == name }) {
			return fmt.Errorf("--extra-repo %s: %s has no such extra ref", name, job.Name)
		}
	}
	return nil
}

// main is the source of a presubmit or postsubmit.
func (e Event) main(ctx context.Context, job Job, scratch string) (Source, error) {
	fromTree := job.Type == prowapi.PresubmitJob && e.Pull == 0 && e.PullRef == ""
	repository, err := e.locate(ctx, job.Repository, job.base.CloneURI, fromTree)
	if err != nil {
		return Source{}, err
	}
	s := Source{Repository: repository}
	if s.InPlace, err = e.inPlace(ctx, repository); err != nil {
		return Source{}, err
	}
	s.Refs.Org, s.Refs.Repo, err = split(repository.name(ctx, job.Repository))
	if err != nil {
		return Source{}, err
	}
	if s.Refs.BaseRef, err = e.baseRef(ctx, job, repository); err != nil {
		return Source{}, repository.elsewhere(err, e.Repo == "", "--repo FOLDER")
	}
	if e.BaseSHA != "" {
		s.Refs.BaseSHA, err = repository.commit(ctx, e.BaseSHA)
	} else {
		s.Refs.BaseSHA, err = repository.branch(ctx, s.Refs.BaseRef)
	}
	switch {
	case err != nil || job.Type != prowapi.PresubmitJob:
	case fromTree:
		err = s.pullWorkingTree(ctx, scratch)
	default:
		err = s.pullCommit(ctx, e)
	}
	return s, repository.elsewhere(err, e.Repo == "", "--repo FOLDER")
}

// split takes ORG/NAME apart; Gerrit's org is a URL.
func split(name string) (org, repo string, err error) {
	scheme := ""
	if before, rest, ok := strings.Cut(name, "://"); ok {
		scheme, name = before+"://", rest
	}
	org, repo, ok := strings.Cut(name, "/")
	if !ok || org == "" || repo == "" {
		return "", "", fmt.Errorf("repository %q is not ORG/NAME", name)
	}
	return scheme + org, repo, nil
}

// Means says whether the event is one of the repository ORG/NAME, to choose among
// jobs that have one name.
func (e Event) Means(ctx context.Context, name string) bool {
	if e.Repo == name {
		return true
	}
	r, err := NewRepository(cmp.Or(e.Repo, e.Dir, "."))
	return err == nil && r.is(ctx, name)
}

// locate finds the repository that stands for name: the one that was asked for, the
// working folder if it is a checkout of it, else where Prow would clone from.
func (e Event) locate(ctx context.Context, name, cloneURI string, needsTree bool) (Repository, error) {
	if e.Repo != "" && e.Repo != name {
		return NewRepository(e.Repo)
	}
	here, err := NewRepository(cmp.Or(e.Dir, "."))
	if err != nil {
		return Repository{}, err
	}
	switch {
	case here.is(ctx, name):
		return here, nil
	case needsTree:
		return Repository{}, fmt.Errorf("the working folder is no checkout of %s, whose uncommitted changes would be the pull request; name one with --repo FOLDER, or a commit with --pull NUMBER --pull-ref COMMIT", name)
	case cloneURI != "":
		return NewRepository(cloneURI)
	}
	return NewRepository(name)
}

// baseRef is the branch that was asked for, else the one that the job is for, else
// the repository's main one.
func (e Event) baseRef(ctx context.Context, job Job, r Repository) (string, error) {
	if e.BaseRef != "" {
		return e.BaseRef, nil
	}
	for _, expression := range job.Branches {
		plain := strings.TrimSuffix(strings.TrimPrefix(expression, "^"), "$")
		if regexp.QuoteMeta(plain) == plain && job.RunsOn(plain) {
			return plain, nil
		}
	}
	branch, err := r.mainBranch(ctx)
	if err == nil && !job.RunsOn(branch) {
		err = fmt.Errorf("%s does not run on branch %s; name one of its own with --base-ref", job, branch)
	}
	return branch, err
}

// pullCommit is the pull request whose head was named, or is known by its number.
func (s *Source) pullCommit(ctx context.Context, e Event) error {
	pull := prowapi.Pull{Number: cmp.Or(e.Pull, 1), Author: "you", HeadRef: e.PullRef}
	head := cmp.Or(e.PullRef, "refs/pull/"+strconv.Itoa(e.Pull)+"/head")
	sha, err := s.Repository.commit(ctx, head, "refs/remotes/origin/"+head)
	if err != nil {
		return fmt.Errorf("pull request %d: %w", pull.Number, err)
	}
	pull.SHA = sha
	if checkout.IsFullHash(pull.HeadRef) {
		pull.HeadRef = ""
	}
	s.Refs.Pulls = []prowapi.Pull{pull}
	return nil
}

// extra is the source of extra refs; those of a periodic begin with its main one.
func (e Event) extra(ctx context.Context, refs prowapi.Refs, isMain bool) (Source, error) {
	asked := Event{Dir: e.Dir, Repo: e.Extra[refs.Org+"/"+refs.Repo]}
	if isMain {
		asked.Repo = cmp.Or(e.Repo, asked.Repo)
		refs.BaseRef = cmp.Or(e.BaseRef, refs.BaseRef)
	}
	name := refs.Org + "/" + refs.Repo
	repository, err := asked.locate(ctx, name, refs.CloneURI, false)
	if err != nil {
		return Source{}, err
	}
	s := Source{Refs: refs, Repository: repository}
	if isMain {
		if s.InPlace, err = e.inPlace(ctx, repository); err != nil {
			return Source{}, err
		}
		if s.Refs.Org, s.Refs.Repo, err = split(repository.name(ctx, name)); err != nil {
			return Source{}, err
		}
	}
	if refs.BaseSHA != "" {
		s.Refs.BaseSHA, err = repository.commit(ctx, refs.BaseSHA)
		return s, err
	}
	s.Refs.BaseSHA, err = repository.branch(ctx, refs.BaseRef)
	return s, repository.elsewhere(err, asked.Repo == "", "--extra-repo "+name+"=FOLDER")
}

// inPlace is the git folder that the job is to see itself, if it is to.
func (e Event) inPlace(ctx context.Context, r Repository) (string, error) {
	if !e.InPlace {
		return "", nil
	}
	if !r.Local {
		return "", fmt.Errorf("--in-place: %s is not on this machine; name a folder with --repo", r)
	}
	folder, err := r.git(ctx, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(folder, "objects", "info", "alternates")); err == nil {
		return "", fmt.Errorf("--in-place: %s borrows objects from another repository, which the job would not see; leave it out to give the job a copy", r)
	}
	return folder, nil
}

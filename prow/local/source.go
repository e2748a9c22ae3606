package local

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/checkout"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/release"
)

// Repository is where the commits of a job come from: a folder of this machine or
// anything else that git can fetch.
type Repository struct {
	URL   string // an absolute path if Local
	Local bool
}

// NewRepository takes a path, a URL, or ORG/NAME, which is a repository of GitHub.
func NewRepository(text string) (Repository, error) {
	if info, err := os.Stat(text); err == nil && info.IsDir() {
		absolute, err := filepath.Abs(text)
		return Repository{URL: absolute, Local: true}, err
	}
	if isName(text) {
		return Repository{URL: "https://github.com/" + text + ".git"}, nil
	}
	if folder, ok := strings.CutPrefix(text, "file://"); ok {
		return Repository{URL: folder, Local: true}, nil
	}
	if !strings.Contains(text, ":") {
		return Repository{}, fmt.Errorf("repository %s is no folder; name a checkout, a URL or ORG/NAME", text)
	}
	return Repository{URL: text}, nil
}

var orgName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+$`)

// isName says whether text is ORG/NAME.
func isName(text string) bool { return orgName.MatchString(text) }

func (r Repository) String() string { return git.Shown(r.URL) }

// git runs git in a repository of this machine.
func (r Repository) git(ctx context.Context, args ...string) (string, error) {
	return git.Run(ctx, git.Command{Args: append([]string{"-C", r.URL}, args...)})
}

// commit resolves the first of names that the repository has. At a remote only the
// first is asked for; a full hash is taken as it is.
func (r Repository) commit(ctx context.Context, names ...string) (string, error) {
	if !r.Local {
		if checkout.IsFullHash(names[0]) {
			return names[0], nil
		}
		return gitrefs.ResolveRef(ctx, r.URL, names[0])
	}
	for _, name := range names {
		found, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
		if err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s has no commit %s; see git -C %s branch --all", r, names[0], r)
}

// branch resolves a branch; in a checkout that has none of its own, as its origin
// had it when it was last fetched.
func (r Repository) branch(ctx context.Context, name string) (string, error) {
	if !r.Local {
		return r.commit(ctx, name)
	}
	return r.commit(ctx, "refs/heads/"+name, "refs/remotes/origin/"+name, "refs/tags/"+name)
}

// mainBranch is what a pull request goes into when nobody says otherwise: what
// origin's HEAD names, since a checkout's own names what is being worked on.
func (r Repository) mainBranch(ctx context.Context) (string, error) {
	if r.Local {
		if ref, err := r.git(ctx, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"); err == nil {
			return strings.TrimPrefix(ref, "refs/remotes/origin/"), nil
		}
	}
	return checkout.DefaultBranch(ctx, r.URL)
}

// is says whether this is the repository ORG/NAME, or one that stands for it: by what
// it is called, or by where it was cloned from.
func (r Repository) is(ctx context.Context, name string) bool {
	if !r.Local {
		parsed, err := release.ParseRepository(r.URL)
		return err == nil && parsed.Name == path.Base(name)
	}
	folder, err := r.git(ctx, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return false
	}
	folder = strings.TrimSuffix(strings.TrimSuffix(folder, "/.git"), ".git")
	if filepath.Base(folder) == path.Base(name) {
		return true
	}
	origin, err := r.git(ctx, "remote", "get-url", "origin")
	if err != nil {
		return false
	}
	from, err := release.ParseRepository(origin)
	return err == nil && from.String() == name
}

// name is ORG/NAME for the job's sources: the job's own if the repository stands for
// it, so that a checkout or fork anywhere does, else what its URL ends in.
func (r Repository) name(ctx context.Context, of string) string {
	parsed, err := release.ParseRepository(r.URL)
	if err != nil || r.is(ctx, of) {
		return of
	}
	return parsed.String()
}

// elsewhere adds to the error of a repository that is not here, and that only the
// job's configuration names, how to name one that is.
func (r Repository) elsewhere(err error, unasked bool, flag string) error {
	if err == nil || r.Local || !unasked {
		return err
	}
	return fmt.Errorf("%w; Prow would clone from there, but a checkout on this machine does: %s", err, flag)
}

// Source is one repository that a job sees, with its refs resolved.
type Source struct {
	Refs       prowapi.Refs // clone_uri is where the job sees the repository
	Repository Repository
	Made       string // a repository with the commit that was made of the working tree, if one was
	InPlace    string // the repository's own git folder, which the job sees instead of a copy; empty is a copy
}

// Mount is where a job's containers see the repository.
func (s Source) Mount() string {
	_, org, found := strings.Cut(s.Refs.Org, "://")
	if !found {
		org = s.Refs.Org
	}
	return path.Join(gitMount, org, s.Refs.Repo+".git")
}

// Where a job's containers see repositories, and the configuration of git that lets
// them be read whoever owns them.
const (
	gitMount    = "/slipway/git/"
	configMount = "/slipway/gitconfig"
)

// Folder is where that repository lies on this machine, if copies are below git.
func (s Source) Folder(git string) string {
	return cmp.Or(s.InPlace, filepath.Join(git, strings.TrimPrefix(s.Mount(), gitMount)))
}

// describe says what was resolved, for people.
func (s Source) describe() string {
	text := fmt.Sprintf("%s/%s from %s: %s is commit %s", s.Refs.Org, s.Refs.Repo, s.Repository, s.Refs.BaseRef, s.Refs.BaseSHA)
	for _, pull := range s.Refs.Pulls {
		what := cmp.Or(pull.HeadRef, fmt.Sprintf("refs/pull/%d/head", pull.Number))
		text += fmt.Sprintf(", pull request %d (%s) is commit %s", pull.Number, what, pull.SHA)
	}
	return text
}

package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/checkout"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/packagebuild"
)

// source says what is built.
type source struct {
	remote
	commit, ref string
	buildDir    string
	extra       struct{ url, commit, ref string }
}

func (s *source) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.commit, "commit", "", "full hash of the commit to build")
	flags.StringVar(&s.ref, "ref", "", "a branch or tag instead of --commit, resolved once and printed")
	s.addTreeFlags(flags)
}

func (s *source) addTreeFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.buildDir, "build-dir", "", "subfolder that holds packaging/")
	flags.StringVar(&s.extra.url, "extra-repo", "", "an extra source repository that the build takes in")
	flags.StringVar(&s.extra.commit, "extra-commit", "", "full hash of the extra repository's commit")
	flags.StringVar(&s.extra.ref, "extra-ref", "", "a branch or tag of the extra repository, resolved once and printed")
}

// fetch checks out what is named, below work. With pulls it is the merge result
// of those. gitDir holds the commit's objects.
func (s source) fetch(ctx context.Context, work, branch string, pulls []checkout.Pull, say io.Writer) (src packagebuild.Source, gitDir string, err error) {
	if err := checkBuildDir(s.buildDir); err != nil {
		return src, "", err
	}
	tree, err := fetchTree(ctx, work, "source", checkout.Request{
		URL: s.url, Commit: s.commit, Branch: branch, Pulls: pulls, Progress: sayTo(say),
	})
	if err != nil {
		return src, "", err
	}
	src = asSource(tree)
	src.BuildDir = s.buildDir
	if len(pulls) > 0 {
		src.Merged = []string{src.Commit}
		for _, pull := range pulls[:len(pulls)-1] {
			src.Merged = append(src.Merged, pull.SHA)
		}
		src.Commit = pulls[len(pulls)-1].SHA
		src.CommitURL = commitURL(s.url, src.Commit)
	}
	src.Extra, err = s.fetchExtra(ctx, work, say)
	return src, tree.GitDir, err
}

func (s source) fetchExtra(ctx context.Context, work string, say io.Writer) (*packagebuild.Source, error) {
	if s.extra.url == "" {
		return nil, nil
	}
	commit, err := remote{url: s.extra.url}.resolve(ctx, s.extra.commit, s.extra.ref, say)
	if err != nil {
		return nil, fmt.Errorf("extra repository: %w", err)
	}
	tree, err := fetchTree(ctx, work, "extra", checkout.Request{URL: s.extra.url, Commit: commit, Progress: sayTo(say)})
	if err != nil {
		return nil, err
	}
	extra := asSource(tree)
	return &extra, nil
}

func fetchTree(ctx context.Context, work, name string, req checkout.Request) (checkout.Checkout, error) {
	folder := filepath.Join(work, name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return checkout.Checkout{}, err
	}
	return checkout.Fetch(ctx, req, folder)
}

func asSource(c checkout.Checkout) packagebuild.Source {
	return packagebuild.Source{
		Dir: c.Dir, Repository: git.Shown(c.URL), Commit: c.Commit, CommitURL: commitURL(c.URL, c.Commit), Time: c.Time,
	}
}

// local is a plain folder as a source. Its time is that of the commit it has
// checked out; its files may differ from that commit, so none is stamped.
func (s source) local(ctx context.Context, dir string, say io.Writer, work string) (packagebuild.Source, error) {
	if err := checkBuildDir(s.buildDir); err != nil {
		return packagebuild.Source{}, err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return packagebuild.Source{}, err
	}
	if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
		return packagebuild.Source{}, fmt.Errorf("--source %s is no folder; name one that holds a source tree", dir)
	}
	when, err := checkout.TimeOf(ctx, absolute)
	if err != nil {
		return packagebuild.Source{}, err
	}
	src := packagebuild.Source{Dir: absolute, BuildDir: s.buildDir, Time: when}
	src.Extra, err = s.fetchExtra(ctx, work, say)
	return src, err
}

func checkBuildDir(dir string) error {
	if dir != "" && !filepath.IsLocal(dir) {
		return cli.Misuse("--build-dir %s leaves the source tree; name a folder inside it", dir)
	}
	return nil
}

// commitURL is where a person can look at a commit, as GitHub spells it.
func commitURL(repo, commit string) string { return git.Web(repo) + "/tree/" + commit }

// adopt takes from the job what the flags leave open.
func (s *source) adopt(job jobenv.Job) {
	if s.url == "" {
		s.url = job.CloneURI
	}
	if s.commit != "" || s.ref != "" {
		return
	}
	s.commit = job.BaseSHA
	if s.commit == "" {
		s.ref = job.BaseRef // a periodic names a branch
	}
}

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/git"
)

// copyTimeout bounds each run of git; a fetch of a large history takes minutes.
const copyTimeout = 30 * time.Minute

// Copy is a repository as a job sees it.
type Copy struct {
	Folder string
	From   string   // URL or path of the original
	tags   []string // that it had before the job
}

// Copy makes the job's copy of the repository below the folder git, which holds its
// base branch, its pull requests and all tags. What is to be seen in place is only
// looked at.
func (s Source) Copy(ctx context.Context, git string, say func(string)) (Copy, error) {
	c := Copy{Folder: s.Folder(git), From: s.Repository.URL}
	if s.InPlace == "" {
		if err := s.copyInto(ctx, c.Folder, say); err != nil {
			return Copy{}, fmt.Errorf("copy %s: %w", s.Repository, err)
		}
	}
	if err := c.holds(ctx, s); err != nil {
		return Copy{}, err
	}
	tags, err := c.listTags(ctx)
	c.tags = tags
	return c, err
}

func (s Source) copyInto(ctx context.Context, folder string, say func(string)) error {
	run := func(args ...string) error {
		_, err := git.Run(ctx, git.Command{Args: append([]string{"-C", folder}, args...), Timeout: copyTimeout, Progress: say})
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// Whoever a container runs as may read and push.
	if err := run("init", "--quiet", "--bare", "--shared=0777"); err != nil {
		return err
	}
	if err := run("config", "uploadpack.allowAnySHA1InWant", "true"); err != nil {
		return err
	}
	if err := run(s.fetch(s.commits())...); err != nil {
		if named := run(s.fetch(s.names())...); named != nil {
			return fmt.Errorf("%w; %w", err, named)
		}
	}
	if s.Made != "" {
		if err := run("fetch", "--quiet", "--no-tags", "--", s.Made, madeRef+":"+pullRef(s.Refs.Pulls[0].Number)); err != nil {
			return err
		}
	}
	return s.pin(run)
}

func pullRef(number int) string { return fmt.Sprintf("refs/pull/%d/head", number) }

// fetch is git's command line; an origin that is shallow makes a shallow copy.
func (s Source) fetch(specs []string) []string {
	args := []string{"fetch", "--quiet", "--no-tags", "--update-shallow", "--", s.Repository.URL}
	return append(append(args, specs...), "+refs/tags/*:refs/tags/*")
}

// commits are refspecs that name what was resolved.
func (s Source) commits() []string {
	specs := []string{"+" + s.Refs.BaseSHA + ":refs/heads/" + s.Refs.BaseRef}
	if s.Made != "" {
		return specs
	}
	for _, pull := range s.Refs.Pulls {
		specs = append(specs, "+"+pull.SHA+":"+pullRef(pull.Number))
	}
	return specs
}

// names are refspecs for a server that hands out only what a ref names.
func (s Source) names() []string {
	specs := []string{"+refs/heads/" + s.Refs.BaseRef + ":refs/heads/" + s.Refs.BaseRef}
	for _, pull := range s.Refs.Pulls {
		from := pullRef(pull.Number)
		if pull.HeadRef != "" {
			from = pull.HeadRef
		}
		specs = append(specs, "+"+from+":"+pullRef(pull.Number))
	}
	return specs
}

// pin sets the refs to the very commits that were resolved.
func (s Source) pin(run func(args ...string) error) error {
	if err := run("update-ref", "refs/heads/"+s.Refs.BaseRef, s.Refs.BaseSHA); err != nil {
		return fmt.Errorf("no branch holds commit %s any more, or it was never pushed: %w", s.Refs.BaseSHA, err)
	}
	if err := run("symbolic-ref", "HEAD", "refs/heads/"+s.Refs.BaseRef); err != nil {
		return err
	}
	for _, pull := range s.Refs.Pulls {
		if err := run("update-ref", pullRef(pull.Number), pull.SHA); err != nil {
			return fmt.Errorf("pull request %d has no commit %s, or was pushed over: %w", pull.Number, pull.SHA, err)
		}
	}
	return nil
}

// holds checks that the job will find its commits, since clonerefs looks for a
// missing one for a minute.
func (c Copy) holds(ctx context.Context, s Source) error {
	commits := []string{s.Refs.BaseSHA}
	for _, pull := range s.Refs.Pulls {
		commits = append(commits, pull.SHA)
	}
	for _, commit := range commits {
		if _, err := c.git(ctx, "cat-file", "-e", commit+"^{commit}"); err != nil {
			return fmt.Errorf("%s has no commit %s: %w", c.From, commit, err)
		}
	}
	return nil
}

func (c Copy) git(ctx context.Context, args ...string) (string, error) {
	return git.Run(ctx, git.Command{Args: append([]string{"--git-dir", c.Folder}, args...)})
}

func (c Copy) listTags(ctx context.Context) ([]string, error) {
	out, err := c.git(ctx, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags")
	return strings.Fields(out), err
}

// NewTags are the tags that the job has made since, sorted.
func (c Copy) NewTags(ctx context.Context) ([]string, error) {
	now, err := c.listTags(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tags of %s: %w", c.Folder, err)
	}
	return slices.DeleteFunc(now, func(tag string) bool { return slices.Contains(c.tags, tag) }), nil
}

// writeGitConfig writes the configuration by which git in a container reads the
// repositories at the mounts though somebody else owns them. git tells the program
// at the other end of a file:// URL nothing by GIT_CONFIG_COUNT, hence a file.
func writeGitConfig(file string, sources []Source) error {
	text := "[include]\n\tpath = /etc/gitconfig\n[safe]\n"
	for _, s := range sources {
		text += fmt.Sprintf("\tdirectory = %s\n", s.Mount())
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// CopyAll makes what the containers of a job see of its sources below output.
func CopyAll(ctx context.Context, sources []Source, output string, say func(string)) ([]Copy, error) {
	var copies []Copy
	for _, s := range sources {
		c, err := s.Copy(ctx, gitFolder(output), say)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	return copies, writeGitConfig(gitConfig(output), sources)
}

// Discard removes the copies of a run that did not begin, so that it can be tried
// again in the same folder.
func Discard(plan Plan) error {
	if _, err := os.Stat(filepath.Join(plan.Output, prowapi.ProwJobFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(gitFolder(plan.Output)); err != nil {
		return fmt.Errorf("remove the copies of a run that did not begin: %w", err)
	}
	_ = os.Remove(plan.Output) // it stays if anything else is in it
	return nil
}

func gitFolder(output string) string { return filepath.Join(output, "git") }
func gitConfig(output string) string { return filepath.Join(output, "git", "config") }

package tagsign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/version"
)

// ErrNotFound is a tag that the remote does not have.
var ErrNotFound = errors.New("there is no such tag; push it first")

// Fetch returns the tag object that the remote's ref refs/tags/NAME points at, byte for
// byte, and its hash, which it checks. A lightweight tag is ErrUnsigned. progress is told
// of what takes long; nil is nobody.
func Fetch(ctx context.Context, url, name string, progress func(message string)) (object []byte, hash string, err error) {
	f := fetcher{url: url, ref: "refs/tags/" + name, progress: progress}
	if object, hash, err = f.fetch(ctx); err != nil {
		return nil, "", fmt.Errorf("fetch tag %s of %s: %w", name, git.Shown(url), err)
	}
	return object, hash, nil
}

type fetcher struct {
	url, ref string
	dir      string // a bare repository of its own
	progress func(string)
}

func (f fetcher) fetch(ctx context.Context) (object []byte, hash string, err error) {
	if f.dir, err = os.MkdirTemp("", "slipway-tag-"); err != nil {
		return nil, "", err
	}
	defer func() { _ = os.RemoveAll(f.dir) }()
	if _, err := f.git(ctx, "check-ref-format", f.ref); err != nil {
		return nil, "", fmt.Errorf("%s is no name of a ref", f.ref)
	}
	listed, err := f.list(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := f.bring(ctx, listed.Object); err != nil {
		return nil, "", err
	}
	return f.read(ctx)
}

// list looks before anything is fetched: what is no tag object needs no repository, and
// the hash tells which kind of repository it needs.
func (f fetcher) list(ctx context.Context) (version.Ref, error) {
	refs, err := gitrefs.New(f.url, "").List(ctx, []string{f.ref})
	if err != nil {
		return version.Ref{}, err
	}
	for _, ref := range refs {
		switch {
		case ref.Name != f.ref:
		case ref.Object == ref.Peeled:
			return version.Ref{}, ErrUnsigned
		default:
			return ref, nil
		}
	}
	return version.Ref{}, ErrNotFound
}

// bring fetches the tag, with as little of its commit as the remote knows to leave out.
func (f fetcher) bring(ctx context.Context, like string) error {
	algorithm := "sha1"
	if len(like) == 64 {
		algorithm = "sha256"
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--object-format=" + algorithm},
		{"remote", "add", "--", "origin", f.url},
		{"fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "origin", "+" + f.ref + ":" + f.ref},
	} {
		if _, err := f.git(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// read takes the object out of the repository. It is what came, not what was listed: the
// ref may have moved in between.
func (f fetcher) read(ctx context.Context) (object []byte, hash string, err error) {
	if hash, err = f.git(ctx, "rev-parse", "--verify", f.ref); err != nil {
		return nil, "", err
	}
	size, err := f.git(ctx, "cat-file", "-s", hash)
	if err != nil {
		return nil, "", err
	}
	if n, err := strconv.Atoi(size); err != nil || n > maxObject {
		return nil, "", fmt.Errorf("the object has %s bytes; a tag has %d at most", size, maxObject)
	}
	ctx, cancel := context.WithTimeout(ctx, git.Timeout)
	defer cancel()
	object, err = exec.Output(ctx, exec.Cmd{ // whole: git.Run trims what it returns
		Args: []string{"git", "--git-dir", f.dir, "cat-file", "tag", hash}, Env: git.Environment(),
	})
	if err == nil && hashLike(hash, "tag", object) != hash {
		err = fmt.Errorf("object %s came with other bytes; fetch it again", hash)
	}
	return object, hash, err
}

// git runs in the caller's folder, which a URL that is a path may count from.
func (f fetcher) git(ctx context.Context, args ...string) (string, error) {
	return git.Run(ctx, git.Command{Args: append([]string{"--git-dir", f.dir}, args...), Progress: f.progress})
}

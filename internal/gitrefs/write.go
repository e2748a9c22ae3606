package gitrefs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"time"

	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/version"
)

// pushAttempts is how often a push is tried that the remote's locks held up.
const pushAttempts = 20

// contention is what git says when another push of the same moment was in the way.
var contention = regexp.MustCompile(
	`cannot lock|(unable|failed) to lock|\.lock'|failed to (update|delete) ref|already exists|stale info|incorrect old value`)

// Create makes a tag object and pushes it to the new ref name.
func (r *Remote) Create(ctx context.Context, name string, tag version.TagObject) (string, error) {
	dir, err := r.repository(ctx, tag.Commit)
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	object, err := makeTag(ctx, dir, tag.WithDefaults())
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	err = r.push(ctx, dir, push{ref: name, object: object, settled: func(current string) (bool, error) {
		if current != "" && current != object {
			return true, version.ErrExists
		}
		return current == object, nil
	}})
	if err != nil {
		return "", fmt.Errorf("create %s: %w", name, err)
	}
	return object, nil
}

// Delete removes the ref name if it holds object.
func (r *Remote) Delete(ctx context.Context, name, object string) error {
	dir, err := r.repository(ctx, "")
	if err == nil {
		err = r.push(ctx, dir, push{ref: name, expect: object, settled: func(current string) (bool, error) {
			if current != "" && current != object {
				return true, fmt.Errorf("it points at %s, not at %s, and is left alone", current, object)
			}
			return current == "", nil
		}})
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// makeTag writes an annotated tag object; git checks its form and its commit.
func makeTag(ctx context.Context, dir string, tag version.TagObject) (string, error) {
	text := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger %s <%s> %d +0000\n\n%s\n",
		tag.Commit, tag.Name, tag.Tagger.Name, tag.Tagger.Email, tag.Time.Unix(), strings.TrimSpace(tag.Message))
	object, err := run(ctx, dir, text, "mktag")
	if err != nil {
		return "", fmt.Errorf("make a tag of %s in %s, which must hold that commit: %w", tag.Commit, dir, err)
	}
	return object, nil
}

// push is one change of one ref: from what is expected to an object. An empty
// hash is no ref.
type push struct {
	ref, expect, object string
	// settled looks at what the ref holds after a failed push, which may be the
	// doing of this push or of another: either way, is there nothing left to try?
	settled func(current string) (bool, error)
}

// push changes a ref, and tries again while other pushes hold the remote's locks.
// Git's words only tell whether to try again; what happened is read from the remote.
func (r *Remote) push(ctx context.Context, dir string, p push) error {
	for attempt := 1; ; attempt++ {
		err := r.pushOnce(ctx, dir, p)
		if err == nil {
			return nil
		}
		current, listErr := r.holds(ctx, p.ref)
		if listErr != nil {
			return err
		}
		if done, verdict := p.settled(current); done {
			return verdict
		}
		if attempt == pushAttempts || !contention.MatchString(err.Error()) {
			return err
		}
		if err := sleep(ctx, rand.N(time.Duration(attempt)*20*time.Millisecond)); err != nil {
			return err
		}
	}
}

func (r *Remote) pushOnce(ctx context.Context, dir string, p push) error {
	out, err := run(ctx, dir, "", "push", "--porcelain", "--no-progress", "--no-verify", "--no-follow-tags",
		"--no-signed", "--recurse-submodules=no", "--force-with-lease="+p.ref+":"+p.expect,
		"--", r.url, p.object+":"+p.ref)
	if err == nil {
		return nil
	}
	if reason := rejection(out); reason != "" {
		return &refusal{remote: git.Shown(r.url), reason: reason, err: err}
	}
	return fmt.Errorf("push to %s: %w", git.Shown(r.url), err)
}

// rejection is the reason of the line of a porcelain push that was rejected:
// "!\tFROM:TO\t[remote rejected] (hook declined)".
func rejection(out string) string {
	for line := range strings.Lines(out) {
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(fields) == 3 && fields[0] == "!" {
			return fields[2]
		}
	}
	return ""
}

// refusal is a remote that answered a push with no.
type refusal struct {
	remote, reason string
	err            error // what git wrote to standard error, with the remote's own words
}

func (e *refusal) Error() string {
	msg := fmt.Sprintf("%s refused: %s", e.remote, e.reason)
	var said *git.Error
	if errors.As(e.err, &said) && said.Said != "" {
		msg += ": " + said.Said
	}
	return msg + "; let this account create and delete such refs there"
}

func (e *refusal) Unwrap() error { return e.err }

// holds is the object that a ref of the remote points at, or "" if there is no such ref.
func (r *Remote) holds(ctx context.Context, name string) (string, error) {
	refs, err := r.List(ctx, []string{name})
	if err != nil {
		return "", err
	}
	for _, ref := range refs {
		if ref.Name == name {
			return ref.Object, nil
		}
	}
	return "", nil
}

// repository is where tag objects are made: the caller's, or a scratch one that
// holds just the commit.
func (r *Remote) repository(ctx context.Context, commit string) (string, error) {
	if r.gitDir != "" {
		return r.gitDir, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scratch == "" {
		dir, err := newScratch(ctx, r.url)
		if err != nil {
			return "", err
		}
		r.scratch = dir
	}
	if commit == "" || r.fetched[commit] {
		return r.scratch, nil
	}
	_, err := run(ctx, r.scratch, "", "fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "origin", commit)
	if err != nil {
		return "", fmt.Errorf("fetch commit %s from %s: %w", commit, git.Shown(r.url), err)
	}
	r.fetched[commit] = true
	return r.scratch, nil
}

// newScratch makes an empty repository. With push.negotiate a push from it asks
// which commits the remote has, and so sends the tag alone, not the commit's tree.
func newScratch(ctx context.Context, url string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "slipway-refs-"); err != nil {
		return "", fmt.Errorf("make a scratch repository: %w", err)
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare"},
		{"config", "push.negotiate", "true"},
		{"remote", "add", "--", "origin", url},
	} {
		if _, err := run(ctx, dir, "", args...); err != nil {
			return "", errors.Join(fmt.Errorf("make a scratch repository: %w", err), os.RemoveAll(dir))
		}
	}
	return dir, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/exec"
)

// zeroSHA is what git and GitHub write for "no object".
const zeroSHA = "0000000000000000000000000000000000000000"

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// gitRepo is a bare repository on disk, driven by git itself.
type gitRepo struct {
	dir string
	mu  sync.Mutex // one ref change at a time from here; git's own locks hold off pushes
}

// openGit takes dir as it is, or makes a bare repository of it.
func openGit(ctx context.Context, dir, defaultBranch string) (*gitRepo, error) {
	g := &gitRepo{dir: dir}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return g, nil
	}
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		return nil, fmt.Errorf("open %s: it is a work tree; name a bare repository (git clone --bare)", dir)
	}
	args := []string{"git", "init", "--quiet", "--bare", "--initial-branch", defaultBranch, dir}
	if err := exec.Run(ctx, exec.Cmd{Args: args}); err != nil {
		return nil, fmt.Errorf("make repository %s: %w", dir, err)
	}
	return g, nil
}

// git runs git in the repository.
func (g *gitRepo) git(ctx context.Context, stdin string, args ...string) (string, error) {
	out, err := exec.Output(ctx, exec.Cmd{
		Args:  append([]string{"git", "--git-dir", g.dir}, args...),
		Env:   append(os.Environ(), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1"),
		Stdin: strings.NewReader(stdin),
	})
	return string(out), err
}

// object is an object of the repository.
type object struct {
	SHA, Type string
}

// lookup finds the first of the names that git knows, as "main^{commit}" or a hash.
func (g *gitRepo) lookup(ctx context.Context, names ...string) (object, bool, error) {
	if strings.ContainsAny(strings.Join(names, ""), "\n") {
		return object{}, false, nil
	}
	out, err := g.git(ctx, strings.Join(names, "\n")+"\n", "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return object{}, false, err
	}
	for line := range strings.Lines(out) {
		sha, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		if fullSHA.MatchString(sha) && kind != "missing" {
			return object{sha, kind}, true, nil
		}
	}
	return object{}, false, nil
}

// read returns an object's content if it is there and of the type.
func (g *gitRepo) read(ctx context.Context, kind, sha string) (string, error) {
	found, ok, err := g.lookup(ctx, sha)
	if err != nil {
		return "", err
	}
	if !ok || found.Type != kind || !fullSHA.MatchString(sha) {
		return "", notFound()
	}
	return g.git(ctx, "", "cat-file", kind, sha)
}

// gitRef is a ref and what it points to.
type gitRef struct {
	Name string // refs/heads/main
	object
}

// refs lists the refs that one of the patterns of for-each-ref matches, by name.
func (g *gitRepo) refs(ctx context.Context, patterns ...string) ([]gitRef, error) {
	args := append([]string{"for-each-ref", "--format=%(refname) %(objectname) %(objecttype)"}, patterns...)
	out, err := g.git(ctx, "", args...)
	if err != nil {
		return nil, err
	}
	var refs []gitRef
	for line := range strings.Lines(out) {
		var r gitRef
		if _, err := fmt.Sscan(line, &r.Name, &r.SHA, &r.Type); err != nil {
			return nil, fmt.Errorf("read git's list of refs: %q: %w", line, err)
		}
		refs = append(refs, r)
	}
	return refs, nil
}

// ref finds the ref of exactly that name.
func (g *gitRepo) ref(ctx context.Context, name string) (gitRef, bool, error) {
	if !literal(name) {
		return gitRef{}, false, nil
	}
	refs, err := g.refs(ctx, name)
	for _, r := range refs {
		if r.Name == name {
			return r, true, nil
		}
	}
	return gitRef{}, false, err
}

// withPrefix lists the refs whose names begin with prefix, whole path elements or not.
func (g *gitRepo) withPrefix(ctx context.Context, prefix string) ([]gitRef, error) {
	if !literal(prefix) {
		return nil, nil
	}
	return g.refs(ctx, prefix+"*", prefix+"*/**")
}

// literal says that no character of a ref's name means something to git's patterns or
// to its revision syntax; git refuses such names anyway.
func literal(name string) bool {
	return !strings.ContainsAny(name, "*?[\\ \n~^:") && !strings.Contains(name, "@{")
}

// isLoose says whether git keeps the ref in a file of its own; if not, it may still be packed.
func (g *gitRepo) isLoose(name string) bool {
	info, err := os.Lstat(filepath.Join(g.dir, name))
	return err == nil && info.Mode().IsRegular()
}

// errLostRace is a ref that was not what update expected.
var errLostRace = errors.New("the ref has changed")

// update moves a ref from before to after at once or not at all: zeroSHA as old makes it, as
// zeroSHA after deletes it. errLostRace is a ref that is not at before.
func (g *gitRepo) update(ctx context.Context, name, after, before string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	args := []string{"update-ref", name, after, before}
	if after == zeroSHA {
		args = []string{"update-ref", "-d", name, before}
	}
	for {
		_, err := g.git(ctx, "", args...)
		if err == nil {
			return nil
		}
		now, ok, lookErr := g.ref(ctx, name)
		if !ok {
			now.SHA = zeroSHA
		}
		switch {
		case lookErr != nil:
			return errors.Join(err, lookErr)
		case now.SHA != before:
			return errLostRace
		case !isLocked(err):
			return err
		}
	}
}

// isLocked says that a push holds the ref; ctx bounds how often we ask again.
func isLocked(err error) bool {
	failed, ok := errors.AsType[*exec.Error](err)
	return ok && strings.Contains(failed.Stderr, ".lock': File exists") && !errors.Is(err, context.DeadlineExceeded)
}

// isAncestor says whether everything in before is in after.
func (g *gitRepo) isAncestor(ctx context.Context, before, after string) (bool, error) {
	_, err := g.git(ctx, "", "merge-base", "--is-ancestor", before, after)
	if exec.ExitCode(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

// headers splits a commit or tag object into its header lines and its message.
func headers(content string) (map[string][]string, string) {
	head, message, _ := strings.Cut(content, "\n\n")
	fields := map[string][]string{}
	for _, line := range strings.Split(head, "\n") {
		name, value, _ := strings.Cut(line, " ")
		fields[name] = append(fields[name], value)
	}
	return fields, message
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func trimLine(out string) string { return string(bytes.TrimSpace([]byte(out))) }

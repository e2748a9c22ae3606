package gitrefs

import (
	"context"
	"fmt"
	"regexp"

	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/version"
)

var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// ResolveRef returns the commit that ref names at the remote url, once, so that a
// build can name it instead of a ref that moves. ref is a branch, a tag, a full
// name or HEAD. An annotated tag is peeled; a branch and a tag of one name that
// differ are an error.
func ResolveRef(ctx context.Context, url, ref string) (string, error) {
	if fullHash.MatchString(ref) {
		return "", fmt.Errorf("resolve %s: it is a commit, not a ref; give it as --commit", ref)
	}
	names := []string{"refs/heads/" + ref, "refs/tags/" + ref, ref}
	found, err := New(url, "").List(ctx, names)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", ref, err)
	}
	return pick(git.Shown(url), ref, names, found)
}

// pick chooses the first of names that was found, if no other disagrees.
func pick(remote, ref string, names []string, found []version.Ref) (string, error) {
	var chosen version.Ref
	for _, name := range names {
		for _, candidate := range found {
			switch {
			case candidate.Name != name:
			case chosen.Name == "":
				chosen = candidate
			case candidate.Peeled != chosen.Peeled:
				return "", fmt.Errorf("resolve %s: %s has both %s (%s) and %s (%s); say which by its full name",
					ref, remote, chosen.Name, chosen.Peeled, candidate.Name, candidate.Peeled)
			}
		}
	}
	if chosen.Name == "" {
		return "", fmt.Errorf("resolve %s: %s has no branch, tag or ref of that name; see git ls-remote %s", ref, remote, remote)
	}
	return chosen.Peeled, nil
}

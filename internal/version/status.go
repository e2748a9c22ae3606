package version

import (
	"context"
	"errors"
	"fmt"
)

// Status is how a version stands in a repository. A ref without a name is not there.
type Status struct{ Tag, Claim Ref }

// StatusOf looks up v's tag and claim.
func StatusOf(ctx context.Context, refs Refs, v Version) (Status, error) {
	seen, err := look(ctx, refs, TagRef(v), ClaimRef(v))
	if err != nil {
		return Status{}, err
	}
	var s Status
	s.Tag, _ = seen.tag(v)
	for _, c := range seen.claims {
		if c.Version == v {
			s.Claim = c.Ref
		}
	}
	return s, nil
}

// ErrTaken is a version that another commit has.
var ErrTaken = errors.New("the version is another commit's")

// Hold returns commit's claim of v, which an earlier run made, and makes it again
// if somebody removed it. A version that is another commit's by now is an error.
func Hold(ctx context.Context, refs Refs, v Version, commit string) (Claimed, error) {
	s, err := StatusOf(ctx, refs, v)
	if err != nil {
		return Claimed{}, err
	}
	for _, ref := range []Ref{s.Tag, s.Claim} {
		if ref.Name != "" && ref.Peeled != commit {
			return Claimed{}, fmt.Errorf("hold version %v for %s: %w: %s names %s; release the commit anew with --rebuild",
				v, commit, ErrTaken, ref.Name, ref.Peeled)
		}
	}
	if s.Claim.Name != "" {
		return Claimed{Version: v, Ref: s.Claim, Adopted: true}, nil
	}
	c := claimer{refs: refs, req: ClaimRequest{Commit: commit}.withDefaults()}
	object, err := refs.Create(ctx, ClaimRef(v), c.claimObject(v))
	if errors.Is(err, ErrExists) {
		return Hold(ctx, refs, v, commit)
	}
	if err != nil {
		return Claimed{}, fmt.Errorf("claim version %v again: %w", v, err)
	}
	return Claimed{Version: v, Ref: Ref{Name: ClaimRef(v), Object: object, Peeled: commit}}, nil
}

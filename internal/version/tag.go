package version

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Tag makes v's annotated tag on commit. A tag that is there already and names the
// same commit is as good; one that names another is an error.
func Tag(ctx context.Context, refs Refs, v Version, commit, message string) error {
	if err := checkCommit(commit); err != nil {
		return err
	}
	_, err := refs.Create(ctx, TagRef(v), TagObject{Commit: commit, Name: v.String(), Message: message})
	if errors.Is(err, ErrExists) {
		err = checkTag(ctx, refs, v, commit)
	}
	if err != nil {
		return fmt.Errorf("tag %s as %v: %w", commit, v, err)
	}
	return nil
}

func checkTag(ctx context.Context, refs Refs, v Version, commit string) error {
	seen, err := look(ctx, refs, TagRef(v))
	if err != nil {
		return err
	}
	tag, ok := seen.tag(v)
	switch {
	case !ok:
		return fmt.Errorf("%s existed a moment ago and is gone; run again", TagRef(v))
	case tag.Peeled != commit:
		return fmt.Errorf("the tag exists and names commit %s; a version is never used twice, so claim a new one", tag.Peeled)
	}
	return nil
}

// Drop gives a claim back: once its tag stands, or when nothing was made of it.
// A claim that is gone already is no error.
func Drop(ctx context.Context, refs Refs, claimed Claimed) error {
	if err := refs.Delete(ctx, ClaimRef(claimed.Version), claimed.Ref.Object); err != nil {
		return fmt.Errorf("drop the claim of version %v: %w", claimed.Version, err)
	}
	return nil
}

// Tagged is a version and the ref of its tag.
type Tagged struct {
	Version Version
	Ref     Ref // Ref.Name may spell the number otherwise: refs/tags/20200101.1
}

// List returns every version tag of a repository, the oldest first.
func List(ctx context.Context, refs Refs) ([]Tagged, error) {
	seen, err := look(ctx, refs, tagPrefix)
	if err != nil {
		return nil, err
	}
	tagged := make([]Tagged, len(seen.tags))
	for i, t := range seen.tags {
		tagged[i] = Tagged{t.Version, t.Ref}
	}
	slices.SortStableFunc(tagged, func(a, b Tagged) int { return a.Version.Compare(b.Version) })
	return tagged, nil
}

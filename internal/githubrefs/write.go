package githubrefs

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"slipway.dev/slipway/internal/version"
)

// Create makes a tag object and a ref to it. GitHub refuses a second ref of the name
// (422), also where the first was this call's own, whose answer was lost: so what the
// ref holds decides who won.
func (r *Refs) Create(ctx context.Context, name string, tag version.TagObject) (string, error) {
	object, err := r.createTag(ctx, tag.WithDefaults())
	if err != nil {
		return "", err
	}
	_, err = r.call(ctx, "create "+name, func(ctx context.Context) (*github.Response, error) {
		_, resp, err := r.git.CreateRef(ctx, r.owner, r.repo,
			&github.Reference{Ref: &name, Object: &github.GitObject{SHA: &object}})
		return resp, err
	})
	if err == nil {
		return object, nil
	}
	if status(err) != http.StatusUnprocessableEntity {
		return "", err
	}
	holds, lookErr := r.holds(ctx, name)
	switch {
	case lookErr != nil:
		return "", lookErr
	case holds == object:
		return object, nil
	case holds != "" || strings.Contains(err.Error(), "already exists"):
		return "", fmt.Errorf("create %s: %w", name, version.ErrExists)
	}
	return "", err
}

func (r *Refs) createTag(ctx context.Context, tag version.TagObject) (string, error) {
	request := &github.Tag{
		Tag:     &tag.Name,
		Message: &tag.Message,
		Tagger: &github.CommitAuthor{
			Name: &tag.Tagger.Name, Email: &tag.Tagger.Email, Date: &github.Timestamp{Time: tag.Time.UTC()},
		},
		Object: &github.GitObject{SHA: &tag.Commit, Type: github.String("commit")},
	}
	var made *github.Tag
	_, err := r.call(ctx, "create a tag of "+tag.Commit, func(ctx context.Context) (resp *github.Response, err error) {
		made, resp, err = r.git.CreateTag(ctx, r.owner, r.repo, request)
		return resp, err
	})
	return made.GetSHA(), err
}

// Delete removes the ref name if it holds object. GitHub has no such condition, so
// the ref is read first. Between the two another run can put a claim of its own in
// the place of ours only if a third dropped ours without a tag; the worst is then that
// its version must be claimed again, since the release and the tag are created only
// if absent.
func (r *Refs) Delete(ctx context.Context, name, object string) error {
	holds, err := r.holds(ctx, name)
	if err != nil || holds == "" {
		return err
	}
	if holds != object {
		return fmt.Errorf("delete %s: it points at %s, not at %s, and is left alone", name, holds, object)
	}
	_, err = r.call(ctx, "delete "+name, func(ctx context.Context) (*github.Response, error) {
		return r.git.DeleteRef(ctx, r.owner, r.repo, name)
	})
	if code := status(err); code == http.StatusUnprocessableEntity || code == http.StatusNotFound {
		if now, lookErr := r.holds(ctx, name); lookErr == nil && now == "" {
			return nil // gone already: another run's doing, or ours with a lost answer
		}
	}
	return err
}

// holds is the object that a ref points at, or "" if there is no such ref.
func (r *Refs) holds(ctx context.Context, name string) (string, error) {
	var ref *github.Reference
	_, err := r.call(ctx, "read "+name, func(ctx context.Context) (resp *github.Response, err error) {
		ref, resp, err = r.git.GetRef(ctx, r.owner, r.repo, name)
		return resp, err
	})
	if status(err) == http.StatusNotFound {
		return "", nil
	}
	return ref.GetObject().GetSHA(), err
}

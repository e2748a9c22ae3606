package releasecmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"slipway.dev/slipway/internal/checkout"
	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
)

// newer is the state of a channel that holds the image of a later commit already.
const newer promotion.State = "newer"

// rounds is how often a release tries to enter a channel that others move meanwhile.
const rounds = 10

// enter moves the channel to the digest, unless it holds a later commit's. What it held
// is looked at after the plan was made: who moves it in between takes the ledger's next
// number, and the plan comes to nothing.
func (r *releasing) enter(ctx context.Context, digest string) error {
	var err error
	for range rounds {
		var again bool
		if again, err = r.tryEnter(ctx, digest); !again {
			return err
		}
	}
	return fmt.Errorf("%w; others kept moving %s, try again", err, r.channel())
}

// tryEnter says whether the plan has to be made again.
func (r *releasing) tryEnter(ctx context.Context, digest string) (again bool, err error) {
	plan, err := r.plan(ctx, digest)
	if err != nil {
		return false, err
	}
	step := plan.Steps[0]
	r.done.State, r.done.Holds = step.State, step.Holds
	switch step.State {
	case promotion.Open:
		err := r.promoter.Resume(ctx, []string{r.channel()})
		return err == nil || errors.Is(err, lease.ErrAlive) || errors.Is(err, ledger.ErrRaced), err
	case promotion.Current:
		return false, nil
	}
	later, err := r.holdsLater(ctx, step.Holds)
	if err != nil || later != "" {
		if later != "" {
			r.done.State = newer
			r.say(fmt.Sprintf("%s holds commit %s already, which came after this one; it stays", r.channel(), later))
		}
		return false, err
	}
	err = r.promoter.Apply(ctx, plan)
	r.done.State = step.State
	return errors.Is(err, ledger.ErrRaced), err
}

func (r *releasing) plan(ctx context.Context, digest string) (*promotion.Plan, error) {
	return r.promoter.Plan(ctx, promotion.Order{
		Requests: []promotion.Request{{Channel: r.channel(), Digest: digest}},
		Why:      "commit " + r.source.commit + " was merged",
	})
}

// holdsLater is the commit of what the channel holds, if it came after this one.
func (r *releasing) holdsLater(ctx context.Context, holds string) (commit string, err error) {
	if holds == "" {
		return "", nil
	}
	if commit, err = r.commitOf(ctx, holds); err != nil || commit == "" || commit == r.source.commit {
		return "", err
	}
	if err := r.source.seek(ctx, commit); err != nil {
		return "", fmt.Errorf("%s holds an image of a commit that is not known here, so that nobody can say which is the later: %w; "+
			"run it again where the branch's newest commits are, or order it yourself: slipway promotion apply %s@%s", r.channel(), err, r.channel(), r.done.Digest)
	}
	later, err := r.source.isAncestor(ctx, r.source.commit, commit)
	if err != nil || !later {
		return "", err
	}
	return commit, nil
}

// commitOf is the commit that an image's index names; empty if it names none.
func (r *releasing) commitOf(ctx context.Context, digest string) (string, error) {
	manifest, err := r.client.Manifest(ctx, r.location, digest)
	if errors.Is(err, oci.ErrAbsent) {
		r.say(fmt.Sprintf("%s holds %s, which the registry does not have", r.channel(), digest))
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var body struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(manifest.Raw, &body); err != nil {
		return "", fmt.Errorf("read index %s: %w", digest, err)
	}
	commit := body.Annotations[revision]
	if !checkout.IsFullHash(commit) {
		r.say(fmt.Sprintf("%s holds %s, which names no commit; this one is taken for the later", r.channel(), digest))
		return "", nil
	}
	return commit, nil
}

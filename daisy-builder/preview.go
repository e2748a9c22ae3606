package daisybuilder

import (
	"context"
	"slices"

	"slipway.dev/slipway/internal/version"
)

// Preview is what Create would do, as far as it can be known before.
type Preview struct {
	Commit  string          `json:"commit"`
	Version version.Version `json:"version"` // the commit's, or what the next claim would get
	Targets []string        `json:"targets"`
	Done    []string        `json:"done,omitempty"` // targets that an earlier run built
	Already bool            `json:"already"`        // released before: nothing would be built
}

// Look says what Create would do, and changes nothing.
func Look(ctx context.Context, c Config) (Preview, error) {
	slices.Sort(c.Targets)
	p := Preview{Commit: c.Commit, Targets: c.Targets}
	record, _, found, err := c.Records.Commit(ctx, c.Commit)
	if err != nil {
		return p, err
	}
	if found {
		p.Version = record.Version
		_, p.Already, err = c.Records.Release(ctx, record.Version)
	}
	other := found && c.sameTargets(record) != nil
	switch {
	case err != nil:
		return p, err
	case other && !c.Rebuild:
		return p, c.sameTargets(record)
	case !found:
		p.Version, err = c.peek(ctx, c.Commit, version.Version{})
	case c.Rebuild && (p.Already || other):
		p.Already = false
		p.Version, err = c.peek(ctx, "", record.Version) // the commit's own claim will be gone
	}
	if err != nil || p.Already {
		return p, err
	}
	for _, name := range c.Targets {
		_, done, err := c.Records.Target(ctx, p.Version, name)
		if err != nil {
			return p, err
		}
		if done {
			p.Done = append(p.Done, name)
		}
	}
	return p, nil
}

func (c Config) peek(ctx context.Context, commit string, above version.Version) (version.Version, error) {
	return version.Peek(ctx, c.Refs, version.ClaimRequest{Commit: commit, Now: c.Now, FollowFuture: c.FollowFuture, Floor: above})
}

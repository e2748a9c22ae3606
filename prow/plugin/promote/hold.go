package promote

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/store"
)

// hold stops the thread's requests, or lets them go again.
func (s *said) hold(ctx context.Context) (string, error) {
	all, err := s.open()
	if err != nil {
		return "", err
	}
	h := held{By: s.who(), Comment: s.comment.HTMLURL, ID: s.comment.ID, Index: s.index, At: s.at()}
	if s.command.Args == "cancel" {
		h.Release = true
	} else if h.Reason, err = reasonOf(s.command.Args); err != nil {
		return "", refuse("%v, as in `/%s it breaks the network`; `/%s cancel` ends it", err, cmdHold, cmdHold)
	}
	for _, r := range all {
		if err := s.holdOne(ctx, r, h); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (s *said) holdOne(ctx context.Context, r *request, h held) error {
	job, err := s.job(ctx, r)
	if err != nil {
		return err
	}
	if job != nil {
		return refuse("it is under way already; `/%s` takes it back", cmdRollback)
	}
	if h.Release {
		if err := s.mayRelease(ctx, r); err != nil {
			return err
		}
	}
	if err := store.CreateJSON(ctx, s.Store, r.key(h.kind()), h); err != nil {
		return err
	}
	r.hold(h)
	if h.Release {
		return nil
	}
	_, _, plan, err := s.plan(ctx, r)
	if err != nil {
		return err
	}
	return s.file(ctx, h.decision(plan.Hash)) // at once: the same plan may be asked for elsewhere
}

func (h held) kind() string {
	if h.Release {
		return fmt.Sprintf("release-%d-%d", h.ID, h.Index)
	}
	return fmt.Sprintf("hold-%d-%d", h.ID, h.Index)
}

func (h held) decision(plan string) decision.Decision {
	d := decision.Decision{Kind: decision.Hold, Plan: plan, By: h.By, Comment: h.Comment, At: h.At, Reason: h.Reason}
	if h.Release {
		d.Kind = decision.Release
	}
	return d
}

// hold notes a hold or release, once, in the order in which they were said.
func (r *request) hold(h held) {
	if !slices.Contains(r.holds, h) {
		r.holds = append(r.holds, h)
		slices.SortFunc(r.holds, func(a, b held) int { return cmp.Or(a.ID-b.ID, a.Index-b.Index) })
	}
}

// mayRelease refuses who is not the only one to hold it, nor might approve it. A hold is
// of the plan, so those of other threads count.
func (s *said) mayRelease(ctx context.Context, r *request) error {
	view, _, plan, err := s.plan(ctx, r)
	if err != nil {
		return err
	}
	all, err := s.decided(ctx, plan.Hash)
	if err != nil {
		return err
	}
	var holders []string
	for _, h := range r.holds {
		if !h.Release {
			holders = append(holders, h.By)
		}
	}
	for _, h := range decision.Stand(all).Holds {
		holders = append(holders, h.By)
	}
	if slices.ContainsFunc(holders, func(by string) bool { return !strings.EqualFold(by, s.who()) }) {
		return s.approver(view, plan)
	}
	return nil
}

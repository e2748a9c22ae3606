package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/gate"
)

// Plan says what would move, and what stands in its way. It changes nothing. A
// request that means nothing is an error; an edge that cannot be judged is a step
// set aside.
func (p *Promoter) Plan(ctx context.Context, o Order) (*Plan, error) {
	requests, err := p.requests(o)
	if err != nil {
		return nil, err
	}
	if len(requests) == 0 {
		return nil, errors.New("nothing is to be promoted; name a channel as in ARTIFACT/CHANNEL")
	}
	found, err := p.resolveAll(ctx, requests)
	if err != nil {
		return nil, err
	}
	if o.OnlyNew {
		found = slices.DeleteFunc(found, (*resolved).isIdle)
	}
	edges := make([]Edge, len(found))
	for i, f := range found {
		edges[i] = f.edge
	}
	plan := &Plan{Train: o.Train, requester: o.Requester, why: o.Why}
	if plan.Document, err = document(p.Config, o.Train, edges); err != nil {
		return nil, err
	}
	if plan.Hash, err = plan.Document.Hash(); err != nil {
		return nil, err
	}
	return plan, p.judgeAll(ctx, plan, found)
}

func (p *Promoter) resolveAll(ctx context.Context, requests []Request) ([]*resolved, error) {
	found := make([]*resolved, len(requests))
	seen := map[string]bool{}
	for _, r := range requests {
		if seen[r.Channel] {
			return nil, fmt.Errorf("%s is there twice", r.Channel)
		}
		seen[r.Channel] = true
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parallel())
	for i, r := range requests {
		group.Go(func() (err error) {
			found[i], err = p.resolve(ctx, r)
			return err
		})
	}
	return found, group.Wait()
}

// isIdle says that the channel holds what it would take, or that there is nothing yet.
func (f *resolved) isIdle() bool {
	holds, _ := f.target.Holds()
	_, open := f.target.Open()
	return !open && (f.edge.Digest == holds || errors.Is(f.err, errNothing))
}

func (p *Promoter) judgeAll(ctx context.Context, plan *Plan, found []*resolved) error {
	plan.Steps = make([]*Step, len(found))
	approvals := newApprovals(p, plan)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parallel())
	for i, f := range found {
		group.Go(func() error {
			plan.Steps[i] = p.judge(ctx, plan, f, approvals)
			return ctx.Err()
		})
	}
	return group.Wait()
}

// judge gives the step of an edge.
func (p *Promoter) judge(ctx context.Context, plan *Plan, f *resolved, approvals *approvals) *Step {
	step := &Step{Edge: f.edge, line: f.target}
	if f.err != nil {
		step.aside(f.err)
		return step
	}
	step.Holds, _ = f.target.Holds()
	if open, ok := f.target.Open(); ok {
		step.State = Open
		step.Problem = fmt.Sprintf("the run of %s at %s left its move to %s open", open.Who, open.Time, open.Digest)
		return step
	}
	if step.Holds == f.edge.Digest {
		step.State = Current
		return step
	}
	facts, err := p.facts(ctx, plan, f, approvals)
	if err != nil {
		step.aside(err)
		return step
	}
	step.Requirements, step.State = gate.Check(f.channel, facts), Held
	if gate.Met(step.Requirements) {
		step.State = Ready
	}
	step.Requests = p.wouldAsk(f.edge)
	return step
}

// facts gathers what the gate is judged by.
func (p *Promoter) facts(ctx context.Context, plan *Plan, f *resolved, approvals *approvals) (gate.Facts, error) {
	facts := gate.Facts{
		Now: p.now(), Digest: f.edge.Digest, Rollback: f.edge.Rollback, Source: f.source, Target: f.target,
		Results: map[string]gate.Result{}, Requester: plan.requester, Plan: plan.Hash,
	}
	for _, t := range f.channel.Gate.Tests {
		facts.Results[t.Name] = p.Proof.Result(ctx, f.edge.Digest, t)
	}
	if a := f.channel.Gate.Approvals; a != nil {
		given, err := approvals.of(ctx, *a)
		if err != nil {
			return gate.Facts{}, err
		}
		facts.Approvals = given
		if f.approver != nil {
			facts.Approvals = append(facts.Approvals[:len(given):len(given)], *f.approver)
		}
	}
	return facts, nil
}

// wouldAsk names the requests that apply makes, for people.
func (p *Promoter) wouldAsk(e Edge) []string {
	at := e.Location + "@" + e.Digest
	var asks []string
	switch {
	case e.Source != e.Location:
		asks = append(asks, "copy "+e.Source+"@"+e.Digest+" to "+e.Location)
	default:
		asks = append(asks, "read "+at)
	}
	asks = append(asks, "look at "+pointerName(e, e.channelPointer()))
	if e.Version != "" {
		asks = append(asks, "create "+pointerName(e, e.versionPointer()))
	}
	return append(asks, "point "+pointerName(e, e.channelPointer())+" to it")
}

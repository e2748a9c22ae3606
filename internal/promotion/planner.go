package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/gate"
	"slipway.dev/slipway/internal/ledger"
)

// Plan says what would move, and what stands in its way. It changes nothing. A
// request that means nothing is an error; an edge that cannot be judged is a step
// set aside. Of an edge that was judged little is kept, so that a plan may be over
// as many channels as there are.
func (p *Promoter) Plan(ctx context.Context, o Order) (*Plan, error) {
	requests, err := p.requests(o)
	if err != nil {
		return nil, err
	}
	if len(requests) == 0 {
		return nil, &RequestError{errors.New("nothing is to be promoted; name a channel as in ARTIFACT/CHANNEL")}
	}
	plan := &Plan{Train: o.Train, requester: o.Requester, why: o.Why}
	if plan.Steps, err = p.judgeAll(ctx, requests, o.OnlyNew); err != nil {
		return nil, err
	}
	if plan.Document, err = document(p.Config, o.Train, plan.Steps); err != nil {
		return nil, err
	}
	if plan.Hash, err = plan.Document.Hash(); err != nil {
		return nil, err
	}
	return plan, p.seekConsent(ctx, plan, plan.Steps)
}

// judgeAll gives the steps of the requests, without approvals. onlyNew leaves out
// those that have nothing to take.
func (p *Promoter) judgeAll(ctx context.Context, requests []Request, onlyNew bool) ([]*Step, error) {
	steps := make([]*Step, len(requests))
	seen := map[string]bool{}
	for _, r := range requests {
		if seen[r.Channel] {
			return nil, &RequestError{fmt.Errorf("%s is there twice", r.Channel)}
		}
		seen[r.Channel] = true
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parallel())
	for i, r := range requests {
		group.Go(func() error {
			f, err := p.resolve(ctx, r)
			if err == nil && !(onlyNew && f.isIdle()) {
				steps[i] = p.judge(ctx, f)
			}
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(steps, func(s *Step) bool { return s == nil }), err
}

// isIdle says that the channel holds what it would take, that there is nothing yet, or
// that what there is may not come back.
func (f *resolved) isIdle() bool {
	if f.err != nil {
		return errors.Is(f.err, errNothing)
	}
	holds, _ := f.target.Holds()
	_, open := f.target.Open()
	_, barred := f.target.Barred(f.edge.Digest)
	return !open && (f.edge.Digest == holds || barred)
}

// judge gives the step of an edge, by all but approvals.
func (p *Promoter) judge(ctx context.Context, f *resolved) *Step {
	edge := f.edge // without the rest of f, so that it goes
	step := &Step{Edge: &edge, approver: f.approver, line: f.target.Head()}
	if f.err != nil {
		step.aside(f.err)
		return step
	}
	step.Holds, _ = f.target.Holds()
	if open, ok := f.target.Open(); ok {
		step.State = Open
		step.Problem = fmt.Sprintf("the run of %s at %s left its move to %s open", open.Who, open.Time.Format(timeForm), open.Digest)
		return step
	}
	if step.Holds == f.edge.Digest && f.isNamed() {
		step.State = Current
		return step
	}
	step.spent = f.spent()
	step.judged = p.now()
	facts := gate.Facts{
		Now: p.now(), Digest: f.edge.Digest, Rollback: f.edge.Rollback, Source: f.source, Target: f.target,
		Results: map[string]gate.Result{},
	}
	for _, t := range f.channel.Gate.Tests {
		facts.Results[t.Name] = p.Proof.Result(ctx, f.edge.Digest, t)
	}
	step.require(gate.Check(f.channel, facts)...)
	return step
}

// isNamed says whether the digest has the version already that it is asked to have.
func (f *resolved) isNamed() bool {
	return f.edge.Version == "" || slices.ContainsFunc(f.target.Stays(), func(s ledger.Stay) bool {
		return s.Intent.Version == f.edge.Version && s.Done.Digest == f.edge.Digest
	})
}

// spent is when the channel last left the digest, or came to it and never left: what
// people approved before that was for then.
func (f *resolved) spent() (at time.Time) {
	stays := f.target.Stays()
	for i, stay := range stays {
		if stay.Done.Digest == f.edge.Digest {
			at = stays[min(i+1, len(stays)-1)].Done.Time
		}
	}
	return at
}

// require adds requirements, which decide whether the step is ready.
func (s *Step) require(more ...gate.Requirement) {
	s.Requirements = append(s.Requirements, more...)
	s.State = Held
	if gate.Met(s.Requirements) {
		s.State = Ready
	}
}

// seekConsent adds to the steps what their gates require of approvals. Those by
// signed statements are of the whole plan, and read once for each set of signers.
func (p *Promoter) seekConsent(ctx context.Context, plan *Plan, steps []*Step) error {
	known := map[string]gate.Consent{}
	for _, step := range steps {
		_, ch, err := p.Config.Channel(step.Channel())
		if err != nil {
			return err
		}
		wants := ch.Gate.Approvals
		if wants == nil || step.State != Ready && step.State != Held {
			continue
		}
		by := strings.Join(wants.Signers, " ")
		if _, ok := known[by]; !ok {
			c, err := p.Proof.Consent(ctx, plan.Hash, *wants)
			c.Now, c.Plan, c.Requester, c.Err = p.now(), plan.Hash, plan.requester, err
			known[by] = c
		}
		c := step.consent(known[by], p.Config.Person)
		step.Requirements = c.Thaw(ch.Gate, step.Requirements)
		step.require(append(c.Held(), c.Check(*wants))...)
	}
	return nil
}

// consent is what is known of the plan's approvals, and what is so of this step alone.
func (s *Step) consent(c gate.Consent, person func(string) string) gate.Consent {
	c.Spent, c.Person = s.spent, person
	if s.approver != nil {
		c.Given = append(slices.Clone(c.Given), *s.approver)
	}
	return c
}

// Explain notes in each step what applying it would ask of registries and stores.
func (p *Plan) Explain() {
	for _, step := range p.Steps {
		if step.State == Ready || step.State == Held {
			step.Requests = step.asks()
		}
	}
}

// asks names the requests that moving the edge makes, for people.
func (e Edge) asks() []string {
	asks := []string{"read " + e.Location + "@" + e.Digest}
	if e.Source != e.Location {
		asks[0] = "copy " + e.Source + "@" + e.Digest + " to " + e.Location
	}
	asks = append(asks, "look at "+pointerName(e, e.channelPointer()))
	if e.Version != "" {
		asks = append(asks, "create "+pointerName(e, e.versionPointer()))
	}
	return append(asks, "point "+pointerName(e, e.channelPointer())+" to it")
}

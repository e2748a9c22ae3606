package promote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/prow/configrepo"
)

// plan makes a request's plan, by the configuration as it is now.
func (p *Plugin) plan(ctx context.Context, r *request) (*configrepo.Snapshot, *promotion.Promoter, *promotion.Plan, error) {
	return p.planAt(ctx, r, 0)
}

// planAt is plan by a configuration of at most some age.
func (p *Plugin) planAt(ctx context.Context, r *request, age time.Duration) (*configrepo.Snapshot, *promotion.Promoter, *promotion.Plan, error) {
	view, err := p.view(ctx, age)
	if err != nil {
		return nil, nil, nil, err
	}
	promoter, err := p.Promoter(view.Channels)
	if err != nil {
		return nil, nil, nil, err
	}
	plan, err := promoter.Plan(ctx, r.Order)
	return view, promoter, plan, err
}

// view is the configuration, read from GitHub unless it was lately: looking at open
// requests every few seconds would else use up what GitHub lets one ask.
func (p *Plugin) view(ctx context.Context, age time.Duration) (*configrepo.Snapshot, error) {
	p.viewed.Lock()
	defer p.viewed.Unlock()
	if p.viewed.last != nil && p.Now().Sub(p.viewed.at) < age {
		return p.viewed.last, nil
	}
	at := p.Now()
	view, err := p.Repo.Read(ctx)
	if err == nil {
		p.viewed.last, p.viewed.at = view, at
	}
	return view, err
}

// advance looks at a request, does what is due, and shows how it stands.
func (p *Plugin) advance(ctx context.Context, r *request) error {
	could, err := p.look(ctx, r, p.Poll)
	if could {
		_, err = p.look(ctx, r, 0)
	}
	return err
}

// look is advance by a configuration of at most some age. If the promoter could be
// started by one that may be old, it says so and leaves it.
func (p *Plugin) look(ctx context.Context, r *request, age time.Duration) (could bool, err error) {
	job, err := p.job(ctx, r) // before the plan, which then shows what an ended job did
	if err != nil {
		return false, err
	}
	view, promoter, plan, err := p.planAt(ctx, r, age)
	if gone := (*promotion.RequestError)(nil); errors.As(err, &gone) {
		return false, p.conclude(ctx, r, nil, end{State: failed, Message: code(err.Error())})
	}
	if err != nil {
		return false, err
	}
	switch {
	case job != nil:
		return false, p.follow(ctx, r, plan, job)
	case plan.Count(promotion.Current) == len(plan.Steps):
		return false, p.conclude(ctx, r, plan, end{State: done, Message: holds(plan)})
	case p.Now().Sub(r.At) > p.Deadline:
		return false, p.conclude(ctx, r, plan, end{State: expired, Message: fmt.Sprintf("it was open for more than %s; ask again", p.Deadline)})
	}
	declared, err := p.declare(ctx, r, plan, promoter)
	if problem, is := damage(err); is {
		return false, p.show(ctx, r, status{request: r, state: waiting, view: view, plan: plan, message: problem})
	}
	if err != nil {
		return false, err
	}
	plan = declared
	problem, err := p.inTheWay(ctx, r, view, plan)
	switch {
	case err != nil:
		return false, err
	case problem != "":
		return false, p.show(ctx, r, status{request: r, state: waiting, view: view, plan: plan, message: problem})
	case age > 0:
		return true, nil
	}
	if job, err = p.start(ctx, r, view, plan); err != nil {
		return false, err
	}
	return false, p.follow(ctx, r, plan, job)
}

// declare keeps the plan and signs who asks for it and who holds it, if that was not
// done for this hash. The plan that it gives heeds what was signed.
func (p *Plugin) declare(ctx context.Context, r *request, plan *promotion.Plan, promoter *promotion.Promoter) (*promotion.Plan, error) {
	if err := promoter.Keep(ctx, plan); err != nil {
		return nil, err
	}
	before, err := p.decided(ctx, plan.Hash)
	if err != nil {
		return nil, err
	}
	signed := false
	all := []decision.Decision{{Kind: decision.Request, Plan: plan.Hash, By: r.Requester, Comment: r.Comment, At: r.At}}
	for _, h := range r.holds {
		all = append(all, h.decision(plan.Hash))
	}
	for _, d := range all {
		if slices.ContainsFunc(before, func(v decision.Verified) bool { return v.Decision == d }) {
			continue
		}
		if _, err := decision.Add(ctx, p.Store, p.Signer, d); err != nil {
			return nil, err
		}
		signed = true
	}
	if !signed {
		return plan, nil
	}
	return promoter.Plan(ctx, r.Order)
}

// self is the plugin's own key, as who verifies its signatures has it.
func (p *Plugin) self() []signing.Verifier { return []signing.Verifier{{Verifier: p.Signer}} }

// inTheWay says why the promoter is not started yet; empty is nothing.
func (p *Plugin) inTheWay(ctx context.Context, r *request, view *configrepo.Snapshot, plan *promotion.Plan) (string, error) {
	if r.held() {
		last := r.holds[len(r.holds)-1]
		return fmt.Sprintf("%s holds it: %s", last.By, code(last.Reason)), nil
	}
	if plan.Count(promotion.Open) > 0 {
		return "an earlier promotion was cut off; it is finished first, by the job slipway-promotion-resume or `slipway promotion resume`", nil
	}
	if plan.Count(promotion.Ready) == 0 || plan.Count(promotion.Ready)+plan.Count(promotion.Current) < len(plan.Steps) {
		return "its gate is not met", nil
	}
	return p.stillApproved(ctx, view, plan)
}

// stillApproved sees that those who approved may still do so: OWNERS may have changed.
func (p *Plugin) stillApproved(ctx context.Context, view *configrepo.Snapshot, plan *promotion.Plan) (string, error) {
	all, err := p.decided(ctx, plan.Hash)
	if err != nil {
		return "", err
	}
	stands := decision.Stand(all)
	for _, step := range plan.Steps {
		_, ch, err := view.Channels.Channel(step.Channel())
		if err != nil {
			return "", err
		}
		if by := lapsed(view, step, stands.Overrides); by != "" {
			return fmt.Sprintf("%s overrode a freeze, and may do so no longer, by OWNERS_ALIASES", by), nil
		}
		wants := ch.Gate.Approvals
		if wants == nil || step.State != promotion.Ready {
			continue
		}
		counted := step.Counted("approvals")
		for _, a := range stands.Approvals {
			if slices.Contains(counted, a.Key) && !view.Approves(wants.Path, a.By) {
				counted = slices.DeleteFunc(counted, func(key string) bool { return key == a.Key })
			}
		}
		if len(counted) < wants.Count {
			return fmt.Sprintf("of those who approved, only %d may do so still, by OWNERS of `%s`", len(counted), wants.Path), nil
		}
	}
	return "", nil
}

// lapsed is who overrode a freeze of a step for a group whose member they are no longer,
// unless another member did so after them.
func lapsed(view *configrepo.Snapshot, step *promotion.Step, overrides []decision.Verified) string {
	counted := step.Counted("freeze")
	for _, o := range overrides {
		if slices.Contains(counted, o.Key) && !slices.ContainsFunc(overrides, func(v decision.Verified) bool {
			return v.Group == o.Group && !v.At.Before(o.At) && view.Member(v.Group, v.By)
		}) {
			return o.By
		}
	}
	return ""
}

func (p *Plugin) conclude(ctx context.Context, r *request, plan *promotion.Plan, e end) error {
	return p.concludeJob(ctx, r, plan, nil, e)
}

// concludeJob shows how the request ended, and then records it: who dies between shows
// it again.
func (p *Plugin) concludeJob(ctx context.Context, r *request, plan *promotion.Plan, job *prowapi.ProwJob, e end) error {
	if err := p.show(ctx, r, status{request: r, state: e.State, plan: plan, job: job, message: e.Message}); err != nil {
		return err
	}
	return p.record(ctx, r, e)
}

func (p *Plugin) record(ctx context.Context, r *request, e end) error {
	if err := create(ctx, p.Store, r.key("end"), &e); err != nil {
		return err
	}
	r.end = &e
	p.Log.WithField("request", r.ID).Infof("The %s: %s: %s.", r.what(), e.State, e.Message)
	return nil
}

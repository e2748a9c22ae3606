package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
)

// Moved is the state of a step that apply brought about.
const Moved State = "moved"

// run is one Apply.
type run struct {
	*Promoter
	lease *lease.Lease
	plan  *Plan
	over  map[string]bool // other runs that are known to be dead or ended
}

// Apply moves what is ready, after rolling open moves forward, and says in each
// step's state what became of it. The error counts the steps that did not come
// about; their Problem says why. With nothing to do it writes nothing, anywhere.
func (p *Promoter) Apply(ctx context.Context, plan *Plan) error {
	if plan.Count(Ready)+plan.Count(Open) > 0 {
		if err := p.apply(ctx, plan); err != nil {
			return err
		}
	}
	return plan.left()
}

func (p *Promoter) apply(ctx context.Context, plan *Plan) error {
	return p.withRun(ctx, plan, func(r *run) error {
		r.rollForward(ctx)
		if plan.Train != "" {
			return r.moveTrain(ctx)
		}
		return r.moveEach(ctx)
	})
}

// withRun keeps the plan, which intents name, and holds a lease while do is at work.
func (p *Promoter) withRun(ctx context.Context, plan *Plan, do func(*run) error) error {
	if err := p.Keep(ctx, plan); err != nil {
		return err
	}
	l, err := lease.Take(ctx, p.Store, p.Who, p.Term)
	if err != nil {
		return err
	}
	defer l.End()
	return do(&run{Promoter: p, plan: plan, lease: l})
}

// Keep puts the plan into the store, where its hash finds it.
func (p *Promoter) Keep(ctx context.Context, plan *Plan) error {
	if err := store.CreateJSON(ctx, p.Store, planKey(plan.Hash), plan.Document); err != nil {
		return fmt.Errorf("keep the plan: %w", err)
	}
	return nil
}

// Plans is where plans lie in the store.
const Plans = "plans/"

func planKey(hash string) string { return Plans + strings.TrimPrefix(hash, "sha256:") + ".json" }

// ReadPlan reads a plan that the store keeps. It is checked against its hash.
func ReadPlan(ctx context.Context, s store.Store, hash string) (Document, error) {
	var d Document
	if err := store.ReadJSON(ctx, s, planKey(hash), &d); err != nil {
		return Document{}, fmt.Errorf("read plan %s: %w", hash, err)
	}
	if got, err := d.Hash(); err != nil || got != hash {
		return Document{}, fmt.Errorf("read plan %s: %w: its hash is %s", hash, store.ErrCorrupt, got)
	}
	return d, nil
}

// moveEach moves the ready steps, each by itself.
func (r *run) moveEach(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(r.parallel())
	for _, step := range r.plan.Steps {
		if step.State != Ready || ctx.Err() != nil {
			continue
		}
		group.Go(func() error {
			r.settle(step, r.move(ctx, step))
			return nil
		})
	}
	_ = group.Wait() // errors are the steps'
	return context.Cause(ctx)
}

// settle notes how a step's move ended.
func (r *run) settle(step *Step, err error) {
	if err != nil {
		step.aside(err)
		r.say("%s: set aside: %v", step.Channel(), err)
		return
	}
	step.State, step.Problem = Moved, ""
	r.say("%s: %s", step.Channel(), step.Digest)
}

// move takes one edge all the way.
func (r *run) move(ctx context.Context, step *Step) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.deadline(), fmt.Errorf("the edge took longer than %s", r.deadline()))
	defer cancel()
	m, err := r.prepare(ctx, step)
	if err == nil {
		err = r.stillReady(ctx, step)
	}
	if err != nil {
		return err
	}
	if err := m.intend(ctx); err != nil {
		return err
	}
	if err := m.spared(ctx); err != nil {
		return m.aside(ctx, err)
	}
	return m.carry(ctx)
}

// stale is how old a judgement may be when its edge moves.
const stale = time.Minute

// stillReady judges a step again whose judgement is old: what was copied for half an hour
// may have failed a test since.
func (r *run) stillReady(ctx context.Context, step *Step) error {
	if r.now().Sub(step.judged) < stale {
		return nil
	}
	again := *step
	r.judgeAgain(ctx, &again)
	switch again.State {
	case Ready:
		return nil
	case Held:
		return fmt.Errorf("its gate has closed since: %s", again.unmet())
	}
	return fmt.Errorf("it is %s by now; make the plan again", again.State)
}

// prepare brings the content to where the channel lies, and looks at what is there.
func (r *run) prepare(ctx context.Context, step *Step) (*mover, error) {
	at, err := r.place(ctx, *step.Edge)
	if err != nil {
		return nil, err
	}
	if err := at.bring(ctx); err != nil {
		return nil, err
	}
	m := &mover{run: r, edge: *step.Edge, keys: step.keys(), line: step.line, place: at}
	return m, r.raced(ctx, m, m.look(ctx, step.Holds))
}

// raced tells a pointer that another run moved from one that moved from outside.
func (r *run) raced(ctx context.Context, m *mover, err error) error {
	if moved := (*movedError)(nil); !errors.As(err, &moved) {
		return err
	}
	line, readErr := ledger.Read(ctx, r.Store, m.line.Channel)
	if readErr == nil && line.Length() > m.line.Length() {
		last := line.Records[len(line.Records)-1]
		return fmt.Errorf("%w: %s wrote %s of %s; make the plan again", ledger.ErrRaced, last.Who, last.Kind, last.Digest)
	}
	return err
}

// left is the error of what did not come about.
func (p *Plan) left() error {
	var open []error
	for _, step := range p.Steps {
		switch step.State {
		case Broken:
			open = append(open, fmt.Errorf("%s: %w", step.Channel(), step.err))
		case Held:
			open = append(open, fmt.Errorf("%s: its gate is not met: %s", step.Channel(), step.unmet()))
		case Open:
			open = append(open, fmt.Errorf("%s: %s", step.Channel(), step.Problem))
		}
	}
	if len(open) == 0 {
		return nil
	}
	return &LeftError{Left: len(open), Of: len(p.Steps), Errs: open}
}

// unmet are the reasons why a gate is closed.
func (s *Step) unmet() string {
	var why []string
	for _, r := range s.Requirements {
		if !r.Met {
			why = append(why, r.Name+": "+r.Why)
		}
	}
	return strings.Join(why, "; ")
}

// LeftError is the edges of a plan that did not move. The rest did.
type LeftError struct {
	Left, Of int
	Errs     []error
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("%d of %d did not move:\n%v", e.Left, e.Of, errors.Join(e.Errs...))
}

func (e *LeftError) Unwrap() []error { return e.Errs }

// record begins a ledger record of this run.
func (r *run) record(kind ledger.Kind, digest string) ledger.Record {
	return ledger.Record{Kind: kind, Digest: digest, Time: r.now(), Who: r.Who, Run: r.lease.Run}
}

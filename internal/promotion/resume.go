package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
)

// rollForward ends the moves that earlier runs left open on the plan's channels, and
// then judges the plan's steps on them again.
func (r *run) rollForward(ctx context.Context) {
	for _, step := range r.plan.Steps {
		if step.State != Open {
			continue
		}
		if err := r.resume(ctx, step.Channel()); err != nil {
			step.aside(fmt.Errorf("roll the open move of %s forward: %w; if it never can be, `slipway promotion resume %s --give-up`", step.Channel(), err, step.Channel()))
			continue
		}
		r.judgeAgain(ctx, step)
	}
}

// judgeAgain judges a step whose channel has changed, for the same digest.
func (r *run) judgeAgain(ctx context.Context, step *Step) {
	_, ch, err := r.Config.Channel(step.Channel())
	f := &resolved{edge: *step.Edge, channel: ch}
	if err == nil {
		f.source, err = r.readLine(ctx, step.Artifact, ch.From)
	}
	if err == nil {
		f.target, err = r.readLine(ctx, step.Artifact, ch.Name)
	}
	f.err = err
	f.approver = step.approver
	*step = *r.judge(ctx, f)
	if step.State == Current {
		step.State = Moved
		return
	}
	if err := r.seekConsent(ctx, r.plan, []*Step{step}); err != nil {
		step.aside(err)
	}
}

// resume ends the open move of a channel, and of those that move with it. It is
// nobody else's: its run is dead, and the resume record is the lock.
func (r *run) resume(ctx context.Context, full string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.deadline(), fmt.Errorf("it took longer than %s", r.deadline()))
	defer cancel()
	line, err := ledger.Read(ctx, r.Store, full)
	if err != nil {
		return err
	}
	open, ok := line.Open()
	if !ok {
		return nil // with a train that was resumed before
	}
	if err := r.outlive(ctx, line.Runner()); err != nil {
		return err
	}
	plan, err := ReadPlan(ctx, r.Store, open.Plan)
	if err != nil {
		return err
	}
	if open.Train != "" {
		return r.resumeTrain(ctx, open, plan)
	}
	i := slices.IndexFunc(plan.Edges, func(e *Edge) bool { return e.Channel() == full })
	if i < 0 {
		return fmt.Errorf("plan %s has no edge to %s", open.Plan, full)
	}
	r.say("%s: rolling the move to %s forward, which the run of %s left open", full, open.Digest, open.Who)
	m, err := r.takeOver(ctx, *plan.Edges[i], line)
	if err != nil {
		return err
	}
	return m.again(ctx)
}

// outlive returns nil once another run is known to be over. It may have left many moves
// open, and is waited for once: a run that was taken for dead does nothing any more.
func (r *run) outlive(ctx context.Context, other string) error {
	if other == r.lease.Run || r.over[other] {
		return nil
	}
	if err := lease.Wait(ctx, r.Store, other, r.Say); err != nil {
		return err
	}
	if r.over == nil {
		r.over = map[string]bool{}
	}
	r.over[other] = true
	return nil
}

// takeOver writes that this run has the open intent now.
func (r *run) takeOver(ctx context.Context, e Edge, line ledger.Line) (*mover, error) {
	at, err := r.place(ctx, e)
	if err != nil {
		return nil, err
	}
	m := &mover{run: r, edge: e, line: line, place: at}
	return m, m.write(ctx, r.record(ledger.Resume, e.Digest))
}

// again goes on where the first run stopped. What is done is not repeated.
func (m *mover) again(ctx context.Context) error {
	open, _ := m.line.Open()
	err := m.look(ctx, open.From)
	restoring := open.Digest == open.From && open.Version == "" // then the pointer is elsewhere, and that is why
	if isElsewhere(err) && !restoring {
		return m.aside(ctx, err)
	}
	if err == nil || restoring {
		err = m.place.bring(ctx)
	}
	if err != nil {
		return err
	}
	if err := m.spared(ctx); err != nil {
		return m.aside(ctx, err)
	}
	return m.carry(ctx)
}

// Open are those of the channels whose last move is unfinished.
func (p *Promoter) Open(ctx context.Context, channels []string) ([]string, error) {
	var open []string
	for _, full := range channels {
		line, err := ledger.Read(ctx, p.Store, full)
		if err != nil {
			return nil, err
		}
		if _, ok := line.Open(); ok {
			open = append(open, full)
		}
	}
	return open, nil
}

// Resume rolls forward what is open on the channels.
func (p *Promoter) Resume(ctx context.Context, channels []string) error {
	return p.eachOpen(ctx, channels, func(r *run, full string) error { return r.resume(ctx, full) })
}

// GiveUp writes that the open moves of the channels came to nothing. Where a pointer
// has moved already, Audit shows it and Restore puts it back.
func (p *Promoter) GiveUp(ctx context.Context, channels []string, why string) error {
	return p.eachOpen(ctx, channels, func(r *run, full string) error {
		line, err := ledger.Read(ctx, p.Store, full)
		if err != nil {
			return err
		}
		open, ok := line.Open()
		if !ok {
			return nil
		}
		if err := r.outlive(ctx, line.Runner()); err != nil {
			return err
		}
		cause := errors.New("given up: " + why)
		if open.Train != "" {
			return r.giveUpTrain(ctx, open, cause)
		}
		aside := r.record(ledger.Aside, open.Digest)
		aside.Why = cause.Error()
		_, err = line.Append(ctx, p.Store, aside)
		return err
	})
}

func (p *Promoter) eachOpen(ctx context.Context, channels []string, do func(r *run, full string) error) error {
	l, err := lease.Take(ctx, p.Store, p.Who, p.Term)
	if err != nil {
		return err
	}
	defer l.End()
	r := &run{Promoter: p, lease: l, plan: &Plan{}}
	var left []error
	for _, full := range channels {
		if err := do(r, full); err != nil {
			left = append(left, fmt.Errorf("%s: %w", full, err))
		}
	}
	if len(left) > 0 {
		return &LeftError{len(left), len(channels), left}
	}
	return nil
}

// channelOf is an edge that leads nowhere, to find a channel's place by.
func channelOf(a channel.Artifact, ch channel.Channel) Edge {
	return Edge{Artifact: a.Name, Kind: a.Kind, To: ch.Name, Source: a.At(ch.Name), Location: a.At(ch.Name)}
}

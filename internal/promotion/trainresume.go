package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"slipway.dev/slipway/internal/ledger"
)

// resumeTrain ends a train's open moves: forward if every member had its intent,
// for then pointers may have moved; else back, for then none has.
func (r *run) resumeTrain(ctx context.Context, of ledger.Record, plan Document) error {
	open, complete, err := r.openMembers(ctx, of, plan)
	if err != nil {
		return err
	}
	var movers []*mover
	for _, member := range open {
		m, err := r.takeOver(ctx, member.edge, member.line)
		if err == nil {
			err = m.lookOver(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", member.edge.Channel(), err)
		}
		complete = complete || m.had == m.edge.Digest
		movers = append(movers, m)
	}
	if !complete {
		return asideAll(ctx, movers, errors.New("the run died before every member of the train had its intent"))
	}
	return forwardAll(ctx, movers)
}

type member struct {
	edge Edge
	line ledger.Line
}

// openMembers are those whose move is open; complete says that each of the others
// has ended its own, or had none to make.
func (r *run) openMembers(ctx context.Context, of ledger.Record, plan Document) (open []member, complete bool, err error) {
	complete = true
	for _, e := range plan.Edges {
		line, err := ledger.Read(ctx, r.Store, e.Channel())
		if err != nil {
			return nil, false, err
		}
		if intent, isOpen := line.Open(); isOpen && intent.Run == of.Run {
			open = append(open, member{*e, line})
			continue
		}
		holds, _ := line.Holds()
		ended := slices.ContainsFunc(line.Stays(), func(s ledger.Stay) bool { return s.Intent.Run == of.Run })
		complete = complete && (ended || holds == e.Digest)
	}
	return open, complete, nil
}

// lookOver looks, and says of a pointer that moved from outside that the train goes
// over it: a train that is under way cannot stay half way.
func (m *mover) lookOver(ctx context.Context) error {
	open, _ := m.line.Open()
	err := m.look(ctx, open.From)
	if moved := (*movedError)(nil); errors.As(err, &moved) {
		m.run.say("%s: %v", m.edge.Channel(), err)
		return nil
	}
	return err
}

func forwardAll(ctx context.Context, movers []*mover) error {
	for _, m := range movers {
		err := m.spared(ctx)
		if err == nil {
			err = m.place.bring(ctx)
		}
		if err == nil {
			err = m.point(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; the train is under way, and the next run brings the rest after it", m.edge.Channel(), err)
		}
	}
	for _, m := range movers {
		if err := m.done(ctx); err != nil {
			return err
		}
	}
	return nil
}

// giveUpTrain gives the moves of all members up, unless one has moved: then the others
// must follow.
func (r *run) giveUpTrain(ctx context.Context, of ledger.Record, cause error) error {
	plan, err := ReadPlan(ctx, r.Store, of.Plan)
	if err != nil {
		return err
	}
	open, _, err := r.openMembers(ctx, of, plan)
	if err != nil {
		return err
	}
	var movers []*mover
	for _, member := range open {
		at, err := r.place(ctx, member.edge)
		if err != nil {
			return err
		}
		m := &mover{run: r, edge: member.edge, line: member.line, place: at}
		holds, _ := m.line.Holds()
		have, err := at.look(ctx, m.edge.channelPointer())
		if err != nil {
			return err
		}
		if have == m.edge.Digest && holds != m.edge.Digest {
			return fmt.Errorf("%s has moved, and the train goes together: it is to be finished, not given up", m.edge.Channel())
		}
		movers = append(movers, m)
	}
	for _, e := range plan.Edges {
		line, err := ledger.Read(ctx, r.Store, e.Channel())
		if err != nil {
			return err
		}
		if slices.ContainsFunc(line.Stays(), func(s ledger.Stay) bool { return s.Intent.Run == of.Run }) {
			return fmt.Errorf("%s has moved, and the train goes together: it is to be finished, not given up", e.Channel())
		}
	}
	return asideAll(ctx, movers, cause)
}

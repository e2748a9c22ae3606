package promotion

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/ledger"
)

// moveTrain moves all members or none. Everything that can refuse is asked before
// the first pointer moves: gates, content, credentials, the ledger of each. Once one
// has moved, the only way is forward, if need be by the next run.
func (r *run) moveTrain(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.deadline(), fmt.Errorf("the train took longer than %s", r.deadline()))
	defer cancel()
	ready, err := r.coupled()
	if err != nil || len(ready) == 0 {
		r.stop(ready, err)
		return nil
	}
	movers := make([]*mover, len(ready))
	err = together(ready, func(i int, step *Step) (err error) {
		movers[i], err = r.prepareMember(ctx, step)
		return err
	})
	if err == nil {
		err = r.intendAll(ctx, movers)
	}
	if err == nil {
		err = r.spareAll(ctx, movers)
	}
	if err == nil {
		err = r.pointAll(ctx, movers)
	}
	if err != nil {
		r.stop(ready, err)
		return context.Cause(ctx)
	}
	for i, step := range ready {
		r.settle(step, movers[i].done(ctx))
	}
	return nil
}

// coupled are the members that have yet to move, if nothing holds any member back.
func (r *run) coupled() (ready []*Step, err error) {
	for _, step := range r.plan.Steps {
		switch step.State {
		case Ready:
			ready = append(ready, step)
		case Held:
			err = fmt.Errorf("%s is held: %s", step.Channel(), step.unmet())
		case Open:
			err = fmt.Errorf("%s: %s", step.Channel(), step.Problem)
		case Broken:
			err = fmt.Errorf("%s is set aside: %w", step.Channel(), step.err)
		}
	}
	return ready, err
}

// stop sets the members aside that would have moved.
func (r *run) stop(ready []*Step, err error) {
	for _, step := range ready {
		r.settle(step, fmt.Errorf("train %s moves together or not at all: %w", r.plan.Train, err))
	}
}

func (r *run) prepareMember(ctx context.Context, step *Step) (*mover, error) {
	m, err := r.prepare(ctx, step)
	if err == nil {
		err = r.stillReady(ctx, step)
	}
	if err == nil {
		err = m.place.mayWrite(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", step.Channel(), err)
	}
	return m, nil
}

// intendAll writes every intent, or sets those aside that were written.
func (r *run) intendAll(ctx context.Context, movers []*mover) error {
	for i, m := range movers {
		if err := m.intend(ctx); err != nil {
			err = fmt.Errorf("%s: %w", m.edge.Channel(), err)
			return errors.Join(err, asideAll(ctx, movers[:i], err))
		}
	}
	return nil
}

// spareAll sees that retention is deleting no member, or sets all aside.
func (r *run) spareAll(ctx context.Context, movers []*mover) error {
	for _, m := range movers {
		if err := m.spared(ctx); err != nil {
			err = fmt.Errorf("%s: %w", m.edge.Channel(), err)
			return errors.Join(err, asideAll(ctx, movers, err))
		}
	}
	return nil
}

// pointAll moves every pointer. If none was moved, nor may be yet, the train stays where
// it was.
func (r *run) pointAll(ctx context.Context, movers []*mover) error {
	err := together(movers, func(_ int, m *mover) error {
		if err := m.point(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.edge.Channel(), err)
		}
		return nil
	})
	if err == nil {
		return nil
	}
	for _, m := range movers {
		have, lookErr := m.place.look(ctx, m.edge.channelPointer())
		if m.unsure || lookErr != nil || have != m.had || have == m.edge.Digest {
			return fmt.Errorf("%w; the train is under way, and the next run brings the rest after it", err)
		}
	}
	return errors.Join(err, asideAll(ctx, movers, err))
}

func asideAll(ctx context.Context, movers []*mover, cause error) error {
	var errs []error
	for _, m := range movers {
		r := m.run.record(ledger.Aside, m.edge.Digest)
		r.Why = cause.Error()
		errs = append(errs, m.write(ctx, r))
	}
	return errors.Join(errs...)
}

// together does one thing for all, side by side, and gives all errors.
func together[T any](all []T, do func(i int, one T) error) error {
	errs := make([]error, len(all))
	var group errgroup.Group
	for i, one := range all {
		group.Go(func() error {
			errs[i] = do(i, one)
			return nil
		})
	}
	_ = group.Wait() // errors are in errs
	return errors.Join(errs...)
}

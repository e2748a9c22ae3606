package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/retention"
)

// mover walks one edge from its intent to its end.
type mover struct {
	run   *run
	edge  Edge
	keys  []string // what its gate stood on
	line  ledger.Line
	place place

	had        string // what the channel's pointer had when it was looked at
	hadVersion string
	unsure     bool // a pointer could not be moved, and may move all the same
}

// look sees where the pointers are, and refuses what the ledger does not know.
func (m *mover) look(ctx context.Context, holds string) (err error) {
	if m.had, err = m.place.look(ctx, m.edge.channelPointer()); err != nil {
		return err
	}
	if err := m.lookVersion(ctx); err != nil {
		return err
	}
	if m.had != holds && m.had != m.edge.Digest {
		if err := m.place.confirm(ctx, m.had); err != nil {
			return fmt.Errorf("%s is said to point to %s: %w", pointerName(m.edge, m.edge.channelPointer()), orNothing(m.had), err)
		}
		return &movedError{pointerName(m.edge, m.edge.channelPointer()), m.had, holds}
	}
	return nil
}

func (m *mover) lookVersion(ctx context.Context) (err error) {
	if m.edge.Version == "" {
		return nil
	}
	if m.hadVersion, err = m.place.look(ctx, m.edge.versionPointer()); err != nil {
		return err
	}
	if m.hadVersion != "" && m.hadVersion != m.edge.Digest {
		return &takenError{pointerName(m.edge, m.edge.versionPointer()), m.hadVersion}
	}
	return nil
}

// intend writes that the channel is about to move.
func (m *mover) intend(ctx context.Context) error {
	r := m.run.record(ledger.Intent, m.edge.Digest)
	r.From, _ = m.line.Holds()
	r.Version, r.Rollback, r.Evidence = m.edge.Version, m.edge.Rollback, m.keys
	r.Plan, r.Train, r.Why = m.run.plan.Hash, m.run.plan.Train, m.run.plan.why
	if m.edge.From != "" {
		r.Source = channel.Full(m.edge.Artifact, m.edge.From)
	}
	return m.write(ctx, r)
}

// spared sees that retention is not deleting what is about to be promoted. It is asked
// after the intent, which retention heeds from then on, so that one of them sees the other.
func (m *mover) spared(ctx context.Context) error {
	parts, err := m.place.parts(ctx)
	if err != nil || len(parts) == 0 {
		return err
	}
	condemned, err := retention.Condemned(ctx, m.run.Store, m.edge.Location, parts...)
	if err == nil && len(condemned) > 0 {
		err = fmt.Errorf("retention is deleting %s; push the image again, and promote it then", strings.Join(condemned, ", "))
	}
	return err
}

func (m *mover) write(ctx context.Context, r ledger.Record) (err error) {
	m.line, err = m.line.Append(ctx, m.run.Store, r)
	return err
}

// carry moves the pointers, and writes how that ended.
func (m *mover) carry(ctx context.Context) error {
	if err := m.point(ctx); err != nil {
		return m.giveUp(ctx, err)
	}
	return m.done(ctx)
}

// point moves the pointers: the version first, and the channel after all else.
func (m *mover) point(ctx context.Context) (err error) {
	defer func() { m.unsure = err != nil && !isRefused(err) }()
	if m.edge.Version != "" {
		if err := m.set(ctx, m.edge.versionPointer(), m.hadVersion); err != nil {
			return err
		}
	}
	return m.set(ctx, m.edge.channelPointer(), m.had)
}

func (m *mover) set(ctx context.Context, p pointer, had string) error {
	if had == m.edge.Digest {
		return nil
	}
	if err := m.run.lease.Check(); err != nil {
		return err
	}
	ctx, stop := m.run.lease.Within(ctx)
	defer stop()
	open, _ := m.line.Open()
	return m.place.point(ctx, p, move{had: had, plan: open.Plan, record: open.Sequence})
}

// done writes that the channel has moved.
func (m *mover) done(ctx context.Context) error {
	if err := m.write(ctx, m.run.record(ledger.Done, m.edge.Digest)); err != nil {
		return fmt.Errorf("%w; the channel has moved, and the next run writes so", err)
	}
	return nil
}

// giveUp ends a move whose pointer could not be moved, if it has moved all the same or was
// refused. Else nobody can say what becomes of it: a registry that went silent may still do
// what it was asked. The intent then stays open for the next run.
func (m *mover) giveUp(ctx context.Context, cause error) error {
	arrived, err := m.arrived(ctx)
	switch {
	case arrived:
		return m.done(ctx)
	case err != nil, ctx.Err() != nil, m.unsure:
		return fmt.Errorf("%w; its move stays open, and the next run rolls it forward", cause)
	}
	return m.aside(ctx, cause)
}

// arrived says whether every pointer of the edge has its digest.
func (m *mover) arrived(ctx context.Context) (bool, error) {
	pointers := []pointer{m.edge.channelPointer()}
	if m.edge.Version != "" {
		pointers = append(pointers, m.edge.versionPointer())
	}
	for _, p := range pointers {
		have, err := m.place.look(ctx, p)
		if err != nil || have != m.edge.Digest {
			return false, err
		}
	}
	return true, nil
}

// aside writes that the channel does not move.
func (m *mover) aside(ctx context.Context, cause error) error {
	r := m.run.record(ledger.Aside, m.edge.Digest)
	r.Why = cause.Error()
	return errors.Join(cause, m.write(ctx, r))
}

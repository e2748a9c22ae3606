package promotion

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/ledger"
)

// Finding is a pointer that is not where the ledger says, or a ledger that cannot be
// believed.
type Finding struct {
	Channel string `json:"channel"`           // full name
	Pointer string `json:"pointer,omitempty"` // where people find it
	Ledger  string `json:"ledger,omitempty"`  // digest by the ledger
	Live    string `json:"live,omitempty"`    // digest that it has
	What    string `json:"what"`
}

// Audit compares what channels and versions point to with the ledger. It reads
// only, and goes on past what it cannot read: that is a finding too.
func (p *Promoter) Audit(ctx context.Context, channels []string) ([]Finding, error) {
	found := make([][]Finding, len(channels))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.parallel())
	for i, full := range channels {
		group.Go(func() (err error) {
			found[i], err = p.auditChannel(ctx, full)
			return err
		})
	}
	err := group.Wait()
	var all []Finding
	for _, f := range found {
		all = append(all, f...)
	}
	return all, err
}

func (p *Promoter) auditChannel(ctx context.Context, full string) ([]Finding, error) {
	a, ch, err := p.Config.Channel(full)
	if err != nil {
		return nil, err
	}
	findings, err := p.auditLine(ctx, full, channelOf(a, ch))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return []Finding{{Channel: full, What: err.Error()}}, nil
	}
	return findings, nil
}

// auditLine reads the ledger before and after the pointers: a channel that moves
// meanwhile is looked at again.
func (p *Promoter) auditLine(ctx context.Context, full string, e Edge) ([]Finding, error) {
	for looks := 0; ; looks++ {
		line, err := ledger.Read(ctx, p.Store, full)
		if err != nil {
			return nil, err
		}
		findings, err := p.compare(ctx, line, e)
		if err != nil || len(findings) == 0 {
			return nil, err
		}
		again, err := ledger.Read(ctx, p.Store, full)
		if err != nil || again.Length() == line.Length() || looks == 10 {
			return findings, err
		}
	}
}

func (p *Promoter) compare(ctx context.Context, line ledger.Line, e Edge) ([]Finding, error) {
	var findings []Finding
	if open, ok := line.Open(); ok {
		if err := lease.Wait(ctx, p.Store, line.Runner(), p.Say); errors.Is(err, lease.ErrAlive) {
			return nil, nil // it is under way
		}
		return []Finding{{
			Channel: line.Channel, Ledger: open.Digest,
			What: fmt.Sprintf("a move begun by %s at %s is not finished; `slipway promotion resume %s` ends it", open.Who, open.Time.Format(timeForm), line.Channel),
		}}, nil
	}
	at, err := p.place(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, x := range expected(line, e) {
		live, err := at.look(ctx, x.pointer)
		if err != nil {
			return nil, err
		}
		if live != x.digest {
			if err := at.confirm(ctx, live); err != nil {
				return nil, fmt.Errorf("%s is said to point to %s: %w", pointerName(e, x.pointer), orNothing(live), err)
			}
			findings = append(findings, Finding{line.Channel, pointerName(e, x.pointer), x.digest, live, whatMoved(x.digest, live)})
		}
	}
	return findings, nil
}

type expectation struct {
	pointer pointer
	digest  string
}

// expected are the channel's own pointer, and that of each version that it gave.
func expected(line ledger.Line, e Edge) []expectation {
	holds, _ := line.Holds()
	all := []expectation{{e.channelPointer(), holds}}
	for _, stay := range line.Stays() {
		if stay.Intent.Version != "" {
			all = append(all, expectation{pointer{stay.Intent.Version, true}, stay.Done.Digest})
		}
	}
	return all
}

const timeForm = "2006-01-02T15:04:05Z07:00"

func whatMoved(want, live string) string {
	switch {
	case want == "":
		return "it was written from outside: no promotion ever moved it"
	case live == "":
		return "it was removed from outside"
	}
	return "it was moved from outside"
}

// Restore points a channel, and the versions that it gave, back to what its ledger
// says, and records that. It returns what was elsewhere.
func (p *Promoter) Restore(ctx context.Context, full, why string) ([]Finding, error) {
	a, ch, err := p.Config.Channel(full)
	if err != nil {
		return nil, err
	}
	line, err := ledger.Read(ctx, p.Store, full)
	if err != nil {
		return nil, err
	}
	e := channelOf(a, ch)
	if e.Digest, _ = line.Holds(); e.Digest == "" {
		return nil, fmt.Errorf("%s never held anything, so there is nothing to restore", full)
	}
	if open, ok := line.Open(); ok {
		return nil, fmt.Errorf("a move of %s to %s is open; `slipway promotion resume %s` ends it first", full, open.Digest, full)
	}
	findings, err := p.compare(ctx, line, e)
	if err != nil || len(findings) == 0 {
		return nil, err
	}
	plan := &Plan{why: "restore: " + why}
	if plan.Document, err = document(p.Config, "", []*Step{{Edge: &e}}); err == nil {
		plan.Hash, err = plan.Document.Hash()
	}
	if err != nil {
		return nil, err
	}
	return findings, p.withRun(ctx, plan, func(r *run) error { return r.restore(ctx, e, line) })
}

// restore writes the intent to hold what the channel holds, and moves every pointer
// that is elsewhere.
func (r *run) restore(ctx context.Context, e Edge, line ledger.Line) error {
	m := &mover{run: r, edge: e, line: line}
	if err := m.intend(ctx); err != nil {
		return err
	}
	for _, x := range expected(line, e) {
		if err := r.pointBack(ctx, e, x); err != nil {
			return m.aside(ctx, err)
		}
	}
	return m.done(ctx)
}

func (r *run) pointBack(ctx context.Context, e Edge, x expectation) error {
	e.Digest = x.digest
	at, err := r.place(ctx, e)
	if err != nil {
		return err
	}
	have, err := at.look(ctx, x.pointer)
	if err != nil || have == x.digest {
		return err
	}
	if err := at.bring(ctx); err != nil {
		return err
	}
	if err := (&mover{run: r, edge: e, place: at}).spared(ctx); err != nil {
		return err
	}
	if err := r.lease.Check(); err != nil {
		return err
	}
	ctx, stop := r.lease.Within(ctx)
	defer stop()
	return at.point(ctx, x.pointer, move{had: have})
}

// Lift lets a digest back that a rollback barred.
func (p *Promoter) Lift(ctx context.Context, full, digest, why string) error {
	if _, _, err := p.Config.Channel(full); err != nil {
		return err
	}
	line, err := ledger.Read(ctx, p.Store, full)
	if err != nil {
		return err
	}
	if _, barred := line.Barred(digest); !barred {
		return fmt.Errorf("%s is not barred from %s", digest, full)
	}
	_, err = line.Append(ctx, p.Store, ledger.Record{Kind: ledger.Lift, Digest: digest, Time: p.now(), Who: p.Who, Why: why})
	return err
}

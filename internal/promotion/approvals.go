package promotion

import (
	"context"
	"strings"
	"sync"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/gate"
)

// approvals reads a plan's approvals once for each set of signers that gates accept.
type approvals struct {
	promoter *Promoter
	plan     *Plan

	mu    sync.Mutex
	given map[string]func() ([]gate.Approval, error)
}

func newApprovals(p *Promoter, plan *Plan) *approvals {
	return &approvals{promoter: p, plan: plan, given: map[string]func() ([]gate.Approval, error){}}
}

func (a *approvals) of(ctx context.Context, gated channel.Approvals) ([]gate.Approval, error) {
	key := strings.Join(gated.Signers, " ")
	a.mu.Lock()
	read, ok := a.given[key]
	if !ok {
		read = sync.OnceValues(func() ([]gate.Approval, error) {
			return a.promoter.Proof.Approvals(ctx, a.plan.Hash, gated)
		})
		a.given[key] = read
	}
	a.mu.Unlock()
	return read()
}

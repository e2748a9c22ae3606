// Package promotion moves channels: it plans which digest is to go where, says what
// each gate lacks, and applies what is ready.
//
// Planning reads; applying is a journalled walk of each edge: copy, referrers,
// verify, intent in the ledger, tag, done in the ledger. A digest moves, never a
// rebuilt or uploaded-again thing; the pointer moves after all that it points to. A
// run that is killed anywhere leaves at most an open intent, which the next run
// rolls forward. An edge that is broken is set aside and named; the rest go on.
package promotion

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/gate"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store"
)

// Registry is what promotion asks of registries. *oci.Client is one.
type Registry interface {
	Resolve(ctx context.Context, repository, tag string) (digest string, err error)
	Manifest(ctx context.Context, repository, digest string) (oci.Manifest, error)
	Tag(ctx context.Context, repository, tag string, m oci.Manifest) error
	Copy(ctx context.Context, from, to, digest string) error
	CheckPush(ctx context.Context, repository string) error
}

// Proof is where evidence and approvals come from, verified.
type Proof interface {
	Result(ctx context.Context, digest string, t channel.Test) gate.Result
	// Consent is what people said of the plan, by the gate's signers; its notes are about others.
	Consent(ctx context.Context, plan string, a channel.Approvals) (gate.Consent, error)
	// Tag fetches a signed tag and verifies that one of the signers made it.
	Tag(ctx context.Context, repository, tag string, signers []string) (Tag, error)
}

// Tag is a git tag that somebody signed who may.
type Tag struct {
	Commit   string // full hash, peeled
	Object   string // hash of the tag itself
	Approver string
	Version  string // vX.Y.Z
	Test     bool   // it is vX.Y.Z-test
	Signed   time.Time
}

// Promoter plans and applies. All fields but those with a default are needed.
type Promoter struct {
	Config   *channel.Config
	Store    store.Store // of the ledger, evidence, approvals, plans
	Registry Registry
	Proof    Proof
	// OpenStore opens the store that holds files and releases of a location.
	OpenStore func(ctx context.Context, url string) (store.Store, error)

	Who      string           // for the ledger
	Now      func() time.Time // nil is time.Now
	Say      func(string)     // progress; nil is nobody
	Parallel int              // edges at a time; 0 is 16
	Deadline time.Duration    // of one edge; 0 is 30 minutes
	Term     time.Duration    // of the run's lease; 0 is lease.Term

	stores sync.Map // opened stores by location
}

// LimitMemory lets the process collect sooner when a plan is large: a plan over a
// hundred thousand channels then takes less than 100 MB, and a small one no longer.
func LimitMemory() { debug.SetMemoryLimit(90 << 20) }

func (p *Promoter) now() time.Time {
	if p.Now == nil {
		return time.Now().UTC()
	}
	return p.Now().UTC()
}

func (p *Promoter) say(format string, args ...any) {
	if p.Say != nil {
		p.Say(fmt.Sprintf(format, args...))
	}
}

func (p *Promoter) parallel() int {
	if p.Parallel == 0 {
		return 16
	}
	return p.Parallel
}

func (p *Promoter) deadline() time.Duration {
	if p.Deadline == 0 {
		return 30 * time.Minute
	}
	return p.Deadline
}

// readLine reads the ledger of an artifact's channel.
func (p *Promoter) readLine(ctx context.Context, artifact, ch string) (ledger.Line, error) {
	if ch == "" {
		return ledger.Line{}, nil
	}
	return ledger.Read(ctx, p.Store, channel.Full(artifact, ch))
}

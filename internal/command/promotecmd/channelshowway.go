package promotecmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/signing"
)

// step is one move on the way of a digest: into which channel, by whom, and on what proof.
type step struct {
	Channel   string          `json:"channel"`
	Source    string          `json:"source,omitempty"` // the channel that it came from
	Since     time.Time       `json:"since"`
	Version   string          `json:"version,omitempty"`
	Who       string          `json:"who"`
	Why       string          `json:"why,omitempty"`
	Plan      string          `json:"plan,omitempty"`
	Train     string          `json:"train,omitempty"`
	Rollback  bool            `json:"rollback,omitempty"`
	Evidence  []shownEvidence `json:"evidence,omitempty"`
	Approvals []shownApproval `json:"approvals,omitempty"`
}

// shownEvidence is one result that a gate stood on. What the name in the store tells is
// there also when the rest could not be verified.
type shownEvidence struct {
	Key      string           `json:"key"`
	Test     string           `json:"test"`
	Finished time.Time        `json:"finished"`
	Result   evidence.Outcome `json:"result,omitempty"`
	Signer   string           `json:"signer,omitempty"`
	Log      string           `json:"log,omitempty"`
	Problem  string           `json:"problem,omitempty"`
}

// shownApproval is one approval that a gate stood on: a statement, or a signed git tag,
// of which the ledger keeps the name and object.
type shownApproval struct {
	Key      string     `json:"key"`
	Approver string     `json:"approver,omitempty"`
	At       *time.Time `json:"at,omitempty"`
	Comment  string     `json:"comment,omitempty"`
	Signer   string     `json:"signer,omitempty"`
	Problem  string     `json:"problem,omitempty"`
}

// walk goes back the way of a digest.
type walk struct {
	*world
	keys     []signing.Verifier
	problems []string
}

func newWalk(w *world) (*walk, error) {
	keys, err := w.verifiers(slices.Sorted(maps.Keys(w.channels.Signers)))
	return &walk{world: w, keys: keys}, err
}

// longest bounds a way, should ledgers lead in circles.
const longest = 32

// steps go from the entry to the stay with which a line holds the digest.
func (w *walk) steps(ctx context.Context, line ledger.Line, digest string) []step {
	var all []step
	stays := line.Stays()
	i := lastStay(stays, digest, time.Time{})
	for i >= 0 && len(all) < longest {
		stay := stays[i]
		all = append(all, w.step(ctx, stay))
		switch {
		case stay.Intent.Rollback:
			i = lastStay(stays[:i], digest, time.Time{})
		case stay.Intent.Source == "":
			i = -1
		default:
			source, err := ledger.Read(ctx, w.store, stay.Intent.Source)
			w.problem("", err)
			stays = source.Stays()
			i = lastStay(stays, digest, stay.Done.Time)
		}
	}
	slices.Reverse(all)
	return all
}

// lastStay finds the last stay of a digest that began by a time, or else the last.
func lastStay(stays []ledger.Stay, digest string, by time.Time) int {
	last := -1
	for i, stay := range slices.Backward(stays) {
		switch {
		case stay.Done.Digest != digest:
		case by.IsZero() || !stay.Done.Time.After(by):
			return i
		case last < 0: // by a clock that goes before
			last = i
		}
	}
	return last
}

func (w *walk) step(ctx context.Context, stay ledger.Stay) step {
	by := stay.Intent
	s := step{
		Channel: by.Channel, Source: by.Source, Since: stay.Done.Time, Version: by.Version,
		Who: by.Who, Why: by.Why, Plan: by.Plan, Train: by.Train, Rollback: by.Rollback,
	}
	var approvals []string
	for _, key := range by.Evidence {
		if strings.HasPrefix(key, "evidence/") {
			s.Evidence = append(s.Evidence, w.evidence(ctx, key))
		} else {
			approvals = append(approvals, key)
		}
	}
	s.Approvals = w.approvals(ctx, by.Plan, approvals)
	return s
}

// problem notes what went wrong, and words it.
func (w *walk) problem(what string, err error) string {
	if err == nil {
		return ""
	}
	w.problems = append(w.problems, strings.TrimPrefix(what+": "+err.Error(), ": "))
	return err.Error()
}

// evidence verifies a result again.
func (w *walk) evidence(ctx context.Context, key string) shownEvidence {
	s := shownEvidence{Key: key}
	entry, err := evidence.ParseKey(key)
	if err != nil {
		s.Problem = w.problem(key, err)
		return s
	}
	s.Test, s.Finished = entry.Test, entry.Finished
	found, err := entry.Open(ctx, w.store, w.keys)
	if err != nil {
		s.Problem = w.problem(key, err)
		return s
	}
	s.Result, s.Signer, s.Log = found.Outcome, found.Name, found.Log
	return s
}

// approvals verifies a plan's approvals again, and picks those that the gate stood on.
func (w *walk) approvals(ctx context.Context, plan string, keys []string) []shownApproval {
	var all []shownApproval
	var found []decision.Verified
	var err error
	if slices.ContainsFunc(keys, isStatement) {
		found, _, err = decision.List(ctx, w.store, plan, w.keys)
	}
	for _, key := range keys {
		s := shownApproval{Key: key}
		i := slices.IndexFunc(found, func(a decision.Verified) bool { return a.Key == key })
		switch {
		case !isStatement(key):
		case err != nil:
			s.Problem = w.problem(key, err)
		case i < 0:
			s.Problem = w.problem(key, fmt.Errorf("it is not among the plan's approvals by known signers"))
		default:
			a := found[i]
			s.Approver, s.At, s.Comment, s.Signer = a.By, &a.At, a.Comment, a.Name
		}
		all = append(all, s)
	}
	return all
}

// isStatement says whether a key is of a signed statement; else it is a signed tag.
func isStatement(key string) bool { return strings.HasPrefix(key, "decisions/") }

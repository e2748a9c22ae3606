// Package proof reads evidence and approvals for gates: signed statements in the
// store, and signed git tags, each held against the signers of channels.yaml.
package proof

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/gate"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/tagsign"
)

// Store is the proof that a store keeps. It is a promotion.Proof.
type Store struct {
	store store.Store
	say   func(string)
	keys  map[string]signing.Verifier // by signer
	tags  map[string]tagsign.Signers  // by signer
}

// New reads the keys of all signers. say is told what is waited for; nil is nobody.
func New(s store.Store, signers map[string]channel.Signer, say func(string)) (*Store, error) {
	p := &Store{store: s, say: say, keys: map[string]signing.Verifier{}, tags: map[string]tagsign.Signers{}}
	for _, name := range slices.Sorted(maps.Keys(signers)) {
		if err := p.add(name, signers[name]); err != nil {
			return nil, fmt.Errorf("read the keys of signer %s: %w", name, err)
		}
	}
	return p, nil
}

func (p *Store) add(name string, s channel.Signer) (err error) {
	if !s.SignsTags() {
		key := signing.Verifier{Name: name, NotAfter: s.Until}
		key.Verifier, err = signing.ParsePublic(s.Data)
		p.keys[name] = key
		return err
	}
	load := tagsign.LoadSSH
	if s.OpenPGP != "" {
		load = tagsign.LoadOpenPGP
	}
	people, err := load(s.Data)
	people.Name = name
	p.tags[name] = people
	return err
}

func (p *Store) verifiers(names []string) []signing.Verifier {
	var all []signing.Verifier
	for _, name := range names {
		if key, ok := p.keys[name]; ok {
			all = append(all, key)
		}
	}
	return all
}

// Result is the newest result of the test by one of its signers.
func (p *Store) Result(ctx context.Context, digest string, t channel.Test) gate.Result {
	found, err := evidence.Latest(ctx, p.store, digest, t.Name, p.verifiers(t.Signers))
	if none := (*evidence.NoneError)(nil); errors.As(err, &none) {
		return gate.Result{Notes: none.Notes}
	}
	if err != nil {
		return gate.Result{Err: err}
	}
	r := gate.Result{
		Found: true, Passed: found.Outcome != evidence.Failed, Finished: found.Finished,
		Log: found.Log, Signer: found.Name, Key: found.Key, Notes: found.Notes,
	}
	for _, s := range found.Subjects {
		if s.Digest != digest {
			r.Disks = append(r.Disks, s.Digest)
		}
	}
	return r
}

// Consent is what people said of the plan, signed by the gate's signers, and notes about others.
func (p *Store) Consent(ctx context.Context, plan string, a channel.Approvals) (gate.Consent, error) {
	found, notes, err := decision.List(ctx, p.store, plan, p.verifiers(a.Signers))
	stands := decision.Stand(found)
	return gate.Consent{
		Asked: said(stands.Requests), Given: said(stands.Approvals), Holds: said(stands.Holds), Overrides: said(stands.Overrides), Notes: notes,
	}, err
}

func said(all []decision.Verified) (what []gate.Said) {
	for _, v := range all {
		what = append(what, gate.Said{Who: v.By, At: v.At, Key: v.Key, Reason: v.Reason, Group: v.Group})
	}
	return what
}

// Tag fetches a tag, and verifies that one of the signers signed it.
func (p *Store) Tag(ctx context.Context, repository, name string, signers []string) (promotion.Tag, error) {
	version, test, err := tagsign.ParseName(name)
	if err != nil {
		return promotion.Tag{}, err
	}
	object, hash, err := tagsign.Fetch(ctx, repository, name, p.say)
	if err != nil {
		return promotion.Tag{}, err
	}
	var accepted []tagsign.Signers
	for _, s := range signers {
		accepted = append(accepted, p.tags[s])
	}
	tag, err := tagsign.Verify(object, name, accepted...)
	if err != nil {
		return promotion.Tag{}, err
	}
	return promotion.Tag{
		Commit: tag.Commit, Object: hash, Approver: tag.Approver, Version: version, Test: test, Signed: tag.Signed,
	}, nil
}

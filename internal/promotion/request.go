package promotion

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/gate"
	"slipway.dev/slipway/internal/ledger"
)

// Request is what somebody wants moved. Of Digest, Tag and Rollback one may be
// said; without any, what the channel before holds is meant.
type Request struct {
	Channel  string `json:"channel"` // full name
	Digest   string `json:"digest,omitempty"`
	Version  string `json:"version,omitempty"`  // vX.Y.Z, where the channel requires one
	Tag      string `json:"tag,omitempty"`      // a signed git tag: the image of its commit is meant, and it approves
	Rollback bool   `json:"rollback,omitempty"` // back to Digest, or to what the channel held before
}

// Order is requests that make one plan.
type Order struct {
	Requests  []Request `json:"requests"`
	Train     string    `json:"train,omitempty"`     // makes the requests itself, for all members
	OnlyNew   bool      `json:"onlyNew,omitempty"`   // leave out what has nothing new to take
	Requester string    `json:"requester,omitempty"` // their own approval does not count
	Why       string    `json:"why,omitempty"`
}

// resolved is a request whose edge is known.
type resolved struct {
	edge     Edge
	channel  channel.Channel
	source   ledger.Line
	target   ledger.Line
	approver *gate.Said // who signed the tag
	err      error      // what sets the edge aside
}

var (
	digestForm  = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	versionForm = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`)
)

// RequestError is a request that means nothing, whatever the world is like.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return e.Err.Error() }
func (e *RequestError) Unwrap() error { return e.Err }

var errNothing = errors.New("holds nothing yet")

func (r Request) check(ch channel.Channel) error {
	said := 0
	for _, is := range []bool{r.Digest != "" && !r.Rollback, r.Tag != "", r.Rollback} {
		if is {
			said++
		}
	}
	switch {
	case said > 1:
		return errors.New("a digest, a tag and a rollback exclude each other")
	case r.Digest != "" && !digestForm.MatchString(r.Digest):
		return fmt.Errorf("%q is no digest; it looks like sha256: and 64 hexadecimal digits", r.Digest)
	case r.Version != "" && !versionForm.MatchString(r.Version):
		return fmt.Errorf("version %q is not as in v1.2.3", r.Version)
	case r.Version != "" && ch.Version == "":
		return errors.New("it takes no version; say version: required in its configuration")
	case r.Version == "" && r.Tag == "" && !r.Rollback && ch.Version != "":
		return errors.New("it requires a version; name one as in v1.2.3, or a signed tag")
	case ch.From == "" && said == 0:
		return errors.New("it is the entry channel; name the digest that enters")
	}
	return nil
}

// resolve finds out what a request means. An error is a request that means nothing;
// what happens on the way sets the edge aside.
func (p *Promoter) resolve(ctx context.Context, r Request) (*resolved, error) {
	a, ch, err := p.Config.Channel(r.Channel)
	if err != nil {
		return nil, &RequestError{err}
	}
	if err := r.check(ch); err != nil {
		return nil, &RequestError{fmt.Errorf("%s: %w", r.Channel, err)}
	}
	out := &resolved{channel: ch, edge: Edge{
		Artifact: a.Name, Kind: a.Kind, From: ch.From, To: ch.Name,
		Source: a.At(ch.From), Location: a.At(ch.Name), Digest: r.Digest, Version: r.Version, Rollback: r.Rollback,
	}}
	if ch.From == "" || r.Rollback { // the content lies where the channel does
		out.edge.From, out.edge.Source = "", a.At(ch.Name)
	}
	out.err = p.find(ctx, r, out)
	return out, context.Cause(ctx)
}

// find reads the ledger and finds the digest by it.
func (p *Promoter) find(ctx context.Context, r Request, out *resolved) (err error) {
	if out.source, err = p.readLine(ctx, out.edge.Artifact, out.channel.From); err != nil {
		return err
	}
	if out.target, err = p.readLine(ctx, out.edge.Artifact, out.channel.Name); err != nil {
		return err
	}
	return p.resolveDigest(ctx, r, out)
}

func (p *Promoter) resolveDigest(ctx context.Context, r Request, out *resolved) error {
	switch {
	case r.Tag != "":
		return p.resolveTag(ctx, r, out)
	case r.Rollback:
		return resolveRollback(out)
	case r.Digest == "":
		out.edge.Digest, _ = out.source.Holds()
		if out.edge.Digest == "" {
			return fmt.Errorf("%s %w; promote into it first", out.source.Channel, errNothing)
		}
	}
	return nil
}

// resolveTag takes the image of the tag's commit, which the channel before need not
// hold any more.
func (p *Promoter) resolveTag(ctx context.Context, r Request, out *resolved) error {
	if out.edge.Kind != channel.Image {
		return fmt.Errorf("%s: only images have the tag of a commit; name the digest", r.Channel)
	}
	var accepted []string
	if a := out.channel.Gate.Approvals; a != nil {
		accepted = a.Tags
	}
	if len(accepted) == 0 {
		return fmt.Errorf("%s: its gate takes no signed tags; name their signers under approvals", r.Channel)
	}
	a, _ := p.Config.Artifact(out.edge.Artifact)
	tag, err := p.Proof.Tag(ctx, a.Repository, r.Tag, accepted)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Channel, err)
	}
	if tag.Test == (out.channel.Version != "") {
		return fmt.Errorf("%s: tag %s is for another channel: vX.Y.Z is for one that requires a version, vX.Y.Z-test for one that does not", r.Channel, r.Tag)
	}
	out.edge.Digest, err = p.Registry.Resolve(ctx, out.edge.Source, tag.Commit)
	if err != nil {
		return fmt.Errorf("%s: find the image of commit %s, which tag %s names: %w", r.Channel, tag.Commit, r.Tag, err)
	}
	out.approver = &gate.Said{Who: tag.Approver, At: tag.Signed, Key: "tag " + r.Tag + " " + tag.Object}
	if out.channel.Version != "" {
		out.edge.Version = tag.Version
	}
	return nil
}

// resolveRollback goes to the newest digest that the channel held before the one it
// holds, passing over what is barred.
func resolveRollback(out *resolved) error {
	holds, _ := out.target.Holds()
	if out.edge.Digest != "" {
		return nil
	}
	for _, stay := range slices.Backward(out.target.Stays()) {
		_, barred := out.target.Barred(stay.Done.Digest)
		if _, before := out.source.Barred(stay.Done.Digest); before {
			barred = true
		}
		if stay.Done.Digest != holds && !barred {
			out.edge.Digest = stay.Done.Digest
			return nil
		}
	}
	return fmt.Errorf("%s has nothing to go back to; `slipway channel history %s` shows what it held", out.target.Channel, out.target.Channel)
}

// coupledAlone refuses a member of a train without the others.
func (p *Promoter) coupledAlone(requests []Request) error {
	for _, r := range requests {
		for _, t := range p.Config.Trains {
			a, ch, _ := channel.Split(r.Channel)
			if ch == t.Channel && slices.Contains(t.Artifacts, a) {
				return &RequestError{fmt.Errorf("%s moves with train %s, together or not at all; use --train %s", r.Channel, t.Name, t.Name)}
			}
		}
	}
	return nil
}

// requests are those of a train, or of the order itself.
func (p *Promoter) requests(o Order) ([]Request, error) {
	if o.Train == "" {
		return o.Requests, p.coupledAlone(o.Requests)
	}
	if o.OnlyNew {
		return nil, &RequestError{fmt.Errorf("train %s moves whole; a pattern leaves out what has nothing new", o.Train)}
	}
	i := slices.IndexFunc(p.Config.Trains, func(t channel.Train) bool { return t.Name == o.Train })
	if i < 0 {
		return nil, &RequestError{fmt.Errorf("there is no train %s; channels.yaml names them under trains", o.Train)}
	}
	said := map[string]Request{}
	for _, r := range o.Requests {
		said[r.Channel] = r
	}
	var all []Request
	train := p.Config.Trains[i]
	for _, member := range train.Artifacts {
		full := channel.Full(member, train.Channel)
		r := said[full]
		r.Channel = full
		all = append(all, r)
		delete(said, full)
	}
	for full := range said {
		return nil, &RequestError{fmt.Errorf("%s is no member of train %s", full, o.Train)}
	}
	return all, nil
}

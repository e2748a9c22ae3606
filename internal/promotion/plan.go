package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/gate"
	"slipway.dev/slipway/internal/ledger"
)

// Edge is one move: of a digest from a channel into another.
type Edge struct {
	Artifact string       `json:"artifact"`
	Kind     channel.Kind `json:"kind"`
	Digest   string       `json:"digest"`
	From     string       `json:"from,omitempty"` // channel; empty into the entry channel
	To       string       `json:"to"`             // channel
	Source   string       `json:"source"`         // location of From
	Location string       `json:"location"`       // location of To
	Version  string       `json:"version,omitempty"`
	Rollback bool         `json:"rollback,omitempty"`
}

// Channel is the full name of the channel that moves.
func (e Edge) Channel() string { return channel.Full(e.Artifact, e.To) }

func (e Edge) String() string { return fmt.Sprintf("%s to %s", e.Digest, e.Channel()) }

// Document is what a plan's hash covers: the edges, and the gates that they were
// planned under with the keys of their signers. No time, no evidence: a plan made
// again tomorrow has the same hash, unless something else would move or other
// people would be trusted.
type Document struct {
	Train  string                     `json:"train,omitempty"`
	Gates  map[string]channel.Channel `json:"gates"`            // by list and channel, as channels.yaml has them
	Keys   map[string]string          `json:"signers"`          // sha256 of a signer's keys, by name
	People map[string][]string        `json:"people,omitempty"` // who is whom among approvers
	Edges  []*Edge                    `json:"edges"`            // those of the plan's steps
}

// Hash names the document: the sha256 of all but the edges, and of each edge.
func (d Document) Hash() (string, error) {
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	rest := d
	rest.Edges = nil
	if err := encoder.Encode(rest); err != nil {
		return "", err
	}
	for _, e := range d.Edges {
		if err := encoder.Encode(e); err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// document collects what the hash covers. Edges are in order of their channels.
func document(c *channel.Config, train string, steps []*Step) (Document, error) {
	d := Document{Train: train, People: c.People, Gates: map[string]channel.Channel{}, Keys: map[string]string{}}
	for _, step := range steps {
		a, ch, err := c.Channel(step.Channel())
		if err != nil {
			return Document{}, err
		}
		d.Edges = append(d.Edges, step.Edge)
		gate := channel.Full(a.Channels, ch.Name)
		if _, known := d.Gates[gate]; known {
			continue
		}
		d.Gates[gate] = ch
		for _, name := range signers(ch.Gate) {
			s := c.Signers[name]
			sum := sha256.Sum256(fmt.Appendf(nil, "%s until %s", s.Data, s.Until))
			d.Keys[name] = hex.EncodeToString(sum[:])
		}
	}
	slices.SortFunc(d.Edges, func(a, b *Edge) int { return strings.Compare(a.Channel(), b.Channel()) })
	return d, nil
}

// signers are everybody whose word opens the gate.
func signers(g channel.Gate) []string {
	all := map[string]bool{}
	for _, t := range g.Tests {
		for _, s := range t.Signers {
			all[s] = true
		}
	}
	if g.Approvals != nil {
		for _, s := range append(slices.Clone(g.Approvals.Signers), g.Approvals.Tags...) {
			all[s] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// State is how an edge of a plan stands.
type State string

// The states.
const (
	Ready   State = "ready"   // its gate is met
	Held    State = "held"    // its gate is not met
	Current State = "current" // the channel holds the digest already
	Open    State = "open"    // an earlier run left its move unfinished; it is rolled forward
	Broken  State = "aside"   // something is wrong with it; Problem says what
)

// Step is an edge, and what is known of it now.
type Step struct {
	*Edge
	State        State              `json:"state"`
	Holds        string             `json:"holds,omitempty"` // what the channel holds now, by its ledger
	Requirements []gate.Requirement `json:"requirements,omitempty"`
	Requests     []string           `json:"requests,omitempty"` // what applying it would ask of registries and stores, after Explain
	Problem      string             `json:"problem,omitempty"`

	err      error       // Problem's
	approver *gate.Said  // who signed the tag that the digest came from
	spent    time.Time   // approvals of before are for another move
	judged   time.Time   // when its gate was
	line     ledger.Line // its head
}

// Plan is what would be done now. Only its Document is in the hash.
type Plan struct {
	Hash     string   `json:"hash"`
	Train    string   `json:"train,omitempty"`
	Steps    []*Step  `json:"edges"`
	Document Document `json:"-"`

	requester, why string
}

// Count is how many steps are in a state.
func (p *Plan) Count(s State) int {
	n := 0
	for _, step := range p.Steps {
		if step.State == s {
			n++
		}
	}
	return n
}

// keys are what the step's gate stood on.
func (s *Step) keys() []string {
	var all []string
	for _, r := range s.Requirements {
		all = append(all, r.Keys...)
	}
	return all
}

// Counted are the keys of what a requirement of the step stands on.
func (s *Step) Counted(requirement string) (keys []string) {
	for _, r := range s.Requirements {
		if r.Name == requirement {
			keys = append(keys, r.Keys...)
		}
	}
	return keys
}

func (s *Step) aside(err error) {
	s.State, s.err, s.Problem = Broken, err, err.Error()
}

// Package decision keeps what people decided about a plan, signed.
//
// A plan is known by its hash, so a decision about one plan is about no other: one
// that is copied to another plan is damage, and so is one that was changed. Nothing
// is deleted: what is taken back has a decision that takes it back.
package decision

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/signing/intoto"
	"slipway.dev/slipway/internal/store"
)

// PredicateType is the predicate of a decision.
const PredicateType = "https://slipway.dev/decision/v1"

// root holds a folder for each plan.
const root = "decisions/"

// Kind is what was decided.
type Kind string

// The kinds.
const (
	Request  Kind = "request"  // asks for the plan; who asks does not approve
	Withdraw Kind = "withdraw" // takes the request of the comment Of back
	Approve  Kind = "approve"
	Hold     Kind = "hold"     // stops the plan until it is released
	Release  Kind = "release"  // takes every earlier hold back
	Override Kind = "override" // lets the plan pass a freeze that Group may override
)

var kinds = []Kind{Request, Withdraw, Approve, Hold, Release, Override}

// Decision is what one person decided about a plan.
type Decision struct {
	Kind    Kind      `json:"decision"`
	Plan    string    `json:"plan"`             // its hash: sha256:HEX
	By      string    `json:"by"`               // the name under which the person is known to the signer
	Comment string    `json:"comment"`          // where they said so: a URL, or an ID
	At      time.Time `json:"at"`               // in UTC
	Reason  string    `json:"reason,omitempty"` // of a Hold and an Override
	Group   string    `json:"group,omitempty"`  // of an Override: in whose name
	Of      string    `json:"of,omitempty"`     // of a Withdraw: the request's Comment
}

// Verified is a decision that an accepted signer signed.
type Verified struct {
	Decision
	Signer string `json:"signer"`         // ID of the key
	Name   string `json:"name,omitempty"` // what the configuration calls the signer
	Key    string `json:"key"`            // in the store
}

type predicate struct {
	Decision  Kind   `json:"decision"`
	By        string `json:"by"`
	Comment   string `json:"comment"`
	DecidedOn string `json:"decidedOn"`
	Reason    string `json:"reason,omitempty"`
	Group     string `json:"group,omitempty"`
	Of        string `json:"of,omitempty"`
}

// Add signs a decision and files it. Adding the same again is success.
func Add(ctx context.Context, s store.Store, signer dsse.SignerVerifier, d Decision) (key string, err error) {
	statement, hex, err := d.statement()
	if err != nil {
		return "", fmt.Errorf("add decision: %w", err)
	}
	bundle, err := signing.Sign(ctx, signer, statement)
	if err != nil {
		return "", fmt.Errorf("add decision: %w", err)
	}
	if key, err = filed.Create(ctx, s, root+hex+"/", bundle); err != nil {
		return "", fmt.Errorf("add decision: %w", err)
	}
	return key, nil
}

// List returns the decisions about a plan by accepted signers, oldest first, each
// once. Statements by others do not count, and are noted; damage is an error.
func List(ctx context.Context, s store.Store, plan string, signers []signing.Verifier) (all []Verified, notes []string, err error) {
	hex, err := intoto.Hex(plan)
	if err != nil {
		return nil, nil, fmt.Errorf("list decisions: %w", err)
	}
	for key, err := range s.List(ctx, root+hex+"/") {
		if err != nil {
			return nil, nil, err
		}
		found, err := open(ctx, s, key, plan, signers)
		switch {
		case errors.Is(err, signing.ErrUnknownKey), errors.Is(err, signing.ErrExpiredKey):
			notes = append(notes, fmt.Sprintf("%s does not count: %v", key, err))
		case err != nil:
			return nil, nil, err
		default:
			all = append(all, found)
		}
	}
	return inOrder(all), notes, nil
}

// inOrder sorts by time, and leaves out what was signed more than once.
func inOrder(all []Verified) []Verified {
	slices.SortFunc(all, func(a, b Verified) int {
		if by := a.At.Compare(b.At); by != 0 {
			return by
		}
		return strings.Compare(a.Key, b.Key)
	})
	var kept []Verified
	for _, v := range all {
		if !slices.ContainsFunc(kept, func(k Verified) bool { return k.Decision == v.Decision }) {
			kept = append(kept, v)
		}
	}
	return kept
}

var keyPattern = regexp.MustCompile(`^decisions/[0-9a-f]{64}/([0-9a-f]{64})\.json$`)

func open(ctx context.Context, s store.Store, key, plan string, signers []signing.Verifier) (Verified, error) {
	m := keyPattern.FindStringSubmatch(key)
	if m == nil {
		return Verified{}, filed.Damaged(s, key, errors.New("it has no name of a decision"))
	}
	bundle, err := filed.Open(ctx, s, key, m[1])
	if err != nil {
		return Verified{}, err
	}
	statement, by, err := signing.Verify(ctx, bundle, signers...)
	if errors.Is(err, signing.ErrUnknownKey) {
		return Verified{}, err
	}
	if err != nil {
		return Verified{}, filed.Damaged(s, key, err)
	}
	d, err := parse(statement)
	if err == nil && d.Plan != plan {
		err = fmt.Errorf("it is about the plan %s, not %s", d.Plan, plan)
	}
	if err != nil {
		return Verified{}, filed.Damaged(s, key, err)
	}
	if err := by.CheckDate(d.At); err != nil {
		return Verified{}, err
	}
	id, err := signing.KeyID(by.Public())
	return Verified{Decision: d, Signer: id, Name: by.Name, Key: key}, err
}

func (d Decision) statement() (text []byte, hex string, err error) {
	if err := d.check(); err != nil {
		return nil, "", err
	}
	if hex, err = intoto.Hex(d.Plan); err != nil {
		return nil, "", err
	}
	text, err = intoto.New(PredicateType,
		predicate{d.Kind, d.By, d.Comment, d.At.UTC().Format(time.RFC3339Nano), d.Reason, d.Group, d.Of},
		intoto.Subject{Name: "plan", Digest: intoto.Digest{SHA256: hex}},
	).Marshal()
	return text, hex, err
}

func parse(statement []byte) (Decision, error) {
	s, err := intoto.Unmarshal[predicate](statement, PredicateType)
	if err != nil {
		return Decision{}, err
	}
	if len(s.Subject) != 1 || s.Subject[0].Name != "plan" {
		return Decision{}, errors.New("it is not about one plan")
	}
	p := s.Predicate
	at, err := time.Parse(time.RFC3339Nano, p.DecidedOn)
	if err != nil || at.UTC().Format(time.RFC3339Nano) != p.DecidedOn {
		return Decision{}, fmt.Errorf("decidedOn %q is no time in UTC", p.DecidedOn)
	}
	d := Decision{
		Kind: p.Decision, Plan: "sha256:" + s.Subject[0].Digest.SHA256, By: p.By, Comment: p.Comment, At: at.UTC(),
		Reason: p.Reason, Group: p.Group, Of: p.Of,
	}
	return d, d.check()
}

func (d Decision) check() error {
	switch year := d.At.Year(); {
	case !slices.Contains(kinds, d.Kind):
		return fmt.Errorf("%q is nothing that is decided about a plan", d.Kind)
	case d.By == "" || d.By != strings.TrimSpace(d.By) || !printable(d.By):
		return fmt.Errorf("%q is nobody's name", d.By)
	case !printable(d.Comment) || !printable(d.Reason) || !printable(d.Group) || !printable(d.Of):
		return fmt.Errorf("%q, %q, %q or %q is not printable text", d.Comment, d.Reason, d.Group, d.Of)
	case (d.Kind == Hold || d.Kind == Override) && d.Reason == "":
		return fmt.Errorf("%s gives no reason", d.Kind)
	case (d.Kind == Override) != (d.Group != ""):
		return errors.New("an override is in the name of a group, and nothing else is")
	case (d.Kind == Withdraw) != (d.Of != ""):
		return errors.New("a withdrawal names the comment of its request, and nothing else does")
	case year < 2000 || year > 9999:
		return fmt.Errorf("%s is no time of a decision", d.At)
	}
	return nil
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

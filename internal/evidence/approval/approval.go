// Package approval keeps people's signed consent to a plan.
//
// A plan is known by its hash, so consent to one plan is consent to no other: an
// approval that is copied to another plan is damage, and so is one that was changed.
// What counts is how many different people approved, however often each of them did.
package approval

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

// PredicateType is the predicate of an approval.
const PredicateType = "https://slipway.dev/approval/v1"

// root holds a folder for each plan.
const root = "approvals/"

// Approval is one person's consent to a plan.
type Approval struct {
	Plan     string    `json:"plan"`     // its hash: sha256:HEX
	Approver string    `json:"approver"` // the name under which the person is known to the signer
	Comment  string    `json:"comment"`  // where the consent was given: a URL, or an ID
	At       time.Time `json:"at"`       // in UTC
}

// Verified is an approval that an accepted signer signed.
type Verified struct {
	Approval
	Signer string `json:"signer"`         // ID of the key
	Name   string `json:"name,omitempty"` // what the configuration calls the signer
	Key    string `json:"key"`            // in the store
}

type predicate struct {
	Approver   string `json:"approver"`
	Comment    string `json:"comment"`
	ApprovedOn string `json:"approvedOn"`
}

// Add signs an approval and files it. Adding the same again is success.
func Add(ctx context.Context, s store.Store, signer dsse.SignerVerifier, a Approval) (key string, err error) {
	statement, hex, err := a.statement()
	if err != nil {
		return "", fmt.Errorf("add approval: %w", err)
	}
	bundle, err := signing.Sign(ctx, signer, statement)
	if err != nil {
		return "", fmt.Errorf("add approval: %w", err)
	}
	if key, err = filed.Create(ctx, s, root+hex+"/", bundle); err != nil {
		return "", fmt.Errorf("add approval: %w", err)
	}
	return key, nil
}

// List returns the approvals of a plan by accepted signers: the first of each person,
// oldest first. Statements by others do not count, and are noted; damage is an error.
func List(ctx context.Context, s store.Store, plan string, signers []signing.Verifier) (approvals []Verified, notes []string, err error) {
	hex, err := intoto.Hex(plan)
	if err != nil {
		return nil, nil, fmt.Errorf("list approvals: %w", err)
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
			approvals = append(approvals, found)
		}
	}
	return distinct(approvals), notes, nil
}

// distinct keeps the first approval of each person. Names differ by more than case.
func distinct(all []Verified) []Verified {
	slices.SortFunc(all, func(a, b Verified) int {
		if by := a.At.Compare(b.At); by != 0 {
			return by
		}
		return strings.Compare(a.Key, b.Key)
	})
	var kept []Verified
	for _, a := range all {
		same := func(b Verified) bool { return strings.EqualFold(a.Approver, b.Approver) }
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, a)
		}
	}
	return kept
}

var keyPattern = regexp.MustCompile(`^approvals/[0-9a-f]{64}/([0-9a-f]{64})\.json$`)

func open(ctx context.Context, s store.Store, key, plan string, signers []signing.Verifier) (Verified, error) {
	m := keyPattern.FindStringSubmatch(key)
	if m == nil {
		return Verified{}, filed.Damaged(s, key, errors.New("it has no name of an approval"))
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
	a, err := parse(statement)
	if err == nil && a.Plan != plan {
		err = fmt.Errorf("it approves the plan %s, not %s", a.Plan, plan)
	}
	if err != nil {
		return Verified{}, filed.Damaged(s, key, err)
	}
	if err := by.CheckDate(a.At); err != nil {
		return Verified{}, err
	}
	id, err := signing.KeyID(by.Public())
	return Verified{Approval: a, Signer: id, Name: by.Name, Key: key}, err
}

func (a Approval) statement() (text []byte, hex string, err error) {
	if err := a.check(); err != nil {
		return nil, "", err
	}
	if hex, err = intoto.Hex(a.Plan); err != nil {
		return nil, "", err
	}
	text, err = intoto.New(PredicateType,
		predicate{a.Approver, a.Comment, a.At.UTC().Format(time.RFC3339Nano)},
		intoto.Subject{Name: "plan", Digest: intoto.Digest{SHA256: hex}},
	).Marshal()
	return text, hex, err
}

func parse(statement []byte) (Approval, error) {
	s, err := intoto.Unmarshal[predicate](statement, PredicateType)
	if err != nil {
		return Approval{}, err
	}
	if len(s.Subject) != 1 || s.Subject[0].Name != "plan" {
		return Approval{}, errors.New("it is not about one plan")
	}
	at, err := time.Parse(time.RFC3339Nano, s.Predicate.ApprovedOn)
	if err != nil || at.UTC().Format(time.RFC3339Nano) != s.Predicate.ApprovedOn {
		return Approval{}, fmt.Errorf("approvedOn %q is no time in UTC", s.Predicate.ApprovedOn)
	}
	a := Approval{"sha256:" + s.Subject[0].Digest.SHA256, s.Predicate.Approver, s.Predicate.Comment, at.UTC()}
	return a, a.check()
}

func (a Approval) check() error {
	switch year := a.At.Year(); {
	case a.Approver == "" || a.Approver != strings.TrimSpace(a.Approver) || !printable(a.Approver):
		return fmt.Errorf("%q is no approver's name", a.Approver)
	case !printable(a.Comment):
		return fmt.Errorf("%q is no comment's URL or ID", a.Comment)
	case year < 2000 || year > 9999:
		return fmt.Errorf("%s is no time of an approval", a.At)
	}
	return nil
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

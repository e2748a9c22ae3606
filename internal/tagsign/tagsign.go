// Package tagsign tells which accepted person signed a git tag, and of which commit.
//
// A signed tag approves one commit under one name, for good: a signature counts only for
// the name that it covers, and each byte of the object that the signature does not cover
// must be as a signing program writes it. So no changed, renamed or moved tag passes.
// Whoever trusts a tag takes the commit from here, never from what a ref holds today.
package tagsign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	// ErrUnsigned is a tag without a signature: lightweight, or annotated only.
	ErrUnsigned = errors.New("the tag is not signed; make it with git tag -s")
	// ErrUnknownSigner is a signature by a key that no accepted signer has.
	ErrUnknownSigner = errors.New("no accepted signer has the key")
)

// Signers are the people whose tags approve.
type Signers struct {
	Name string // what the configuration calls them, for errors; may be empty
	keys keys
}

// keys are public keys of one format.
type keys interface {
	format() format
	// verify checks an object's signature. The error is ErrUnknownSigner if
	// none of the keys made it.
	verify(object) (signature, error)
}

// signature is a good signature.
type signature struct {
	approver string
	keyID    string
	signed   time.Time
}

// Tag is a tag that an accepted signer signed.
type Tag struct {
	Name     string    // as in v1.2.3; the signature covers it
	Commit   string    // full hash of the commit that was signed
	Object   string    // full hash of the tag object
	Approver string    // who signed: an e-mail address in lower case where the key names one
	KeyID    string    // fingerprint of the key that signed
	Signed   time.Time // when, by the signer's word
}

// Verify checks the bytes of a tag object, as git cat-file tag prints them, that a ref
// refs/tags/NAME points at. A key must have been valid when it signed, by the time that
// the signature itself names: a key that ended since has approved what it approved. Whoever
// has an old key can date a tag back, so a key in wrong hands must be revoked or taken out.
func Verify(object []byte, name string, signers ...Signers) (Tag, error) {
	tag, err := verify(object, name, signers)
	if err != nil {
		return Tag{}, fmt.Errorf("verify tag %s: %w", name, err)
	}
	return tag, nil
}

func verify(raw []byte, name string, signers []Signers) (Tag, error) {
	o, err := parse(raw)
	if err != nil {
		return Tag{}, err
	}
	if o.name != name {
		return Tag{}, fmt.Errorf("it was signed as %q and pushed under another name; sign a tag of this name", o.name)
	}
	s, err := whoSigned(o, signers)
	if err != nil {
		return Tag{}, err
	}
	return Tag{Name: name, Commit: o.commit, Object: o.hash, Approver: s.approver, KeyID: s.keyID, Signed: s.signed}, nil
}

// whoSigned asks all signers with keys of the signature's format. The one whose key it
// is decides; what keeps a known key from counting says more than that others lack it.
func whoSigned(o object, signers []Signers) (signature, error) {
	if o.format == unsigned {
		return signature{}, ErrUnsigned
	}
	var unknown, refused error
	for _, s := range signers {
		if s.keys == nil || s.keys.format() != o.format {
			continue
		}
		found, err := s.keys.verify(o)
		switch {
		case err == nil:
			return found, nil
		case errors.Is(err, ErrUnknownSigner):
			unknown = err
		default:
			refused = err
		}
	}
	switch {
	case refused != nil:
		return signature{}, refused
	case unknown != nil:
		return signature{}, fmt.Errorf("%w: %s", unknown, who(signers))
	default:
		return signature{}, fmt.Errorf("%w: none of %s has %s keys, which made the signature", ErrUnknownSigner, who(signers), o.format)
	}
}

// who names signers for people.
func who(signers []Signers) string {
	var names []string
	for _, s := range signers {
		names = append(names, s.Name)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if len(names) == 0 {
		return "the signers given"
	}
	return "signers " + strings.Join(names, ", ")
}

// Package signing signs statements about artifacts, and believes only what it can
// read in exactly one way.
//
// A signed statement is a Sigstore bundle v0.3 around a DSSE envelope, which other
// people's tools verify too. A bundle has one form, byte for byte: whoever changes
// anything in it, be it a space or the hint at the key, makes it another bundle, and
// that one is refused. So the hash of a bundle's bytes is a name for its content.
//
// Keys are ECDSA P-256 or Ed25519 in PEM files, or whatever else implements the
// interfaces of go-securesystemslib's dsse, such as a key in a cloud's key service.
package signing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

var (
	// ErrUnknownKey is a bundle that names none of the accepted keys.
	ErrUnknownKey = errors.New("signed by an unknown key")
	// ErrExpiredKey is a statement that is dated after its key's end.
	ErrExpiredKey = errors.New("dated after the end of its key")
	// ErrMalformed is what is no bundle, or not in its one form.
	ErrMalformed = errors.New("not a bundle as slipway writes it")
	// ErrSignature is a bundle that names an accepted key, which did not sign it.
	ErrSignature = errors.New("the signature is wrong")
)

// Verifier is an accepted key, with what a configuration says of it.
type Verifier struct {
	dsse.Verifier
	Name     string    // what people call it; may be empty
	NotAfter time.Time // statements dated later are refused; zero is no end
}

// CheckDate refuses a statement that is dated after the key's end. The date is the
// signer's word: a key that leaked is not to be ended but taken out.
func (v Verifier) CheckDate(at time.Time) error {
	if v.NotAfter.IsZero() || !at.After(v.NotAfter) {
		return nil
	}
	return fmt.Errorf("%w: %s is after %s, when %s ended", ErrExpiredKey,
		at.UTC().Format(time.RFC3339), v.NotAfter.UTC().Format(time.RFC3339), v)
}

// String is the key's name, or its ID if it has none.
func (v Verifier) String() string {
	if v.Name != "" {
		return "key " + v.Name
	}
	id, err := KeyID(v.Public())
	if err != nil {
		return "a key of an unknown kind"
	}
	return "key " + id
}

// Sign signs a statement and returns the bundle. With a key of this package, the same
// statement always gives the same bundle.
func Sign(ctx context.Context, signer dsse.SignerVerifier, statement []byte) ([]byte, error) {
	id, err := KeyID(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	text := dsse.PAE(payloadType, statement)
	signature, err := signer.Sign(ctx, text)
	if err == nil {
		err = signer.Verify(ctx, text, signature) // a key service may hold another key than it says
	}
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", id, err)
	}
	return content{hint: id, statement: statement, signature: signature}.encode()
}

// Verify returns the statement of a bundle that one of the keys signed, and that key.
// The errors are an ErrMalformed, ErrUnknownKey or ErrSignature.
func Verify(ctx context.Context, bundle []byte, keys ...Verifier) (statement []byte, by Verifier, err error) {
	c, err := decode(bundle)
	if err != nil {
		return nil, Verifier{}, fmt.Errorf("verify: %w", err)
	}
	for _, key := range keys {
		id, err := KeyID(key.Public())
		if err != nil {
			return nil, Verifier{}, fmt.Errorf("verify with %s: %w", key, err)
		}
		if id != c.hint {
			continue
		}
		if err := key.Verify(ctx, dsse.PAE(payloadType, c.statement), c.signature); err != nil {
			return nil, Verifier{}, fmt.Errorf("verify with %s: %w: %w", key, ErrSignature, err)
		}
		return c.statement, key, nil
	}
	return nil, Verifier{}, fmt.Errorf("verify: %w: %s", ErrUnknownKey, c.hint)
}

// Peek returns a bundle's statement, and the ID of the key that it names, without
// believing either: for people who look, never for a decision.
func Peek(bundle []byte) (statement []byte, keyID string, err error) {
	c, err := decode(bundle)
	return c.statement, c.hint, err
}

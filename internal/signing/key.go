package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// KeyID names a public key: the sha256, in hex, of its DER form (SubjectPublicKeyInfo).
func KeyID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("name key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// Generate makes a new ECDSA P-256 key.
func Generate() (crypto.Signer, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// NewSigner makes a signer of an ECDSA P-256 or Ed25519 key.
func NewSigner(private crypto.Signer) (dsse.SignerVerifier, error) {
	verifier, err := NewVerifier(private.Public())
	if err != nil {
		return nil, err
	}
	return &signer{verifier, private}, nil
}

// NewVerifier makes a verifier of an ECDSA P-256 or Ed25519 key.
func NewVerifier(public crypto.PublicKey) (dsse.Verifier, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("the key is on the curve %s; use one on P-256", key.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("the key is a %T; use ECDSA P-256 or Ed25519", public)
	}
	return &verifier{public}, nil
}

type verifier struct{ public crypto.PublicKey }

func (v *verifier) Public() crypto.PublicKey { return v.public }

func (v *verifier) KeyID() (string, error) { return KeyID(v.public) }

func (v *verifier) Verify(_ context.Context, data, signature []byte) error {
	good := false
	switch key := v.public.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		good = ecdsa.VerifyASN1(key, sum[:], signature)
	case ed25519.PublicKey:
		good = ed25519.Verify(key, data, signature)
	}
	if !good {
		return errors.New("the key did not sign this")
	}
	return nil
}

type signer struct {
	dsse.Verifier
	private crypto.Signer
}

// Sign is deterministic: without a source of randomness, ECDSA takes its nonce from
// the key and the data (RFC 6979). So signing again after a crash gives the same bytes.
func (s *signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	if _, is := s.private.(ed25519.PrivateKey); is {
		return s.private.Sign(nil, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return s.private.Sign(nil, sum[:], crypto.SHA256)
}

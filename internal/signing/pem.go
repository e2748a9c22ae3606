package signing

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// The kinds of PEM blocks.
const (
	publicBlock    = "PUBLIC KEY"
	privateBlock   = "PRIVATE KEY"
	encryptedBlock = "ENCRYPTED SIGSTORE PRIVATE KEY"
	oldBlock       = "ENCRYPTED COSIGN PRIVATE KEY" // what cosign wrote before version 2
)

// ErrPassword is an encrypted key without its password, or with another.
var ErrPassword = errors.New("the key's password is missing or wrong")

// ParsePublic reads a public key from PEM.
func ParsePublic(text []byte) (dsse.Verifier, error) {
	block, err := onlyBlock(text, publicBlock)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return NewVerifier(public)
}

// ParsePrivate reads a private key from PEM: PKCS #8, or cosign's encrypted form, for
// which alone the password counts; nil is none.
func ParsePrivate(text, password []byte) (dsse.SignerVerifier, error) {
	block, err := onlyBlock(text, privateBlock, encryptedBlock, oldBlock)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	der := block.Bytes
	if block.Type != privateBlock {
		if der, err = decrypt(der, password); err != nil {
			return nil, fmt.Errorf("read private key: %w", err)
		}
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	key, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read private key: a %T cannot sign", private)
	}
	return NewSigner(key)
}

func decrypt(data, password []byte) ([]byte, error) {
	if password == nil {
		return nil, ErrPassword
	}
	der, err := encrypted.Decrypt(data, password)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassword, err)
	}
	return der, nil
}

// onlyBlock returns the one PEM block of a text, of one of some kinds. Its errors
// never show what the text holds: it may be a secret.
func onlyBlock(text []byte, kinds ...string) (*pem.Block, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("it is no PEM file")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("it holds more than one key; give one key a file")
	}
	for _, kind := range kinds {
		if block.Type == kind {
			return block, nil
		}
	}
	return nil, fmt.Errorf("it holds a %s instead of a %s", block.Type, strings.Join(kinds, ", "))
}

// MarshalPrivate writes a key as PEM: PKCS #8, or encrypted as cosign does it if the
// password is not nil.
func MarshalPrivate(key crypto.Signer, password []byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write private key: %w", err)
	}
	kind := privateBlock
	if password != nil {
		kind = encryptedBlock
		if der, err = encrypted.Encrypt(der, password); err != nil {
			return nil, fmt.Errorf("encrypt private key: %w", err)
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), nil
}

// MarshalPublic writes the public half of a key as PEM.
func MarshalPublic(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

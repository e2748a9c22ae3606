package tagsign

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// namespace is what git has SSH keys sign in, so that a signature made for another
// purpose does not pass for one of a tag.
const namespace = "git"

// LoadSSH takes keys in the form of OpenSSH's allowed_signers (see ssh-keygen(1)):
// principals, options, key. Each line names one person by its first principal, in lower
// case; names, not patterns. The options namespaces, valid-after and valid-before count
// as they do for ssh-keygen, by the tagger's time, but must end in Z: a time in the zone of
// whatever machine looks would let two machines disagree. Certificates are refused.
func LoadSSH(allowedSigners []byte) (Signers, error) {
	keys, err := parseAllowed(allowedSigners)
	if err != nil {
		return Signers{}, fmt.Errorf("read allowed signers: %w", err)
	}
	return Signers{keys: keys}, nil
}

// sshKeys are the lines of an allowed_signers file.
type sshKeys []allowed

func (sshKeys) format() format { return sshFile }

func (k sshKeys) verify(o object) (signature, error) {
	data, err := sshBytes(o.block)
	if err != nil {
		return signature{}, err
	}
	sig, err := parseSSH(data)
	if err != nil {
		return signature{}, fmt.Errorf("read the signature: %w", err)
	}
	id := ssh.FingerprintSHA256(sig.PublicKey)
	lines := k.of(sig.PublicKey)
	if len(lines) == 0 {
		return signature{}, fmt.Errorf("%w %s", ErrUnknownSigner, id)
	}
	if err := sshsig.Verify(bytes.NewReader(o.signed), sig, lines[0].key, sig.HashAlgorithm, namespace); err != nil {
		return signature{}, fmt.Errorf("signature by key %s: %w", id, err)
	}
	var refused error
	for _, line := range lines {
		if refused = line.allows(o.tagged); refused == nil {
			return signature{approver: line.principal, keyID: id, signed: o.tagged}, nil
		}
	}
	return signature{}, fmt.Errorf("signature by key %s: %w", id, refused)
}

// of are the lines with a key.
func (k sshKeys) of(key ssh.PublicKey) []allowed {
	var lines []allowed
	for _, line := range k {
		if bytes.Equal(line.key.Marshal(), key.Marshal()) {
			lines = append(lines, line)
		}
	}
	return lines
}

// parseSSH reads a signature in SSH's wire form, and refuses bytes that mean nothing.
func parseSSH(data []byte) (*sshsig.Signature, error) {
	sig, err := sshsig.ParseSignature(data)
	if err != nil {
		return nil, err
	}
	hardware := strings.HasPrefix(sig.PublicKey.Type(), "sk-") // whose flags and counter follow the signature
	if !bytes.Equal(sig.Marshal(), data) || len(sig.Signature.Rest) > 0 && !hardware {
		return nil, errors.New("it holds bytes that it does not cover")
	}
	return sig, nil
}

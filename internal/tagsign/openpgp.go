package tagsign

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

const (
	keyType  = "PGP PUBLIC KEY BLOCK"
	keyStart = "-----BEGIN PGP "
	keyEnd   = "-----END " + keyType + "-----"
)

// LoadOpenPGP takes armored public keys, in one block or several. Each key is an
// approver, named by the e-mail address of its primary identity, or by the identity where
// it has none; two keys of one name are one approver. Export keys whole: what a key may
// do on a day is read from the self-signatures of that day, and without those of then, a
// tag that was signed before a key was extended is refused.
func LoadOpenPGP(armored []byte) (Signers, error) {
	packets, err := keyPackets(armored)
	if err != nil {
		return Signers{}, fmt.Errorf("read OpenPGP keys: %w", err)
	}
	entities, err := readRing(packets)
	if err != nil {
		return Signers{}, fmt.Errorf("read OpenPGP keys: %w", err)
	}
	ring := &openPGPKeys{packets: packets, approvers: map[string]string{}}
	for _, e := range entities {
		primary := fingerprint(e.PrimaryKey)
		if _, twice := ring.approvers[primary]; twice {
			return Signers{}, fmt.Errorf("read OpenPGP keys: key %s is there twice; keep the newer", primary)
		}
		name, err := approverOf(e)
		if err != nil {
			return Signers{}, fmt.Errorf("read OpenPGP keys: key %s: %w", primary, err)
		}
		ring.approvers[primary] = name
	}
	return Signers{keys: ring}, nil
}

// keyPackets takes all blocks out of their armor, and refuses one that is cut short:
// what it lost might be a revocation.
func keyPackets(text []byte) ([]byte, error) {
	var packets []byte
	blocks := bytes.Split(text, []byte(keyStart))[1:]
	if len(blocks) == 0 {
		return nil, errors.New("there is no armored key; export keys with gpg --armor --export")
	}
	for _, block := range blocks {
		block = append([]byte(keyStart), block...)
		decoded, err := armor.Decode(bytes.NewReader(block))
		if err != nil {
			return nil, err
		}
		if decoded.Type != keyType {
			return nil, fmt.Errorf("a block is a %s; export keys with gpg --armor --export", decoded.Type)
		}
		if !bytes.Contains(block, []byte(keyEnd)) {
			return nil, errors.New("a block is cut short; export the keys again")
		}
		data, err := io.ReadAll(decoded.Body)
		if err != nil {
			return nil, err
		}
		packets = append(packets, data...)
	}
	return packets, nil
}

// readRing reads every key or fails: the library's own ReadKeyRing leaves out silently
// what it cannot read.
func readRing(packets []byte) (pgp.EntityList, error) {
	var all pgp.EntityList
	reader := packet.NewReader(bytes.NewReader(packets))
	for {
		e, err := pgp.ReadEntity(reader)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("key %d of the file: %w", len(all)+1, err)
		}
		all = append(all, e)
	}
}

func approverOf(e *pgp.Entity) (string, error) {
	_, identity := e.PrimaryIdentity(time.Time{}, nil)
	if identity == nil {
		return "", errors.New("it has no identity that it signed itself")
	}
	name := cmp.Or(strings.ToLower(identity.UserId.Email), strings.TrimSpace(identity.Name))
	if name == "" {
		return "", errors.New("its identity is empty")
	}
	return name, nil
}

// openPGPKeys is a key ring. It is read anew for each signature, since the library keeps
// in a ring what it found of one date and finds it again for another.
type openPGPKeys struct {
	packets   []byte
	approvers map[string]string // fingerprint of the primary key → name
}

func (*openPGPKeys) format() format { return openPGP }

func (k *openPGPKeys) verify(o object) (signature, error) {
	data, err := openPGPBytes(o.block)
	if err != nil {
		return signature{}, err
	}
	sig, err := readSignature(data)
	if err != nil {
		return signature{}, fmt.Errorf("read the signature: %w", err)
	}
	ring, err := readRing(k.packets)
	if err != nil {
		return signature{}, err
	}
	key, err := signingKey(ring, o.signed, data)
	if err == nil {
		err = checkHint(sig, o.signed)
	}
	if err != nil {
		return signature{}, explain(sig, err)
	}
	return signature{
		approver: k.approvers[fingerprint(key.Entity.PrimaryKey)],
		keyID:    fingerprint(key.PublicKey), signed: sig.CreationTime.UTC(),
	}, nil
}

// explain words a failure, which is the signature's or that of the key at its time.
func explain(sig *packet.Signature, err error) error {
	if errors.Is(err, pgperrors.ErrUnknownIssuer) {
		return fmt.Errorf("%w %016X", ErrUnknownSigner, *sig.IssuerKeyId)
	}
	cure := "; if the key was renewed since, sign the tag again"
	if _, ok := errors.AsType[pgperrors.SignatureError](err); ok {
		cure = ""
	}
	return fmt.Errorf("signature of %s by key %016X: %w%s", sig.CreationTime.UTC().Format(time.RFC3339), *sig.IssuerKeyId, err, cure)
}

// signingKey finds the key that made a signature and was good for it then.
func signingKey(ring pgp.KeyRing, signed, sig []byte) (*pgp.Key, error) {
	details, err := pgp.VerifyDetachedSignatureReader(ring, bytes.NewReader(signed), bytes.NewReader(sig), nil)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, details.UnverifiedBody); err != nil {
		return nil, err
	}
	if details.SignatureError != nil {
		return nil, details.SignatureError
	}
	return details.SignedBy, nil
}

func fingerprint(key *packet.PublicKey) string {
	return strings.ToUpper(hex.EncodeToString(key.Fingerprint))
}

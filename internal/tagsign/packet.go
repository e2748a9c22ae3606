package tagsign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// An OpenPGP signature has parts that it does not cover and that the library reads
// leniently: its length, hints to the issuer, the start of the hash, the lengths of its
// numbers. This file lets each have one value only.

// readSignature sees that data is one signature of a file's bytes, and nothing else.
func readSignature(data []byte) (*packet.Signature, error) {
	body, err := packetBody(data)
	if err != nil {
		return nil, err
	}
	p, err := packet.Read(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	sig, ok := p.(*packet.Signature)
	if !ok || sig.Version != 4 || sig.SigType != packet.SigTypeBinary || sig.IssuerKeyId == nil {
		return nil, errors.New("it is no signature (version 4) of a file by a named key")
	}
	// Since the library read the body, the lengths in it hold.
	_, body = cutSized(body[4:]) // version, type, algorithms; then the subpackets that are covered
	hints, body := cutSized(body)
	if !issuerHints(hints, sig) {
		return nil, errors.New("it holds more than the issuer outside of what it covers")
	}
	return sig, checkNumbers(body[2:], sig.PubKeyAlgo)
}

// cutSized cuts off a part that begins with its length in two bytes.
func cutSized(data []byte) (part, rest []byte) {
	n := 2 + int(binary.BigEndian.Uint16(data))
	return data[2:n], data[n:]
}

// packetBody is what follows a packet's header, whose length must be exact.
func packetBody(data []byte) ([]byte, error) {
	for n := 2; n <= min(3, len(data)); n++ {
		if body := data[n:]; bytes.Equal(data[:n], oldHeader(len(body))) || bytes.Equal(data[:n], newHeader(len(body))) {
			return body, nil
		}
	}
	return nil, errors.New("it is not one OpenPGP signature; sign with one key")
}

// The two forms of the header of a signature, which is a packet of type 2.
func oldHeader(n int) []byte {
	if n < 256 {
		return []byte{0x88, byte(n)}
	}
	return []byte{0x89, byte(n >> 8), byte(n)}
}

func newHeader(n int) []byte {
	if n < 192 {
		return []byte{0xc2, byte(n)}
	}
	return []byte{0xc2, byte((n-192)>>8 + 192), byte(n - 192)}
}

// issuerHints says whether uncovered subpackets say who made the signature, in one of the
// ways that programs do, and nothing else.
func issuerHints(hints []byte, sig *packet.Signature) bool {
	id := binary.BigEndian.AppendUint64([]byte{9, 16}, *sig.IssuerKeyId)
	fpr := append([]byte{22, 33, 4}, sig.IssuerFingerprint...)
	for _, known := range [][]byte{nil, id, fpr, append(bytes.Clone(id), fpr...), append(bytes.Clone(fpr), id...)} {
		if bytes.Equal(hints, known) {
			return true
		}
	}
	return false
}

// checkNumbers sees that a signature's numbers are all there is, each with the length in
// bits that it has.
func checkNumbers(data []byte, algorithm packet.PublicKeyAlgorithm) error {
	count := map[packet.PublicKeyAlgorithm]int{
		packet.PubKeyAlgoRSA: 1, packet.PubKeyAlgoRSASignOnly: 1, packet.PubKeyAlgoECDSA: 2, packet.PubKeyAlgoEdDSA: 2,
	}[algorithm]
	if count == 0 {
		return fmt.Errorf("keys of algorithm %d do not approve; use Ed25519, ECDSA or RSA", algorithm)
	}
	for range count {
		size := int(binary.BigEndian.Uint16(data))
		n := 2 + (size+7)/8
		if size == 0 || size != 8*(n-3)+bits.Len8(data[2]) {
			return errors.New("a number in it has another length than it says")
		}
		data = data[n:]
	}
	if len(data) > 0 {
		return fmt.Errorf("%d bytes follow its numbers", len(data))
	}
	return nil
}

// checkHint sees that the first bytes of the hash, which stand uncovered in a signature so
// that a reader may give up early, are right.
func checkHint(sig *packet.Signature, signed []byte) error {
	h, err := sig.PrepareVerify()
	if err != nil {
		return err
	}
	_, _ = h.Write(signed)
	return packet.VerifyHashTag(h, sig)
}

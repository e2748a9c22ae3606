package tagsign

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/hiddeco/sshsig"
)

// Armor is covered by no signature and read leniently by every library. What is not
// exactly what its bytes are written as is therefore refused here.

const pgpType = "PGP SIGNATURE"

var errPGPArmor = errors.New("the signature's armor has something that gpg does not write by itself, such as a comment; " +
	"sign again with no-comments and no-emit-version in gpg.conf")

// openPGPBytes takes an OpenPGP signature out of its armor.
func openPGPBytes(block []byte) ([]byte, error) {
	decoded, err := armor.Decode(bytes.NewReader(block))
	if err != nil {
		return nil, fmt.Errorf("read the signature's armor: %w", err)
	}
	data, err := io.ReadAll(decoded.Body)
	if err != nil {
		return nil, fmt.Errorf("read the signature's armor: %w", err)
	}
	for _, checksum := range []bool{true, false} { // newer programs write none
		if text, err := armored(data, checksum); err != nil || bytes.Equal(text, block) {
			return data, err
		}
	}
	return nil, errPGPArmor
}

func armored(data []byte, checksum bool) ([]byte, error) {
	var text bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&text, pgpType, nil, checksum)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// sshBytes takes an SSH signature out of its armor: lines of one length, which is not
// the same for every program.
func sshBytes(block []byte) ([]byte, error) {
	decoded, _ := pem.Decode(block)
	_, body, _ := bytes.Cut(block, []byte("\n"))
	width := bytes.IndexByte(body, '\n')
	if decoded == nil || width < 1 || !bytes.Equal(sshArmored(decoded.Bytes, width), block) {
		return nil, errors.New("the signature's armor is not as ssh-keygen writes it")
	}
	return decoded.Bytes, nil
}

func sshArmored(data []byte, width int) []byte {
	text := []byte(base64.StdEncoding.EncodeToString(data))
	out := []byte("-----BEGIN " + sshsig.PEMType + "-----\n")
	for len(text) > 0 {
		n := min(width, len(text))
		out = append(append(out, text[:n]...), '\n')
		text = text[n:]
	}
	return append(out, "-----END "+sshsig.PEMType+"-----\n"...)
}

package tagsign

import (
	"bytes"
	"testing"
)

// TestEveryByteCounts changes each byte of signed tags, one at a time. Then it changes
// what lies within the armor, and armors that anew: a checksum is no protection from
// somebody who means it.
func TestEveryByteCounts(t *testing.T) {
	w := newWorld(t)
	ed, edPublic := newSSHKey(t, "-t", "ed25519")
	rsa, rsaPublic := newSSHKey(t, "-t", "rsa", "-b", "2048")
	for _, algorithm := range []string{"ed25519", "rsa2048", "nistp256"} {
		w.secret.newKey(algorithm+" <"+algorithm+"@example.com>", algorithm, "", "never")
	}
	w.accept(t, nil, "ed@example.com "+edPublic, "rsa@example.com "+rsaPublic)
	for name, object := range map[string][]byte{
		"OpenPGP Ed25519": w.pgp(t, "", "ed25519@example.com", "Release", "v1.2.3"),
		"OpenPGP RSA":     w.pgp(t, "", "rsa2048@example.com", "Release", "v1.2.3"),
		"OpenPGP ECDSA":   w.pgp(t, "", "nistp256@example.com", "Release", "v1.2.3"),
		"SSH Ed25519":     w.ssh(t, ed),
		"SSH RSA":         w.ssh(t, rsa),
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parse(object)
			if err != nil {
				t.Fatal(err)
			}
			refuseChanges(t, object, func(changed []byte) []byte { return changed }, w.signers)
			data := unarmored(t, o)
			refuseChanges(t, data, func(changed []byte) []byte { return append(bytes.Clone(o.signed), armoredAs(t, o.format, changed)...) }, w.signers)
		})
	}
}

func unarmored(t *testing.T, o object) []byte {
	t.Helper()
	open := sshBytes
	if o.format == openPGP {
		open = openPGPBytes
	}
	data, err := open(o.block)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func armoredAs(t *testing.T, f format, data []byte) []byte {
	t.Helper()
	if f == sshFile {
		return sshArmored(data, 70)
	}
	text, err := armored(data, true)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// refuseChanges changes, drops, doubles and adds each byte of data.
func refuseChanges(t *testing.T, data []byte, object func(data []byte) []byte, signers []Signers) {
	t.Helper()
	if _, err := Verify(object(data), "v1.2.3", signers...); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	refuse := func(i int, what string, changed []byte) {
		t.Helper()
		if _, err := Verify(object(changed), "v1.2.3", signers...); err == nil {
			t.Errorf("byte %d of %d (%q) %s: accepted", i, len(data), data[max(0, i-3):min(len(data), i+3)], what)
		}
	}
	for i := range data {
		for _, mask := range []byte{0x01, 0x20, 0x80} {
			changed := bytes.Clone(data)
			changed[i] ^= mask
			refuse(i, "changed", changed)
		}
		refuse(i, "dropped", append(bytes.Clone(data[:i]), data[i+1:]...))
		if data[i] != '=' { // base64's padding, where what follows says the same
			refuse(i, "doubled", append(bytes.Clone(data[:i+1]), data[i:]...))
		}
	}
	for _, more := range [][]byte{{0}, {'\n'}, {' '}, data} {
		refuse(len(data), "added to", append(bytes.Clone(data), more...))
	}
}

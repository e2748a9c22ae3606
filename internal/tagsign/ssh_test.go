package tagsign

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestSSHSignatures makes signatures by an accepted key that are not quite git's.
func TestSSHSignatures(t *testing.T) {
	w := newWorld(t)
	w.secret.newKey(alice, "ed25519", "", "never")
	private, public := newSSHKey(t, "-t", "ed25519")
	w.accept(t, []string{alice}, "carol@example.com "+public)
	object := w.ssh(t, private)
	o, err := parse(object)
	if err != nil {
		t.Fatal(err)
	}
	// wire is the form of an SSH signature, with all that it may hold.
	type wire struct {
		Magic                               [6]byte
		Version                             uint32
		Key, Namespace, Reserved, Hash, Sig string
	}
	changed := func(change func(*wire)) []byte {
		var sig wire
		if err := ssh.Unmarshal(unarmored(t, o), &sig); err != nil {
			t.Fatal(err)
		}
		change(&sig)
		return sshArmored(ssh.Marshal(sig), 70)
	}
	for name, tt := range map[string]struct {
		block []byte
		want  string
	}{
		"git's":                    {changed(func(*wire) {}), ""},
		"wider lines":              {sshArmored(unarmored(t, o), 76), ""},
		"something reserved":       {changed(func(sig *wire) { sig.Reserved = "x" }), "does not cover"},
		"more after the signature": {changed(func(sig *wire) { sig.Sig += "x" }), "does not cover"},
		"another version":          {changed(func(sig *wire) { sig.Version = 2 }), "version"},
		"another namespace said":   {changed(func(sig *wire) { sig.Namespace = "file" }), "namespace"},
		"another hash said":        {changed(func(sig *wire) { sig.Hash = "sha256" }), "did not verify"},
		"weak hash":                {changed(func(sig *wire) { sig.Hash = "sha1" }), "hash"},
		"made with SHA-256":        {signFile(t, private, o.signed, "-n", "git", "-O", "hashalg=sha256"), ""},
		"made for files":           {signFile(t, private, o.signed, "-n", "file"), "namespace"},
	} {
		_, err := Verify(append(bytes.Clone(o.signed), tt.block...), "v1.2.3", w.signers...)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got error %v, want %q", name, err, tt.want)
		}
	}
}

// signFile signs bytes as ssh-keygen does without git.
func signFile(t *testing.T, private string, data []byte, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "", "", nil, append(append([]string{"ssh-keygen", "-q", "-Y", "sign", "-f", private}, args...), path)...); err != nil {
		t.Fatal(err)
	}
	block, err := os.ReadFile(path + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	return block
}

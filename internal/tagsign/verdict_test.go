package tagsign

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/testkit/gitrepo"
)

// world is a repository, everybody's private keys, and which keys are accepted.
type world struct {
	repo    *gitrepo.Repo
	commit  string
	secret  *gpg
	public  *gpg   // of GnuPG's keys, the accepted ones
	allowed string // of SSH's, the file of allowed signers
	signers []Signers
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{repo: gitrepo.New(t), secret: newGPG(t)}
	w.commit = w.repo.Commit(t, map[string]string{"README": "one\n"})
	return w
}

// accept accepts the OpenPGP keys of identities as they are now, and SSH keys by line.
func (w *world) accept(t *testing.T, identities []string, lines ...string) {
	t.Helper()
	w.public, w.allowed = newGPG(t), filepath.Join(t.TempDir(), "allowed_signers")
	armored, allowed := w.secret.export(identities...), strings.Join(lines, "\n")+"\n"
	w.public.run(armored, "--batch", "--import")
	if err := os.WriteFile(w.allowed, []byte(allowed), 0o644); err != nil {
		t.Fatal(err)
	}
	w.signers = []Signers{load(t, LoadOpenPGP, armored), load(t, LoadSSH, allowed)}
}

func (w *world) pgp(t *testing.T, options, identity, message, name string) []byte {
	t.Helper()
	return signWithGPG(t, w.repo, w.secret, options, identity, message, name, w.commit)
}

func (w *world) ssh(t *testing.T, private string) []byte {
	t.Helper()
	return signWithSSH(t, w.repo, private, "v1.2.3", w.commit)
}

// annotated is a tag object without a signature.
func (w *world) annotated(t *testing.T, message string) []byte {
	t.Helper()
	w.repo.Git("tag", "--force", "-a", "-m", message, "v1.2.3", w.commit)
	return objectOf(t, w.repo, "v1.2.3")
}

func load(t *testing.T, how func([]byte) (Signers, error), text string) Signers {
	t.Helper()
	s, err := how([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The people of the tests.
const (
	alice    = "Alice <Alice@example.com>"
	bob      = "Bob <bob@example.com>"         // accepted by nobody
	old      = "Old <old@example.com>"         // whose key has expired
	renewed  = "Renewed <renewed@example.com>" // whose key was to expire, and was given more time
	cut      = "Cut <cut@example.com>"         // whose key was given less time
	retired  = "Retired <retired@example.com>" // whose key was given up
	stolen   = "Stolen <stolen@example.com>"   // whose key somebody else has
	nameless = "No Address"
)

// The days of the tests: keys were made, ended sooner than they were to, signed, ended.
const (
	made, cutAt, cutTo, then, ended = "20240101T000000", "20240201T000000", "20240501T000000", "20240601T000000", "20250101T000000"
	wasThen                         = "--faked-system-time " + then
)

// TestVerdicts compares our verdicts with those of git verify-tag. Where they differ, ours
// is the stricter, but for time: a key that ended later is no reason to forget.
func TestVerdicts(t *testing.T) {
	w := newWorld(t)
	for person, end := range map[string]string{
		alice: "never", bob: "never", old: ended, renewed: ended, cut: "never", retired: "never", stolen: "never", nameless: "never",
	} {
		w.secret.newKey(person, "ed25519", made, end)
	}
	key, public := newSSHKey(t, "-t", "ed25519")
	rsa, rsaPublic := newSSHKey(t, "-t", "rsa", "-b", "2048")
	ecdsa, ecdsaPublic := newSSHKey(t, "-t", "ecdsa")
	files, filesPublic := newSSHKey(t, "-t", "ed25519")
	former, formerPublic := newSSHKey(t, "-t", "ed25519")
	future, futurePublic := newSSHKey(t, "-t", "ed25519")
	stranger, _ := newSSHKey(t, "-t", "ed25519")
	pgp := func(options, identity string) []byte { return w.pgp(t, options, identity, "Release", "v1.2.3") }
	ssh := func(key string) []byte { return w.ssh(t, key) }
	byOld, byRenewed, byCut := pgp(wasThen, old), pgp(wasThen, renewed), pgp(wasThen, cut)
	byRetired, byStolen, late := pgp(wasThen, retired), pgp(wasThen, stolen), pgp("", retired)
	w.secret.expire(renewed, ended, "never")
	w.secret.expire(cut, cutAt, cutTo)
	w.secret.revoke(retired, ended, "3") // no longer used
	w.secret.revoke(stolen, ended, "1")  // compromised
	w.accept(t, []string{alice, old, renewed, cut, retired, stolen, nameless},
		"Carol@example.com,carol "+public,
		"rsa@example.com "+rsaPublic,
		`ecdsa@example.com namespaces="file,git",valid-after="20250101Z" `+ecdsaPublic,
		`files@example.com namespaces="file" `+filesPublic,
		`former@example.com valid-before="20250101Z" `+formerPublic,
		`future@example.com valid-after="20270101Z" `+futurePublic)
	other := w.repo.Commit(t, map[string]string{"README": "two\n"})
	edit := func(object []byte, old, replacement string) []byte {
		changed := strings.Replace(string(object), old, replacement, 1)
		if changed == string(object) {
			t.Fatalf("%q is not in the object", old)
		}
		return []byte(changed)
	}
	ours, ourSSH := pgp("", alice), ssh(key)
	const fake = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----"
	tests := []struct {
		name   string
		object []byte
		by     string // who approved; empty is nobody
		says   string // what the error says
		git    bool   // git accepts
	}{
		{"OpenPGP", ours, "alice@example.com", "", true},
		{"SSH Ed25519", ourSSH, "carol@example.com", "", true},
		{"SSH RSA", ssh(rsa), "rsa@example.com", "", true},
		{"SSH ECDSA, limited", ssh(ecdsa), "ecdsa@example.com", "", true},
		{"message with a signature in it", w.pgp(t, "", alice, "See\n"+fake+"\nabove", "v1.2.3"), "alice@example.com", "", true},
		{"OpenPGP without an address", pgp("", nameless), nameless, "", true},
		{"OpenPGP key expired since", byOld, "old@example.com", "", false},
		{"OpenPGP key given up since", byRetired, "retired@example.com", "", false},

		{"OpenPGP key renewed since", byRenewed, "", "sign the tag again", true},
		{"OpenPGP key expired before", byCut, "", "expired", false},
		{"OpenPGP key given up before", late, "", "revoked", false},
		{"OpenPGP key stolen since", byStolen, "", "revoked", false},
		{"OpenPGP key unknown", pgp("", bob), "", ErrUnknownSigner.Error(), false},
		{"OpenPGP with SHA-1", pgp("--digest-algo SHA1 --weak-digest MD5", alice), "", "insecure", true},
		{"OpenPGP of text", pgp("--textmode", alice), "", "no signature (version 4) of a file", true},
		{"OpenPGP by two keys", pgp("--local-user bob@example.com", alice), "", "sign with one key", false},
		{"SSH key unknown", ssh(stranger), "", ErrUnknownSigner.Error(), false},
		{"SSH key for files", ssh(files), "", "namespaces file", false},
		{"SSH key ended before", ssh(former), "", "valid before 2025-01-01", false},
		{"SSH key not begun", ssh(future), "", "valid after 2027-01-01", false},
		{"annotated", w.annotated(t, "Release"), "", ErrUnsigned.Error(), false},
		{"annotated with a signature's look", w.annotated(t, "Release\n\n"+fake), "", "read the signature", false},
		{"other commit", edit(ours, w.commit, other), "", "signature", false},
		{"other commit, SSH", edit(ourSSH, w.commit, other), "", "signature", false},
		{"other name", edit(ours, "tag v1.2.3", "tag v1.2.4"), "", "pushed under another name", false},
		{"other object under the name", w.pgp(t, "", alice, "Release", "v1.2.4"), "", "pushed under another name", true},
		{"nested", nested(t, w), "", "it tags a tag", true},
		{"CRLF", []byte(strings.ReplaceAll(string(ours), "\n", "\r\n")), "", "form of a tag", false},
		{"CRLF in the armor", edit(ours, "-----BEGIN PGP SIGNATURE-----\n", "-----BEGIN PGP SIGNATURE-----\r\n"), "", "armor", true},
		{"comment in the armor", edit(ours, "-----BEGIN PGP SIGNATURE-----\n", "-----BEGIN PGP SIGNATURE-----\nComment: x\n"), "", "armor", true},
		{"text after the signature", append(ours[:len(ours):len(ours)], "more\n"...), "", "armor", true},
		{"text after the signature, SSH", append(ourSSH[:len(ourSSH):len(ourSSH)], "more\n"...), "", "armor", true},
		{"unfinished", ours[:len(ours)-1], "", "does not end", true},
		{"NUL", edit(ours, "\nRelease\n", "\nRelease\x00\n"), "", "form of a tag", false},
		{"more headers", edit(ours, "\n\nRelease", "\nencoding x\n\nRelease"), "", "form of a tag", false},
		{"a commit's object", []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"), "", "form of a tag", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Verify(tt.object, "v1.2.3", w.signers...)
			switch {
			case tt.by == "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("got %+v, %v; want an error that says %q", got, err, tt.says)
			case tt.by != "" && (err != nil || got.Approver != tt.by || got.Commit != w.commit):
				t.Errorf("got %+v, %v; want %s to approve %s", got, err, tt.by, w.commit)
			}
			if accepted := gitAccepts(t, w.repo, w.public, w.allowed, tt.object); accepted != tt.git {
				t.Errorf("git verify-tag accepts it: %v, want %v", accepted, tt.git)
			}
		})
	}
}

// nested is a signed tag of a signed tag.
func nested(t *testing.T, w *world) []byte {
	t.Helper()
	w.pgp(t, "", alice, "Inner", "inner")
	return signWithGPG(t, w.repo, w.secret, "", alice, "Outer", "v1.2.3", "refs/tags/inner")
}

func TestSentinels(t *testing.T) {
	w := newWorld(t)
	w.secret.newKey(alice, "ed25519", "", "never")
	w.secret.newKey(bob, "ed25519", "", "never")
	_, public := newSSHKey(t, "-t", "ed25519")
	w.accept(t, []string{alice}, "carol@example.com "+public)
	byBob := w.pgp(t, "", bob, "Release", "v1.2.3")
	byAlice := w.pgp(t, "", alice, "Release", "v1.2.3")
	for name, tt := range map[string]struct {
		object  []byte
		signers []Signers
		want    error
	}{
		"unsigned":           {w.annotated(t, "Release"), w.signers, ErrUnsigned},
		"unknown":            {byBob, w.signers, ErrUnknownSigner},
		"nobody accepted":    {byAlice, nil, ErrUnknownSigner},
		"other format alone": {byAlice, w.signers[1:], ErrUnknownSigner},
		"zero signers":       {byAlice, []Signers{{}}, ErrUnknownSigner},
	} {
		if _, err := Verify(tt.object, "v1.2.3", tt.signers...); !errors.Is(err, tt.want) {
			t.Errorf("%s: got error %v, want %v", name, err, tt.want)
		}
	}
	if got, err := Verify(byAlice, "v1.2.3", w.signers[1], w.signers[0]); err != nil || got.Approver != "alice@example.com" {
		t.Errorf("second signers: got %+v, %v", got, err)
	}
}

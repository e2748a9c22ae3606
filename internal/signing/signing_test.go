package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

var update = flag.Bool("update", false, "write the golden files")

const statement = `{"_type":"https://in-toto.io/Statement/v1"}`

func generate(t testing.TB, kind string) crypto.Signer {
	t.Helper()
	if kind == "ed25519" {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return private
	}
	private, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// newKey makes a key, and takes it through its PEM forms.
func newKey(t testing.TB, kind string) (dsse.SignerVerifier, Verifier) {
	t.Helper()
	private := generate(t, kind)
	privatePEM, err := MarshalPrivate(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM, err := MarshalPublic(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParsePrivate(privatePEM, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ParsePublic(publicPEM)
	if err != nil {
		t.Fatal(err)
	}
	return signer, Verifier{Verifier: verifier, Name: kind}
}

func sign(t testing.TB, key dsse.SignerVerifier) []byte {
	t.Helper()
	bundle, err := Sign(context.Background(), key, []byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

func TestSignAndVerify(t *testing.T) {
	_, other := newKey(t, "p256")
	for _, kind := range []string{"p256", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			key, verifier := newKey(t, kind)
			bundle := sign(t, key)
			got, by, err := Verify(t.Context(), bundle, other, verifier)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != statement || by.Name != kind {
				t.Errorf("got %q by %q", got, by.Name)
			}
			if again := sign(t, key); !bytes.Equal(again, bundle) {
				t.Errorf("the same statement gave another bundle:\n%s\n%s", bundle, again)
			}
			if _, _, err := Verify(t.Context(), bundle, other); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("with another key: got %v, want %v", err, ErrUnknownKey)
			}
			if _, _, err := Verify(t.Context(), bundle); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("without a key: got %v, want %v", err, ErrUnknownKey)
			}
		})
	}
}

// TestEveryByteCounts changes a bundle at every place, in three ways.
func TestEveryByteCounts(t *testing.T) {
	for _, kind := range []string{"p256", "ed25519"} {
		key, verifier := newKey(t, kind)
		bundle := sign(t, key)
		seed := uint64(time.Now().UnixNano())
		t.Logf("%s: seed %d", kind, seed)
		random := mathrand.New(mathrand.NewPCG(seed, 0))
		for at := range bundle {
			flipped := bytes.Clone(bundle)
			flipped[at] ^= byte(1 + random.IntN(255))
			for what, changed := range map[string][]byte{
				"flipped":  flipped,
				"without":  append(bytes.Clone(bundle[:at]), bundle[at+1:]...),
				"inserted": append(append(bytes.Clone(bundle[:at]), ' '), bundle[at:]...),
			} {
				if _, _, err := Verify(t.Context(), changed, verifier); err == nil {
					t.Errorf("%s: byte %d %s: verified\n%q", kind, at, what, changed)
				}
			}
		}
	}
}

// TestOneForm refuses bundles that say the same in other words.
func TestOneForm(t *testing.T) {
	key, verifier := newKey(t, "p256")
	bundle := string(sign(t, key))
	payload := base64.StdEncoding.EncodeToString([]byte(statement))
	for what, changed := range map[string]string{
		"newline":            bundle + "\n",
		"two bundles":        bundle + bundle,
		"unknown field":      strings.Replace(bundle, "{", `{"x":1,`, 1),
		"other media type":   strings.Replace(bundle, "v0.3+json", "v0.2+json", 1),
		"other payload type": strings.Replace(bundle, "vnd.in-toto+json", "json", 1),
		"base64url":          strings.Replace(bundle, payload, strings.TrimRight(payload, "="), 1),
		"key id":             strings.Replace(bundle, `{"sig":`, `{"keyid":"x","sig":`, 1),
		"log entries":        strings.Replace(bundle, `"verificationMaterial":{`, `"verificationMaterial":{"tlogEntries":[{}],`, 1),
		"other spelling":     strings.Replace(bundle, "mediaType", "media_type", 1),
		"nothing":            "",
		"empty":              "{}",
	} {
		if changed == bundle {
			t.Fatalf("%s: the case changes nothing", what)
		}
		if _, _, err := Verify(t.Context(), []byte(changed), verifier); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want %v", what, err, ErrMalformed)
		}
	}
}

// TestOtherKeysHint refuses a bundle that claims an accepted key.
func TestOtherKeysHint(t *testing.T) {
	accepted, verifier := newKey(t, "p256")
	forger, _ := newKey(t, "p256")
	c, err := decode(sign(t, forger))
	if err != nil {
		t.Fatal(err)
	}
	if c.hint, err = KeyID(accepted.Public()); err != nil {
		t.Fatal(err)
	}
	forged, err := c.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Verify(t.Context(), forged, verifier); !errors.Is(err, ErrSignature) {
		t.Errorf("got %v, want %v", err, ErrSignature)
	}
}

func TestCheckDate(t *testing.T) {
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		at, end time.Time
		want    error
	}{
		{end.Add(-time.Second), end, nil},
		{end, end, nil},
		{end.Add(time.Second), end, ErrExpiredKey},
		{end.Add(time.Second), time.Time{}, nil},
	} {
		if got := (Verifier{Name: "ci", NotAfter: tt.end}).CheckDate(tt.at); !errors.Is(got, tt.want) {
			t.Errorf("%s with the end %s: got %v, want %v", tt.at, tt.end, got, tt.want)
		}
	}
}

func TestEncryptedKey(t *testing.T) {
	private := generate(t, "p256")
	text, err := MarshalPrivate(private, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.ReplaceAll(text, []byte(encryptedBlock), []byte(oldBlock))
	for _, form := range [][]byte{text, old} {
		key, err := ParsePrivate(form, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		if !private.Public().(*ecdsa.PublicKey).Equal(key.Public()) {
			t.Error("another key came back")
		}
	}
	for _, wrong := range [][]byte{nil, {}, []byte("guess")} {
		if _, err := ParsePrivate(text, wrong); !errors.Is(err, ErrPassword) {
			t.Errorf("password %q: got %v, want %v", wrong, err, ErrPassword)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	private := generate(t, "p256")
	privatePEM, _ := MarshalPrivate(private, nil)
	publicPEM, _ := MarshalPublic(private.Public())
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	largePEM, _ := MarshalPublic(large.Public())
	for _, tt := range []struct {
		what, want string
		text       []byte
	}{
		{"nothing", "no PEM file", nil},
		{"a private key", "instead of a PUBLIC KEY", privatePEM},
		{"two keys", "more than one key", append(bytes.Clone(publicPEM), publicPEM...)},
		{"another curve", "use one on P-256", largePEM},
	} {
		_, err := ParsePublic(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s as a public key: got %v, want %q", tt.what, err, tt.want)
		}
	}
	if _, err := ParsePrivate(publicPEM, nil); err == nil {
		t.Error("a public key was read as a private one")
	}
}

// TestGolden pins a bundle's form: what was signed years ago must still be read.
func TestGolden(t *testing.T) {
	key, err := NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "bundle.json")
	got := sign(t, key)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
}

func FuzzVerify(f *testing.F) {
	key, verifier := newKey(f, "ed25519")
	bundle := sign(f, key)
	f.Add(bundle)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := Verify(t.Context(), data, verifier); err == nil && !bytes.Equal(data, bundle) {
			t.Errorf("verified %q", data)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key, verifier := newKey(b, "p256")
	bundle := sign(b, key)
	for b.Loop() {
		if _, _, err := Verify(b.Context(), bundle, verifier); err != nil {
			b.Fatal(err)
		}
	}
}

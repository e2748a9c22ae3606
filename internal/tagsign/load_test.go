package tagsign

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseName(t *testing.T) {
	for tag, want := range map[string]struct {
		version string
		test    bool
	}{
		"v1.2.3":       {"v1.2.3", false},
		"v1.2.3-test":  {"v1.2.3", true},
		"v0.0.0":       {"v0.0.0", false},
		"v10.200.3000": {"v10.200.3000", false},
		"v0.10.0-test": {"v0.10.0", true},
	} {
		version, test, err := ParseName(tag)
		if version != want.version || test != want.test || err != nil {
			t.Errorf("%q: got %s, %v, %v; want %+v", tag, version, test, err, want)
		}
	}
	for _, tag := range []string{
		"", "v1.2", "1.2.3", "v1.2.3.4", "v01.2.3", "v1.02.3", "v1.2.03-test", "v1.2.3-", "v1.2.3-rc1", "v1.2.3-test2",
		"v1.2.3-test-test", "V1.2.3", "v1.2.3+x", " v1.2.3", "v1.2.3\n", "v1.2.3-test\n", "v-1.2.3", "v1..3", "vX.Y.Z", "v１.2.3",
	} {
		if version, _, err := ParseName(tag); err == nil {
			t.Errorf("%q: got %s, want an error", tag, version)
		}
	}
}

// ed is a public key that nobody holds the private half of.
const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUJQrf5sEQxBQdzPbCBTVgqYHnnYUEmmcYmAWyy2uqk"

func TestLoadSSH(t *testing.T) {
	keys, err := parseAllowed([]byte("# people\r\n\n" +
		"\"Carol@example.com,carol\" namespaces=\"git,f*\",valid-after=\"20250101Z\" " + ed + " a comment\r\n" +
		"carol@EXAMPLE.com\tvalid-before=\"202506011230Z\" " + ed))
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		Principal     string
		Namespaces    []string
		After, Before string
	}
	var got []line
	for _, k := range keys {
		got = append(got, line{k.principal, k.namespaces, k.after.Format(time.RFC3339), k.before.Format(time.RFC3339)})
	}
	none := time.Time{}.Format(time.RFC3339)
	want := []line{
		{"carol@example.com", []string{"git", "f*"}, "2025-01-01T00:00:00Z", none},
		{"carol@example.com", nil, none, "2025-06-01T12:30:00Z"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadSSHRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "there is no key",
		"# nobody\n":                       "there is no key",
		"carol@example.com":                "read the key",
		"carol@example.com ssh-ed25519 AA": "read the key",
		"\n*@example.com " + ed:            "line 2: principals",
		"carol,!bob " + ed:                 "a name, not a pattern",
		`"carol ` + ed:                     "does not end",
		"carol cert-authority " + ed:       "certificates do not approve",
		"carol no-touch-required " + ed:    "not known",
		`carol namespaces="" ` + ed:        "write it once",
		`carol namespaces="!git" ` + ed:    "without negation",
		`carol namespaces="git",namespaces="file" ` + ed:                "write it once",
		`carol valid-after="20250101" ` + ed:                            "YYYYMMDDZ",
		`carol valid-after="2025Z" ` + ed:                               "YYYYMMDDZ",
		`carol valid-before="20251301Z" ` + ed:                          "month out of range",
		`carol valid-before="20250101Z",valid-before="20260101Z" ` + ed: "write it once",
		"carol " + ed + "\nbob " + ed:                                   "line 2: the key of bob is also that of carol",
	} {
		_, err := LoadSSH([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one that says %q", text, err, want)
		}
	}
}

func TestLoadSSHRefusesWeakKeys(t *testing.T) {
	_, weak := newSSHKey(t, "-t", "rsa", "-b", "1024")
	_, err := LoadSSH([]byte("carol@example.com " + weak))
	if err == nil || !strings.Contains(err.Error(), "too weak") {
		t.Errorf("RSA of 1024 bits: got error %v", err)
	}
}

func TestLoadOpenPGP(t *testing.T) {
	g := newGPG(t)
	g.newKey(alice, "ed25519", "", "never")
	g.newKey(bob, "ed25519", "", "never")
	one, other := g.export(alice), g.export(bob)
	for name, text := range map[string]string{
		"one block": g.export(), "two blocks": one + other, "text around them": "# Alice\n" + one + "# Bob\n\n" + other + "# end\n",
		"CRLF": strings.ReplaceAll(one+other, "\n", "\r\n"),
	} {
		s := load(t, LoadOpenPGP, text)
		if got := len(s.keys.(*openPGPKeys).approvers); got != 2 {
			t.Errorf("%s: %d approvers, want 2", name, got)
		}
	}
	end := strings.LastIndex(one, "-----END")
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":     {"", "no armored key"},
		"binary":      {"\x98\x33\x04", "no armored key"},
		"cut short":   {one[:end], "cut short"},
		"cut in two":  {one[:end] + other, "cut short"},
		"twice":       {one + other + one, "is there twice"},
		"private key": {g.run("", "--batch", "--armor", "--export-secret-keys", alice), "PRIVATE KEY"},
		"half":        {one[:end-40] + one[end:], "read OpenPGP keys"},
	} {
		_, err := LoadOpenPGP([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one that says %q", name, err, tt.want)
		}
	}
}

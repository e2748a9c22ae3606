package channel

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const somePEM = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"

const good = `
signers:
  ci: {key: ci.pub, until: 2030-01-01T00:00:00Z}
  people: {openpgp: people.asc}
people: {ann: [ann@example.com]}
channels:
  image:
  - name: next
    gate: {tests: [{name: unit, signers: [ci]}]}
  - name: testing
    from: next
    order: held
    gate: {tests: [{name: boot, signers: [ci], fresh: 168h, disk: true}]}
  - name: stable
    from: testing
    version: required
    gate:
      approvals: {count: 2, signers: [ci], tags: [people]}
      soak: 24h
      freeze:
      - {reason: holidays, from: 2026-12-20T00:00:00Z, to: 2027-01-03T00:00:00Z}
      - {reason: weekend, weekly: "Fri 16:00 - Mon 08:00"}
  file:
  - {name: live, gate: {tests: [{name: unit, signers: [ci]}]}}
artifacts:
- {name: hello/os, kind: image, location: registry.example.com/hello/os, locations: {stable: registry.example.com/prod/os}, channels: image, repository: "https://git.example.com/hello.git"}
- {name: disk, kind: file, location: "gs://disks", channels: file}
- {name: pkg, kind: release, location: "gs://pkgs", channels: file}
trains:
- {name: guest, channel: live, artifacts: [disk, pkg]}
registries:
  registry.example.com: {parallel: 8, rate: 20}
retention:
- {artifacts: ["hello/*"], tags: "[0-9a-f]{40}", keep: {last: 3, younger: 24h}}
`

func parse(text string) (*Config, error) {
	return Parse([]byte(text), func(name string) ([]byte, error) {
		switch name {
		case "gone":
			return nil, fmt.Errorf("no such file")
		case "empty":
			return []byte(" \n"), nil
		case "private":
			return []byte(strings.ReplaceAll(somePEM, "PUBLIC", "PRIVATE")), nil
		}
		return []byte(somePEM), nil
	})
}

func TestParse(t *testing.T) {
	c, err := parse(good)
	if err != nil {
		t.Fatal(err)
	}
	a, ch, err := c.Channel("hello/os/stable")
	if err != nil || a.Name != "hello/os" || ch.From != "testing" || a.At("stable") != "registry.example.com/prod/os" || a.At("next") != a.Location {
		t.Errorf("got %+v, %+v, %v", a, ch, err)
	}
	if got := len(c.All()); got != 5 {
		t.Errorf("%d channels, want 5", got)
	}
	if time.Duration(ch.Gate.Soak) != 24*time.Hour || string(c.Signers["ci"].Data) != somePEM {
		t.Errorf("soak %s, key %q", ch.Gate.Soak, c.Signers["ci"].Data)
	}
}

// Each row breaks the good configuration in one place.
func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"unknown field", "soak: 24h", "soka: 24h", "soka"},
		{"unknown channel", "from: next", "from: nxet", "nxet, which is no channel of the list: next, testing, stable"},
		{"cycle", "from: next", "from: stable", "comes from itself"},
		{"no entry", "- name: next", "- name: next\n    from: testing", "exactly one is the entry"},
		{"two entries", "    from: next\n", "", "2 channels have no from"},
		{"empty gate", "gate: {tests: [{name: unit, signers: [ci]}]}\n  - name: testing", "gate: {}\n  - name: testing", "requires nothing"},
		{"gate of a soak alone", "approvals: {count: 2, signers: [ci], tags: [people]}", "tests: []", "requires nothing"},
		{"approvals of nobody", "count: 2, signers: [ci], tags: [people]", "count: 2", "nobody count"},
		{"no approvals", "count: 2", "count: 0", "requires nothing"},
		{"test without signers", "{name: boot, signers: [ci], fresh", "{name: boot, fresh", "nobody's evidence"},
		{"unknown signer", "{name: boot, signers: [ci]", "{name: boot, signers: [cii]", "cii is not under signers"},
		{"signer without a key", "people: {openpgp: people.asc}", "people: {}", "people has no key"},
		{"signer of two kinds", "people: {openpgp: people.asc}", "people: {openpgp: a, ssh: b}", "several kinds"},
		{"key that is gone", "ci.pub", "gone", "signer ci"},
		{"key that is empty", "ci.pub", "empty", "holds no key"},
		{"private key", "ci.pub", "private", "no PEM public key"},
		{"tag signer for a test", "{name: boot, signers: [ci]", "{name: boot, signers: [people]", "keys for git tags"},
		{"test signer for tags", "tags: [people]", "tags: [ci]", "need openpgp or ssh"},
		{"channel's name", "name: next", "name: Next", "no name for a channel"},
		{"channel named like a version", "name: next", "name: v1.0.0", "would clash"},
		{"same channel twice", "- name: stable", "- name: testing", "there twice"},
		{"version", "version: required", "version: yes please", "version is"},
		{"order", "order: held", "order: any", "order is"},
		{"soak of an entry", "gate: {tests: [{name: unit, signers: [ci]}]}\n  - name: testing", "gate: {soak: 1h, tests: [{name: unit, signers: [ci]}]}\n  - name: testing", "nothing to soak in"},
		{"soak", "soak: 24h", "soak: 1 day", "length of time"},
		{"freeze", "to: 2027-01-03", "to: 2026-01-03", "ends before it begins"},
		{"freeze of two kinds", "reason: weekend, weekly", "reason: weekend, to: 2026-12-20T00:00:00Z, weekly", "either"},
		{"weekly", "Fri 16:00", "Friday", "weekly"},
		{"path outside", "count: 2, ", "count: 2, path: ../stable, ", "no path within"},
		{"path that is not clean", "count: 2, ", "count: 2, path: config//stable, ", "no path within"},
		{"override that nobody signs", "{count: 2, signers: [ci], tags: [people]}\n      soak: 24h\n      freeze:\n      - {", "{count: 2, tags: [people]}\n      soak: 24h\n      freeze:\n      - {override: managers, ", "nobody signs that"},
		{"artifact's name", "name: hello/os", "name: hello//os", "is no name"},
		{"artifact named like a channel", "{name: pkg", "{name: hello/os/next", "also a channel of hello/os"},
		{"kind", "kind: file", "kind: files", "not image, file or release"},
		{"location", "location: registry.example.com/hello/os", `location: "http://registry.example.com/os"`, "no HOST/PATH"},
		{"list", "channels: image,", "channels: images,", "there are no channels"},
		{"locations", "locations: {stable", "locations: {stabel", "which it does not have"},
		{"one tag for two", "{name: disk, kind: file, location: \"gs://disks\", channels: file}", "{name: os2, kind: image, location: registry.example.com/hello/os, channels: image}", "would both move"},
		{"people of two names", "people: {ann: [ann@example.com]}", "people: {ann: [x@example.com], bob: [X@example.com]}", "is ann and bob"},
		{"nobody is whom", "people: {ann: [ann@example.com]}", "", "one person counts twice"},
		{"tags of no repository", ", repository: \"https://git.example.com/hello.git\"", "", "in which repository"},
		{"two trains of a name", "- {name: guest, channel: live, artifacts: [disk, pkg]}", "- {name: guest, channel: live, artifacts: [disk, pkg]}\n- {name: guest, channel: live, artifacts: [disk, pkg]}", "no name of its own"},
		{"train of one", "artifacts: [disk, pkg]", "artifacts: [disk]", "fewer than two"},
		{"train of strangers", "artifacts: [disk, pkg]", "artifacts: [disk, dsik]", "no artifact dsik"},
		{"train without channel", "channel: live", "channel: stable", "has no channel stable"},
		{"retention of nothing", "keep: {last: 3, younger: 24h}", "keep: {}", "keeps nothing"},
		{"retention's pattern", "[0-9a-f]{40}", "[0-9a-f", "no regular expression"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the good configuration has no %q", tt.old)
			}
			_, err := parse(strings.Replace(good, tt.old, tt.new, 1))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFreeze(t *testing.T) {
	once := Freeze{From: date("2026-12-20T00:00:00Z"), To: date("2027-01-03T00:00:00Z")}
	weekend := Freeze{Weekly: "Fri 16:00 - Mon 08:00"}
	lunch := Freeze{Weekly: "Wed 12:00 - Wed 13:00"}
	for _, tt := range []struct {
		freeze Freeze
		at     string
		end    string
	}{
		{once, "2026-12-19T23:59:59Z", ""},
		{once, "2026-12-20T00:00:00Z", "2027-01-03T00:00:00Z"},
		{once, "2027-01-03T00:00:00Z", ""},
		{weekend, "2026-11-20T15:59:59Z", ""}, // a Friday
		{weekend, "2026-11-20T16:00:00Z", "2026-11-23T08:00:00Z"},
		{weekend, "2026-11-20T15:30:00-01:00", "2026-11-23T08:00:00Z"},
		{weekend, "2026-11-22T12:00:00Z", "2026-11-23T08:00:00Z"},
		{weekend, "2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z"},
		{weekend, "2026-11-23T08:00:00Z", ""},
		{lunch, "2026-11-25T12:30:00Z", "2026-11-25T13:00:00Z"},
		{lunch, "2026-11-24T12:30:00Z", ""},
	} {
		begin, end, ok := tt.freeze.Span(date(tt.at))
		if want := tt.end != ""; ok != want || ok && (!end.Equal(date(tt.end)) || begin.After(date(tt.at))) {
			t.Errorf("%s: got %s to %s, %v, want %q", tt.at, begin, end, ok, tt.end)
		}
	}
}

func date(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // a test's own text
	}
	return t
}

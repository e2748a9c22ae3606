package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 21, 15, 4, 5, 0, time.UTC)

func sample(t testing.TB) *Plan {
	t.Helper()
	p, err := Parse("plan.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBadDenylists(t *testing.T) {
	p := sample(t)
	for _, test := range []struct{ name, entry, want string }{
		{"no expiry", "{test: kernel, tracker: https://example.com/1, reason: r}", "expires: want a day within a year, as in 2027-02-21"},
		{"no tracker", "{test: kernel, reason: r, expires: 2026-12-31}", `tracker "": want the URL of an issue`},
		{"tracker is no URL", "{test: kernel, tracker: later, reason: r, expires: 2026-12-31}", `tracker "later"`},
		{"no reason", "{test: kernel, tracker: https://example.com/1, reason: ' ', expires: 2026-12-31}", "reason: say in a line why it fails"},
		{"too long", "{test: kernel, tracker: https://example.com/1, reason: r, expires: 2027-11-22}", "expires 2027-11-22: want a day within a year: until 2027-11-21"},
		{"no day", "{test: kernel, tracker: https://example.com/1, reason: r, expires: 31.12.2026}", `line 2: "31.12.2026" is no day`},
		{"no such test", "{test: kernl, tracker: https://example.com/1, reason: r, expires: 2026-12-31}", "plan hello-os has no such test: mend the name, or remove the entry"},
		{"no such tests", "{test: 'kernl*', tracker: https://example.com/1, reason: r, expires: 2026-12-31}", "plan hello-os has no such test"},
		{"the boot", "{test: boot, tracker: https://example.com/1, reason: r, expires: 2026-12-31}", "plan hello-os has no such test"},
		{"no test", "{tracker: https://example.com/1, reason: r, expires: 2026-12-31}", "test: want a name or a pattern"},
		{"no pattern", "{test: '[', tracker: https://example.com/1, reason: r, expires: 2026-12-31}", "test: want a name or a pattern"},
		{"firmware", "{test: kernel, firmware: efi, tracker: https://example.com/1, reason: r, expires: 2026-12-31}", `firmware "efi": want uefi, bios or direct`},
		{"unknown field", "{test: kernel, until: 2026-12-31}", "line 2: field until not found in type plan.Denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := ParseDenylist("denylist.yaml", []byte("deny:\n- "+test.entry+"\n"), p, today)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "denylist.yaml") || !strings.Contains(err.Error(), "line 2:") || d != nil {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestFor(t *testing.T) {
	p := sample(t)
	const rest = "tracker: https://example.com/1, reason: r, expires: "
	text := "deny:\n" +
		"- {test: kernel, firmware: bios, " + rest + "2026-11-21}\n" +
		"- {test: 'sshd-*', track: '74', " + rest + "2027-11-21}\n" +
		"- {test: files, " + rest + "2026-11-20}\n" +
		"- {test: hello, " + rest + "2026-11-01}\n" +
		"- {test: hello, " + rest + "2026-12-01}\n" +
		"- {test: console, " + rest + "2026-12-01}\n"
	d, err := ParseDenylist("denylist.yaml", []byte(text), p, today)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name             string
		firmware, track  string
		day              time.Time
		denied, wasUntil string
	}{
		{"kernel", "bios", "", today, "2026-11-21", ""},
		{"kernel", "bios", "", time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC), "2026-11-21", ""},
		{"kernel", "bios", "", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), "", "2026-11-21"},
		{"kernel", "bios", "", time.Date(2026, 11, 22, 0, 30, 0, 0, time.FixedZone("", 3600)), "2026-11-21", ""},
		{"kernel", "uefi", "", today, "", ""},
		{"sshd-outside", "uefi", "74", today, "2027-11-21", ""},
		{"sshd-outside", "uefi", "75", today, "", ""},
		{"files", "", "", today, "", "2026-11-20"},
		{"hello", "", "", today, "2026-12-01", ""},
		{"console", "", "", today, "2026-12-01", ""},
		{"boot", "", "", today, "", ""},
		{"units", "", "", today, "", ""},
	} {
		entry, expired := d.For(test.name, Where{Firmware: test.firmware, Track: test.track, Now: test.day})
		if got := until(entry); got != test.denied {
			t.Errorf("%+v: denied until %q", test, got)
		}
		if got := until(expired); got != test.wasUntil {
			t.Errorf("%+v: expired %q", test, got)
		}
	}
	if entry, expired := (*Denylist)(nil).For("kernel", Where{}); entry != nil || expired != nil {
		t.Error("a list that is not there denies a test")
	}
}

func until(d *Denied) string {
	if d == nil {
		return ""
	}
	return d.Expires.String()
}

func TestLoadDenylist(t *testing.T) {
	file := filepath.Join(t.TempDir(), "denylist.yaml")
	if _, err := LoadDenylist(file, sample(t), today); err == nil || !strings.HasPrefix(err.Error(), "read the denylist: open ") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, []byte("deny: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := LoadDenylist(file, sample(t), today); err != nil || len(d.Deny) != 0 {
		t.Errorf("got %+v, %v", d, err)
	}
}

// Whatever is in a plan's file, it is a plan that holds to its rules, or an error that names the file.
func FuzzPlan(f *testing.F) {
	for line := range strings.Lines(whole) { // small ones: each is minimized before the fuzzer goes on
		if strings.HasPrefix(line, "- {") {
			f.Add([]byte("name: a\ntests:\n" + line))
		}
	}
	f.Add([]byte("name: a\nmachine: {memory: 1Gi, boot: 3m}\nconsole: {ignore: [{pattern: x, reason: y}]}\ntests:\n- {name: b, system: running}\n"))
	f.Add([]byte("name: &a a\ntests: [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("plan.yaml", data)
		if err != nil {
			if p != nil || !strings.Contains(err.Error(), "plan.yaml") {
				t.Errorf("got %+v and %v", p, err)
			}
			return
		}
		seen := map[string]bool{}
		for i := range p.Tests {
			test := &p.Tests[i]
			if seen[test.Name] || strings.ContainsAny(test.Name, "/ \n") || len(test.Checks()) == 0 && test.Boots() == 0 || p.Deadline(test) < time.Second {
				t.Errorf("got %+v", test)
			}
			seen[test.Name] = true
		}
	})
}

// Whatever is in a denylist, no entry counts that lasts for over a year or names nobody.
func FuzzDenylist(f *testing.F) {
	f.Add([]byte("deny: [{test: 'k*', tracker: https://example.com/1, reason: r, expires: 2026-12-31}]\n"))
	f.Add([]byte("deny: [{test: kernel, tracker: 'http:', reason: r, expires: 9999-12-31}]\n"))
	p := sample(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDenylist("denylist.yaml", data, p, today)
		if err != nil {
			return
		}
		for _, e := range d.Deny {
			if e.Expires.IsZero() || e.Expires.After(today.AddDate(1, 0, 0)) || !strings.Contains(e.Tracker, "://") || strings.TrimSpace(e.Reason) == "" {
				t.Errorf("got %+v", e)
			}
		}
		for _, test := range p.Tests {
			d.For(test.Name, Where{Now: today})
		}
	})
}

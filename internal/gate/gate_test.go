package gate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
)

const (
	digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	other  = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// held is a line whose channel held the digests, an hour each, the last until now.
func held(name string, digests ...string) ledger.Line {
	l := ledger.Line{Channel: name}
	for i, d := range digests {
		at := now.Add(-time.Duration(len(digests)-i) * time.Hour)
		l.Records = append(l.Records,
			ledger.Record{Kind: ledger.Intent, Digest: d, Time: at},
			ledger.Record{Kind: ledger.Done, Digest: d, Time: at})
	}
	return l
}

func rolledBack(l ledger.Line, from, to string) ledger.Line {
	l.Records = append(l.Records,
		ledger.Record{Kind: ledger.Intent, Digest: to, From: from, Rollback: true, Time: now, Who: "ann", Sequence: len(l.Records)},
		ledger.Record{Kind: ledger.Done, Digest: to, Time: now})
	return l
}

func passed(ago time.Duration) Result {
	return Result{Found: true, Passed: true, Finished: now.Add(-ago), Signer: "ci", Key: "evidence/1"}
}

func stable() channel.Channel {
	return channel.Channel{
		Name: "stable", From: "testing",
		Gate: channel.Gate{
			Tests:     []channel.Test{{Name: "boot", Signers: []string{"ci"}, Fresh: channel.Duration(2 * time.Hour)}},
			Approvals: &channel.Approvals{Count: 2},
			Soak:      channel.Duration(30 * time.Minute),
		},
	}
}

func facts() Facts {
	return Facts{
		Now: now, Digest: digest, Source: held("os/testing", other, digest), Target: held("os/stable", other),
		Results: map[string]Result{"boot": passed(time.Hour)},
	}
}

func TestCheck(t *testing.T) {
	if all := Check(stable(), facts()); !Met(all) {
		t.Fatalf("the good case: %+v", all)
	}
	tests := []struct {
		name  string
		spoil func(*channel.Channel, *Facts)
		unmet string // which requirement; empty if all are met
	}{
		{"no result", func(_ *channel.Channel, f *Facts) { f.Results = nil }, "test boot"},
		{"a failure", func(_ *channel.Channel, f *Facts) { r := passed(0); r.Passed = false; f.Results["boot"] = r }, "test boot"},
		{"damage", func(_ *channel.Channel, f *Facts) { f.Results["boot"] = Result{Err: errors.New("damaged")} }, "test boot"},
		{"an old result", func(_ *channel.Channel, f *Facts) { f.Results["boot"] = passed(3 * time.Hour) }, "test boot"},
		{"any age will do", func(c *channel.Channel, f *Facts) {
			c.Gate.Tests[0].Fresh = 0
			f.Results["boot"] = passed(9999 * time.Hour)
		}, ""},
		{"from the future", func(_ *channel.Channel, f *Facts) { f.Results["boot"] = passed(-time.Hour) }, "test boot"},
		{"within the skew", func(_ *channel.Channel, f *Facts) { f.Results["boot"] = passed(-time.Minute) }, ""},
		{"another digest in the channel before", func(_ *channel.Channel, f *Facts) { f.Source = held("os/testing", digest, other) }, "order"},
		{"held once is enough", func(c *channel.Channel, f *Facts) {
			c.Order, f.Source = channel.OrderHeld, held("os/testing", digest, other)
		}, ""},
		{"held once, not for long", func(c *channel.Channel, f *Facts) {
			c.Order, f.Source = channel.OrderHeld, held("os/testing", digest, other)
			c.Gate.Soak = channel.Duration(90 * time.Minute)
		}, "soak"},
		{"never held", func(c *channel.Channel, f *Facts) {
			c.Order, f.Source = channel.OrderHeld, held("os/testing", other)
		}, "order"},
		{"too short a soak", func(c *channel.Channel, _ *Facts) { c.Gate.Soak = channel.Duration(2 * time.Hour) }, "soak"},
		{"a freeze", func(c *channel.Channel, _ *Facts) {
			c.Gate.Freeze = []channel.Freeze{{Reason: "holidays", From: now.Add(-time.Hour), To: now.Add(time.Hour)}}
		}, "freeze"},
		{"a freeze that is over", func(c *channel.Channel, _ *Facts) {
			c.Gate.Freeze = []channel.Freeze{{Reason: "holidays", From: now.Add(-time.Hour), To: now}}
		}, ""},
		{"barred here", func(_ *channel.Channel, f *Facts) {
			f.Target = rolledBack(held("os/stable", other, digest), digest, other)
		}, "barred"},
		{"barred in the channel before", func(c *channel.Channel, f *Facts) {
			c.Order, f.Source = channel.OrderHeld, rolledBack(held("os/testing", other, digest), digest, other)
		}, "barred"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch, f := stable(), facts()
			tt.spoil(&ch, &f)
			want(t, Check(ch, f), tt.unmet)
		})
	}
}

// want checks that one requirement is unmet and says why, or that all are met.
func want(t *testing.T, all []Requirement, unmet string) {
	t.Helper()
	var found []string
	for _, r := range all {
		if !r.Met {
			found = append(found, r.Name)
		}
		if r.Why == "" {
			t.Errorf("%s does not say why", r.Name)
		}
	}
	if got := strings.Join(found, ", "); got != unmet || Met(all) != (unmet == "") {
		t.Errorf("unmet: %q, want %q: %+v", got, unmet, all)
	}
}

func TestRollback(t *testing.T) {
	ch, f := stable(), facts()
	f.Rollback, f.Source = true, ledger.Line{}
	want(t, Check(ch, f), "held before")
	f.Target = held("os/stable", digest, other)
	f.Results["boot"] = passed(9999 * time.Hour) // old, but it stood then
	ch.Gate.Freeze = []channel.Freeze{{Reason: "holidays", From: now.Add(-time.Hour), To: now.Add(time.Hour)}}
	want(t, Check(ch, f), "")
	r := passed(0)
	r.Passed = false
	f.Results["boot"] = r
	want(t, Check(ch, f), "test boot")
}

func TestDisk(t *testing.T) {
	ch, f := stable(), facts()
	ch.Gate.Tests = []channel.Test{{Name: "boot", Disk: true}, {Name: "e2e", Disk: true}}
	one, two := passed(0), passed(0)
	one.Disks, two.Disks = []string{"sha256:d1", "sha256:d2"}, []string{"sha256:d2"}
	f.Results = map[string]Result{"boot": one, "e2e": two}
	want(t, Check(ch, f), "")
	two.Disks = []string{"sha256:d3"}
	f.Results["e2e"] = two
	want(t, Check(ch, f), "disk")
	two.Disks = nil
	f.Results["e2e"] = two
	want(t, Check(ch, f), "disk")
}

func TestConsent(t *testing.T) {
	two := channel.Approvals{Count: 2}
	ann, bob := Said{Who: "ann", At: now, Key: "decisions/1"}, Said{Who: "bob", At: now, Key: "decisions/2"}
	for _, tt := range []struct {
		name    string
		consent Consent
		want    bool
	}{
		{"two people", Consent{Given: []Said{ann, bob}}, true},
		{"one", Consent{Given: []Said{ann}}, false},
		{"the same person twice", Consent{Given: []Said{ann, {Who: "ANN", At: now, Key: "decisions/3"}}}, false},
		{"the requester", Consent{Given: []Said{ann, bob}, Requester: "Bob"}, false},
		{"spent on an earlier move of the digest", Consent{Given: []Said{ann, bob}, Spent: now}, false},
		{"said again since", Consent{Given: []Said{ann, bob}, Spent: now.Add(-time.Second)}, true},
		{"another name of the requester", Consent{Given: []Said{ann, bob}, Requester: "@bob", Person: func(n string) string { return strings.TrimPrefix(n, "@") }}, false},
		{"one person by two names", Consent{Given: []Said{ann, bob}, Person: func(string) string { return "ann" }}, false},
		{"from the future", Consent{Given: []Said{ann, {Who: "bob", At: now.Add(time.Hour), Key: "decisions/2"}}}, false},
		{"that cannot be trusted", Consent{Given: []Said{ann, bob}, Err: errors.New("damaged")}, false},
		{"who asked by comment", Consent{Given: []Said{ann, bob}, Asked: []Said{{Who: "BOB", At: now}}}, false},
		{"who asked for an earlier move", Consent{Given: []Said{ann, {Who: "bob", At: now.Add(time.Second)}, {Who: "ann", At: now.Add(time.Second)}},
			Asked: []Said{{Who: "bob", At: now.Add(-time.Hour)}}, Spent: now}, true},
		{"another requester", Consent{Given: []Said{ann, bob}, Requester: "cid"}, true},
	} {
		tt.consent.Now = now
		if r := tt.consent.Check(two); r.Met != tt.want || r.Why == "" {
			t.Errorf("%s: got %+v", tt.name, r)
		}
	}
	if (Consent{}).Check(channel.Approvals{}).Met {
		t.Error("no approval of none is met")
	}
}

// A hold stands in the way of a plan that everybody else approves.
func TestHold(t *testing.T) {
	if all := (Consent{}).Held(); all != nil {
		t.Errorf("held by nobody: %+v", all)
	}
	want(t, Consent{Holds: []Said{{Who: "Ann", At: now, Reason: "it burns"}}}.Held(), "hold")
}

func TestOverride(t *testing.T) {
	ch, f := stable(), facts()
	f.Results["boot"] = passed(0)
	managed := channel.Freeze{Reason: "holidays", From: now.Add(-time.Hour), To: now.Add(time.Hour), Override: "managers"}
	good := Said{Who: "ann", At: now, Key: "decisions/1", Reason: "a hole", Group: "managers"}
	early, late, other := good, good, good
	early.At, late.At, other.Group = now.Add(-2*time.Hour), now.Add(time.Hour), "others"
	nobodys := managed
	var none time.Time
	nobodys.Override = ""
	for _, tt := range []struct {
		name      string
		freezes   []channel.Freeze
		overrides []Said
		unmet     string
		spent     time.Time
	}{
		{"overridden", []channel.Freeze{managed}, []Said{good}, "", none},
		{"by nobody", []channel.Freeze{managed}, nil, "freeze", none},
		{"before it began", []channel.Freeze{managed}, []Said{early}, "freeze", none},
		{"in the future", []channel.Freeze{managed}, []Said{late}, "freeze", none},
		{"by other people", []channel.Freeze{managed}, []Said{other}, "freeze", none},
		{"that nobody may override", []channel.Freeze{nobodys}, []Said{good}, "freeze", none},
		{"one of two", []channel.Freeze{managed, nobodys}, []Said{good}, "freeze", none},
		{"no freeze", nil, []Said{good}, "", none},
		{"for an earlier move", []channel.Freeze{managed}, []Said{good}, "freeze", now},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch.Gate.Freeze = tt.freezes
			got := Consent{Now: now, Overrides: tt.overrides, Spent: tt.spent}.Thaw(ch.Gate, Check(ch, f))
			want(t, got, tt.unmet)
			if tt.name == "overridden" && got[len(got)-1].Keys == nil {
				t.Error("who overrode it is not recorded")
			}
		})
	}
}

// A gate that requires nothing lets nothing pass, even if the configuration's check
// were to let it be written.
func TestEmptyGateIsClosed(t *testing.T) {
	if all := Check(channel.Channel{Name: "stable"}, facts()); Met(all) {
		t.Errorf("an empty gate is open: %+v", all)
	}
	if Met(nil) {
		t.Error("nothing is met")
	}
}

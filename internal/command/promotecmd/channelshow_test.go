package promotecmd

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
)

func TestGateWords(t *testing.T) {
	noon := time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC)
	ch := channel.Channel{
		Name: "stable", From: "testing", Order: channel.OrderHeld, Version: channel.VersionRequired,
		Gate: channel.Gate{
			Tests:     []channel.Test{{Name: "boot", Signers: []string{"boot", "ci"}, Fresh: channel.Duration(24 * time.Hour), Disk: true}},
			Approvals: &channel.Approvals{Count: 2, Signers: []string{"chatops"}, Tags: []string{"people"}},
			Soak:      channel.Duration(time.Hour),
			Freeze:    []channel.Freeze{{Reason: "weekend", Weekly: "Fri 16:00 - Mon 08:00"}, {Reason: "new year", From: noon, To: noon.Add(time.Hour)}},
		},
	}
	want := []string{
		"testing holds it, or held it once",
		"test boot passed, signed by boot or ci, not more than 24h0m0s ago, with the disk that is made of it",
		"approvals of its plan by different people: 2, by statements signed by chatops, or by git tags signed by people",
		"it was in testing for 1h0m0s",
		"it gets a version, as in v1.2.3",
		"it is not Fri 16:00 - Mon 08:00 UTC, every week (weekend)",
		"it is not 2026-12-20T12:00:00Z to 2026-12-20T13:00:00Z (new year)",
	}
	if diff := cmp.Diff(want, gateWords(ch)); diff != "" {
		t.Errorf("gate in words (-want +got):\n%s", diff)
	}
}

// TestLastStay finds the stay that a digest came from.
func TestLastStay(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 21, 12, minute, 0, 0, time.UTC) }
	var stays []ledger.Stay
	for i, digest := range []string{"a", "b", "a", "c"} {
		stays = append(stays, ledger.Stay{Done: ledger.Record{Digest: digest, Time: at(i)}})
	}
	tests := []struct {
		digest string
		by     time.Time
		want   int
	}{
		{"a", time.Time{}, 2}, {"a", at(1), 0}, {"a", at(2), 2}, {"b", at(3), 1}, {"c", at(1), 3}, {"d", time.Time{}, -1},
	}
	for _, tt := range tests {
		if got := lastStay(stays, tt.digest, tt.by); got != tt.want {
			t.Errorf("last stay of %s by %s: got %d, want %d", tt.digest, tt.by, got, tt.want)
		}
	}
}

func TestBeforeAndBars(t *testing.T) {
	line := ledger.Line{Channel: "os/next"}
	move := func(digest, from string, rollback bool) {
		n := len(line.Records)
		now := time.Date(2026, 11, 21, 12, n, 0, 0, time.UTC)
		intent := ledger.Record{Kind: ledger.Intent, Sequence: n, Digest: digest, From: from, Rollback: rollback, Time: now, Who: "ann"}
		done := ledger.Record{Kind: ledger.Done, Sequence: n + 1, Digest: digest, Time: now}
		line.Records = append(line.Records, intent, done)
	}
	move("a", "", false)
	move("b", "a", false)
	move("c", "b", false)
	move("b", "c", true) // bars c
	var got []string
	for _, s := range before(line) {
		got = append(got, s.Digest+s.Until.Sub(s.Since).String())
	}
	if diff := cmp.Diff([]string{"c2m0s", "a2m0s"}, got); diff != "" {
		t.Errorf("held before (-want +got):\n%s", diff)
	}
	if found := bars(line); len(found) != 1 || found[0].Digest != "c" || found[0].Who != "ann" || !before(line)[0].Barred {
		t.Errorf("barred: %+v", found)
	}
	line.Records = append(line.Records, ledger.Record{Kind: ledger.Lift, Sequence: len(line.Records), Digest: "c"})
	if found := bars(line); len(found) > 0 || before(line)[0].Barred {
		t.Errorf("barred after a lift: %+v", found)
	}
}

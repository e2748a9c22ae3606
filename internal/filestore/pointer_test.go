package filestore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/store"
)

const live = "team/hello-disk/live"

func TestPoint(t *testing.T) {
	overStores(t, func(t *testing.T, newStore func() store.Store) {
		s := newStore()
		one, two := put(t, s, "one"), put(t, s, "two")
		if p, ok, err := Now(t.Context(), s, live); p != (Pointer{}) || ok || err != nil {
			t.Errorf("before: got %+v, %v, %v", p, ok, err)
		}
		steps := []struct {
			what   string
			expect string
			p      Pointer
			now    string
			moved  *MovedError
		}{
			{"from something to one", two, Pointer{Digest: one}, "", &MovedError{Channel: live, Want: two}},
			{"from nothing to one", "", Pointer{Digest: one, Record: 1}, one, nil},
			{"from nothing to one again", "", Pointer{Digest: one, Record: 1}, one, nil},
			{"from nothing to two", "", Pointer{Digest: two, Record: 2}, one, &MovedError{Channel: live, Have: one, Record: 1}},
			{"from one to two", one, Pointer{Digest: two, Version: "v1.2.3", Plan: "p", Record: 3}, two, nil},
			{"from one to two again", one, Pointer{Digest: two, Version: "v1.2.3", Record: 9}, two, nil},
			{"back to one", two, Pointer{Digest: one, Record: 5}, one, nil},
			{"from one to two, by who slept", one, Pointer{Digest: two, Version: "v1.2.3", Record: 3}, one, &MovedError{Channel: live, Have: one, Record: 5, Want: one}},
			{"without records", one, Pointer{Digest: two}, two, nil},
			{"another version of it", two, Pointer{Digest: two, Version: "v1.2.4"}, two, nil},
		}
		for _, step := range steps {
			err := Point(t.Context(), s, live, step.expect, step.p)
			moved, _ := errors.AsType[*MovedError](err)
			if diff := cmp.Diff(step.moved, moved); diff != "" || (err == nil) != (step.moved == nil) {
				t.Errorf("%s: %v: -want +got:\n%s", step.what, err, diff)
			}
			now, ok, err := Now(t.Context(), s, live)
			if now.Digest != step.now || ok != (step.now != "") || err != nil {
				t.Errorf("%s: the channel holds %+v, %v, want %s", step.what, now, err, step.now)
			}
		}
		want := Pointer{Digest: two, Channel: live, Version: "v1.2.4"}
		if now, _, err := Now(t.Context(), s, live); now != want {
			t.Errorf("got %+v, %v; want %+v", now, err, want)
		}
	})
}

// TestPointRaces lets twenty move a channel at once, each to a digest of its own.
func TestPointRaces(t *testing.T) {
	const racers, rounds = 20, 3
	overStores(t, func(t *testing.T, newStore func() store.Store) {
		s := newStore()
		expect := ""
		for round := range rounds {
			targets := make([]string, racers)
			for i := range targets {
				targets[i] = put(t, s, fmt.Sprintf("round %d, racer %d", round, i))
			}
			errs := make([]error, racers)
			var all sync.WaitGroup
			for i := range racers {
				all.Go(func() { errs[i] = Point(t.Context(), s, live, expect, Pointer{Digest: targets[i]}) })
			}
			all.Wait()
			var winners []string
			for i, err := range errs {
				if moved, ok := errors.AsType[*MovedError](err); err != nil && (!ok || moved.Want != expect) {
					t.Errorf("racer %d: got error %v, want a MovedError", i, err)
				}
				if err == nil {
					winners = append(winners, targets[i])
				}
			}
			now, _, err := Now(t.Context(), s, live)
			if err != nil || len(winners) != 1 || winners[0] != now.Digest {
				t.Fatalf("round %d: %q won, but the channel holds %s, %v", round, winners, now.Digest, err)
			}
			expect = now.Digest
		}
	})
}

func TestPointLostAnswer(t *testing.T) {
	s := &spy{Store: newFolder(t), loseSwap: errors.New("connection reset")}
	digest := put(t, s, "one")
	if err := Point(t.Context(), s, live, "", Pointer{Digest: digest}); err != nil {
		t.Errorf("got error %v, though the channel moved", err)
	}
}

func TestPointRefuses(t *testing.T) {
	s := newFolder(t)
	digest := put(t, s, "one")
	for _, tt := range []struct {
		channel string
		p       Pointer
		want    string
	}{
		{"live", Pointer{Digest: digest}, "ARTIFACT/CHANNEL"},
		{"/live", Pointer{Digest: digest}, "ARTIFACT/CHANNEL"},
		{"hello/", Pointer{Digest: digest}, "ARTIFACT/CHANNEL"},
		{"../hello/live", Pointer{Digest: digest}, "bad key"},
		{"a//live", Pointer{Digest: digest}, "bad key"},
		{"hello/versions/v1", Pointer{Digest: digest}, "where versions lie"},
		{live, Pointer{Digest: digest, Channel: "other/live"}, "of channel other/live"},
		{live, Pointer{Digest: "latest"}, "no digest"},
		{live, Pointer{}, "no digest"},
		{live, Pointer{Digest: digestOf(t, "absent")}, "what it is to hold"},
	} {
		err := Point(t.Context(), s, tt.channel, "", tt.p)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, %+v: got error %v, want one that says %q", tt.channel, tt.p, err, tt.want)
		}
	}
}

// TestDamagedPointer has bytes under a channel's name that this program did not write.
// They are neither read nor overwritten.
func TestDamagedPointer(t *testing.T) {
	whole := `{
  "digest": "` + digestOf(t, "one") + `",
  "channel": "` + live + `"
}
`
	for name, text := range map[string]string{
		"empty": "", "no JSON": "x", "cut short": whole[:len(whole)-3], "line more": whole + "\n",
		"another channel's": strings.Replace(whole, "live", "testing", 1), "no digest": strings.Replace(whole, "sha256:", "", 1),
		"unknown field": strings.Replace(whole, `"digest"`, `"more": 1, "digest"`, 1),
	} {
		s := newFolder(t)
		key := "channels/" + live + ".json"
		if _, err := s.Swap(t.Context(), key, store.Absent, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if p, ok, err := Now(t.Context(), s, live); ok || !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: got %+v, %v, %v; want ErrCorrupt", name, p, ok, err)
		}
		if err := Point(t.Context(), s, live, "", Pointer{Digest: put(t, s, "two")}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: got error %v, want ErrCorrupt", name, err)
		}
		if data, _, err := s.Read(t.Context(), key); string(data) != text {
			t.Errorf("%s: it became %q, %v", name, data, err)
		}
	}
}

func TestVersioned(t *testing.T) {
	overStores(t, func(t *testing.T, newStore func() store.Store) {
		s := newStore()
		const artifact, version = "team/hello-disk", "v1.2.3"
		one, two := put(t, s, "one"), put(t, s, "two")
		p := Pointer{Digest: one, Channel: live, Version: version, Plan: "first", Record: 1}
		again := p
		again.Plan, again.Record = "second", 7
		for _, p := range []Pointer{p, p, again} {
			if err := Versioned(t.Context(), s, artifact, version, p); err != nil {
				t.Error(err)
			}
		}
		other := p
		other.Digest = two
		if err := Versioned(t.Context(), s, artifact, version, other); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), one) {
			t.Errorf("another digest: got error %v, want a conflict with %s", err, one)
		}
		if got, ok, err := Version(t.Context(), s, artifact, version); got != p || !ok || err != nil {
			t.Errorf("got %+v, %v, %v; want %+v", got, ok, err, p)
		}
		if got, ok, err := Version(t.Context(), s, artifact, "v1.2.4"); ok || err != nil {
			t.Errorf("no such version: got %+v, %v, %v", got, ok, err)
		}
		for _, tt := range []struct{ artifact, version string }{
			{artifact, ""}, {artifact, "v1/2"}, {artifact, "v1.2.4"}, {"", version}, {"team/other", version}, {"team/versions", version},
		} {
			if err := Versioned(t.Context(), s, tt.artifact, tt.version, p); err == nil {
				t.Errorf("%+v: it was written", tt)
			}
		}
	})
}

package promotion

import (
	"fmt"
	"testing"
	"time"
)

// A run that dies at any step is finished by the next, and nothing is done twice.
func TestDeathAtEveryStep(t *testing.T) { atEveryStep(t, 7, dieAndFinish) }

// atEveryStep lets a run die before and after each of its effects. It has fewer than
// steps: the last of these runs lives.
func atEveryStep(t *testing.T, steps int, run func(t *testing.T, effects int, after bool) (died bool)) {
	for _, after := range []bool{false, true} {
		for effects := range steps {
			t.Run(fmt.Sprintf("effects=%d,after=%v", effects, after), func(t *testing.T) {
				t.Parallel() // they mostly wait until the dead count as dead
				died := run(t, effects, after)
				if last := effects == steps-1; died == last {
					t.Errorf("died: %v", died)
				}
			})
		}
	}
}

func dieAndFinish(t *testing.T, effects int, after bool) (died bool) {
	w := newWorld(t, 0)
	w.Term = time.Second
	digest := w.push("os", "1111")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.mustPromote(Request{Channel: "os/testing"})
	w.other.Forget()
	order := Order{Requests: []Request{{Channel: "os/stable", Version: "v1.0.0"}}}
	mortal, life := w.mortal(effects, after)
	plan, err := mortal.Plan(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if err = mortal.Apply(t.Context(), plan); (err != nil) != life.dead() {
		t.Fatalf("dead %v, and got %v", life.dead(), err)
	}
	w.mustPromote(order.Requests...)
	w.want("os/stable", digest)
	if got := w.points(w.other.Host + "/prod/os:v1.0.0"); got != digest {
		t.Errorf("the version points to %q", got)
	}
	for tag, n := range w.other.Puts() {
		if n != 1 {
			t.Errorf("%s was written %d times", tag, n)
		}
	}
	return life.dead()
}

// A train that dies at any step has moved whole or not at all once the next run is
// over, and with it that run moves it whole.
func TestTrainDeathAtEveryStep(t *testing.T) { atEveryStep(t, 14, dieWithTrain) }

func dieWithTrain(t *testing.T, effects int, after bool) (died bool) {
	w := newTrain(t, 3)
	w.Term = time.Second
	old, order := Order{Train: "all"}, Order{Train: "all"}
	for i := range 3 {
		repository := fmt.Sprintf("a%d", i)
		old.Requests = append(old.Requests, Request{Channel: repository + "/live", Digest: w.push(repository, "old")})
		order.Requests = append(order.Requests, Request{Channel: repository + "/live", Digest: w.push(repository, "new")})
	}
	w.mustMove(old)
	w.proxy.Forget()
	mortal, life := w.mortal(effects, after)
	plan, err := mortal.Plan(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if err = mortal.Apply(t.Context(), plan); (err != nil) != life.dead() {
		t.Fatalf("dead %v, and got %v", life.dead(), err)
	}
	open, err := w.Open(t.Context(), w.Config.All())
	if err != nil {
		t.Fatal(err)
	}
	if len(open) > 0 {
		if err := w.Resume(t.Context(), open); err != nil {
			t.Fatal(err)
		}
	}
	w.wantTogether(old, order)
	w.mustMove(order)
	for _, r := range order.Requests {
		w.want(r.Channel, r.Digest)
	}
	for tag, n := range w.proxy.Puts() {
		if n != 1 {
			t.Errorf("%s was written %d times", tag, n)
		}
	}
	return life.dead()
}

func (w *world) mustMove(o Order) {
	w.Helper()
	plan, err := w.Plan(w.Context(), o)
	if err == nil {
		err = w.Apply(w.Context(), plan)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// wantTogether checks that all channels hold the digests from before, or all those from
// after.
func (w *world) wantTogether(before, after Order) {
	w.Helper()
	moved := 0
	for i, r := range after.Requests {
		switch w.points(w.proxy.Host + "/" + fmt.Sprintf("a%d", i) + ":live") {
		case r.Digest:
			moved++
		case before.Requests[i].Digest:
		default:
			w.Errorf("%s points to neither", r.Channel)
		}
	}
	if moved != 0 && moved != len(after.Requests) {
		w.Errorf("%d of %d members moved", moved, len(after.Requests))
	}
}

// A train that died may be given up as long as no member has moved.
func TestGiveUpTrain(t *testing.T) {
	for effects, moved := range map[int]bool{7: false, 8: true} { // a plan, three manifests, three intents
		w := newTrain(t, 3)
		w.Term = time.Second
		order := Order{Train: "all"}
		for i := range 3 {
			repository := fmt.Sprintf("a%d", i)
			order.Requests = append(order.Requests, Request{Channel: repository + "/live", Digest: w.push(repository, "new")})
		}
		mortal, _ := w.mortal(effects, false)
		plan, err := mortal.Plan(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		if err := mortal.Apply(t.Context(), plan); err == nil {
			t.Fatal("it lives")
		}
		err = w.GiveUp(t.Context(), []string{"a1/live"}, "enough")
		if (err != nil) != moved {
			t.Errorf("after %d effects: got %v", effects, err)
		}
		open, err := w.Open(t.Context(), w.Config.All())
		if err != nil || (len(open) > 0) != moved {
			t.Errorf("after %d effects: %v are open, %v", effects, open, err)
		}
		w.mustMove(order)
		for _, r := range order.Requests {
			w.want(r.Channel, r.Digest)
		}
	}
}

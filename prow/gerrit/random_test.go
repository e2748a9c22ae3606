package gerrit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gogerrit "github.com/andygrunwald/go-gerrit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
)

// sweep deletes ProwJobs, as sinker does after days.
func (c *cluster) sweep(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := c.set.ProwV1().ProwJobs("prow").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// history is one random order of what people, machines and networks do.
type history struct {
	*world
	t       *testing.T
	random  *rand.Rand
	lucky   sync.Mutex // of random, while two triggers poll
	steps   []string
	should  map[string]bool // change/patch set/job that a poll without faults saw
	another *Trigger
}

// Votes, patch sets, restarts, two triggers at once, faults and swept ProwJobs, in
// any order: what should start is started once, and nothing else.
func TestOnceInAnyOrder(t *testing.T) {
	seed, started := uint64(time.Now().UnixNano()), 0
	for i := range uint64(40) {
		t.Run(fmt.Sprintf("seed-%d", seed+i), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed+i, 0))
			h := &history{world: newWorld(t), t: t, random: random, should: map[string]bool{}}
			h.another = newTrigger(h.Config(), h.fake, h.cluster, &strings.Builder{})
			for n := range 3 {
				h.add(n + 1)
			}
			for range 100 {
				h.step()
			}
			h.fault, h.fail = nil, nil
			h.pollOnce(false)
			h.check()
			started += len(h.should)
		})
	}
	t.Logf("%d starts in 40 orders", started)
	if started < 100 {
		t.Errorf("only %d starts: the orders show little", started)
	}
}

// chance is a number below n, for who runs side by side.
func (h *history) chance(n int) int {
	h.lucky.Lock()
	defer h.lucky.Unlock()
	return h.random.IntN(n)
}

// abandon closes an open change, and restores one that is not to be abandoned.
func (c *fakeChange) abandon(yes bool) {
	c.status = map[bool]string{true: "ABANDONED", false: "NEW"}[yes]
}

func (h *history) step() {
	change := h.changes[h.random.IntN(len(h.changes))]
	label := []string{"Trybot-Ready", "Code-Review"}[h.random.IntN(2)]
	deeds := []struct {
		name string
		do   func()
	}{
		{"vote " + label, func() { change.vote(label, 1+h.random.IntN(3), h.random.IntN(3)) }},
		{"unvote " + label, func() { delete(change.votes, label) }},
		{"upload", func() { change.upload([]string{"", label}[h.random.IntN(2)]) }},
		{"vote on " + label, func() { change.vote(label, 1, 2) }},
		{"work in progress, or no more", func() { change.wip = !change.wip && h.random.IntN(3) == 0 }},
		{"abandon, or restore", func() { change.abandon(h.random.IntN(3) == 0) }},
		{"restart", func() { h.Trigger = newTrigger(h.Config(), h.fake, h.cluster, h.log) }},
		{"sweep", func() { h.sweep(h.t, h.remembered()...) }},
		{"faulty poll", func() { h.pollOnce(true) }},
		{"poll", func() { h.pollOnce(false) }},
		{"poll", func() { h.pollOnce(false) }},
	}
	deed := deeds[h.random.IntN(len(deeds))]
	h.steps = append(h.steps, fmt.Sprintf("%s %d", deed.name, change.number))
	deed.do()
}

// pollOnce lets both triggers poll at once, with faults or without.
func (h *history) pollOnce(faulty bool) {
	h.fault, h.fail = nil, nil
	qualified := h.qualified()
	if faulty {
		h.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if h.chance(4) > 0 {
				return false
			}
			http.Error(w, "Internal server error", []int{500, 502, 503}[h.chance(3)])
			return true
		}
		h.fail = func(*prowapi.ProwJob) error {
			if h.chance(3) > 0 {
				return nil
			}
			return errors.New("etcdserver: request timed out")
		}
	}
	before := len(h.created)
	var wait sync.WaitGroup
	var errs [2]error
	for i, trigger := range []*Trigger{h.Trigger, h.another} {
		wait.Go(func() { errs[i] = trigger.Poll(context.Background()) })
	}
	wait.Wait()
	if err := errors.Join(errs[:]...); err != nil && !faulty {
		h.t.Errorf("poll: %v after %v", err, h.steps)
	}
	for _, name := range h.created[before:] {
		if !slices.Contains(qualified, name) {
			h.t.Errorf("%s was started without a vote, after %v", name, h.steps)
		}
	}
	if !faulty {
		for _, name := range qualified {
			h.should[name] = true
		}
	}
}

// remembered are the ProwJobs that are recorded on their changes. Sinker waits for days,
// in which some poll records each.
func (h *history) remembered() []string {
	var names []string
	for _, job := range h.prowJobs() {
		for _, change := range h.changes {
			if slices.ContainsFunc(change.messages, func(m gogerrit.ChangeMessageInfo) bool { return strings.Contains(m.Message, job.Name) }) {
				names = append(names, job.Name)
			}
		}
	}
	return names
}

// qualified are the names of the ProwJobs for which there are votes now.
func (h *history) qualified() []string {
	var all []string
	for _, change := range h.changes {
		info, err := h.info(change, []string{"CURRENT_REVISION"})
		if err != nil {
			h.t.Fatal(err)
		}
		for job, vote := range map[string]Vote{"presubmit": {"Trybot-Ready", 1}, "presubmit-cr": {"Code-Review", 2}} {
			for _, value := range change.votes[vote.Label] {
				if value >= vote.Value && change.status == "NEW" && !change.wip {
					all = append(all, jobName(instance, info, change.patchSet, job))
				}
			}
		}
	}
	return all
}

func (h *history) check() {
	times := map[string]int{}
	for _, name := range h.created {
		times[name]++
	}
	for name, n := range times {
		if n > 1 {
			h.t.Errorf("%s was started %d times, after %v", name, n, h.steps)
		}
	}
	for name := range h.should {
		if times[name] == 0 {
			h.t.Errorf("%s was never started, after %v", name, h.steps)
		}
	}
}

package promote_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// model is what the channels and the open request should be, kept beside a random
// conversation by rules that are written anew here.
type model struct {
	next    string
	history map[string][]string // of a channel: what it held, the newest last
	barred  map[string]bool     // what testing was rolled back from
	held    map[string][]string // who holds a plan, by what it is; also once its request is cancelled
	open    *wish               // nil is none
	all     []*wish
}

// wish is a request as the model has it.
type wish struct {
	comment   int64
	to        string
	digest    string
	back      bool
	asker     string
	state     string
	approvals map[string]bool
	holds     []string // who held it, also before it was let go
	plan      string
}

// what is the same for all who ask for the same plan.
func (w *wish) what() string { return fmt.Sprint(w.to, w.digest, w.back) }

// turn is what somebody says, and what the model makes of it.
type turn struct {
	who, text string
	// play changes the model. answered says that the robot answers by a comment of its own.
	play func(m *model, comment int64) (answered bool)
}

var crowd = []string{"maintainer-one", "maintainer-two", "maintainer-three", "maintainer-four", "contributor", "stranger"}

var mayApprove = map[string][]string{"testing": {"maintainer-one", "maintainer-two"}, "stable": {"maintainer-two", "maintainer-three", "maintainer-four"}}

var takes = map[string]int{"testing": 1, "stable": 2}

func (m *model) holds(channel string) string {
	if channel == "next" {
		return m.next
	}
	if all := m.history[channel]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// moveOn moves the channel if nothing is in the way any more.
func (m *model) moveOn() {
	w := m.open
	if w == nil || len(m.held[w.what()]) > 0 || len(w.approvals) < takes[w.to] {
		return
	}
	w.state = "done"
	if w.back {
		m.barred[m.holds(w.to)] = true
	}
	m.history[w.to] = append(m.history[w.to], w.digest)
	m.open = nil
}

// known is play for those whom the organisation knows.
func known(who string, play func(*model, int64) bool) func(*model, int64) bool {
	return func(m *model, comment int64) bool {
		if who == "stranger" {
			return true
		}
		return play(m, comment)
	}
}

func (m *model) wishFor(w *wish) {
	w.state, w.approvals = "waiting", map[string]bool{}
	m.open = w
	m.all = append(m.all, w)
}

func askFor(who, to string) turn {
	before := map[string]string{"testing": "next", "stable": "testing"}[to]
	return turn{who, "/promote hello-disk to " + to, known(who, func(m *model, comment int64) bool {
		digest := m.holds(before)
		if digest == "" || digest == m.holds(to) {
			return true
		}
		m.wishFor(&wish{comment: comment, to: to, digest: digest, asker: who})
		return false
	})}
}

func goBack(who string) turn {
	return turn{who, "/rollback hello-disk/testing it is bad", known(who, func(m *model, comment int64) bool {
		for _, digest := range slices.Backward(m.history["testing"]) {
			if digest != m.holds("testing") && !m.barred[digest] {
				m.wishFor(&wish{comment: comment, to: "testing", back: true, digest: digest, asker: who})
				return false
			}
		}
		return true
	})}
}

func approvePlan(who, plan string, right bool) turn {
	return turn{who, "/approve-promotion " + plan, known(who, func(m *model, _ int64) bool {
		if m.open == nil || !right || who == m.open.asker || !slices.Contains(mayApprove[m.open.to], who) {
			return true
		}
		m.open.approvals[who] = true
		return false
	})}
}

func holdIt(who string) turn {
	return turn{who, "/hold-promotion the moon is full", known(who, func(m *model, _ int64) bool {
		if m.open == nil {
			return true
		}
		m.held[m.open.what()] = append(m.held[m.open.what()], who)
		m.open.holds = append(m.open.holds, who)
		return false
	})}
}

func letGo(who string) turn {
	return turn{who, "/hold-promotion cancel", known(who, func(m *model, _ int64) bool {
		if m.open == nil {
			return true
		}
		others := slices.ContainsFunc(append(m.held[m.open.what()], m.open.holds...), func(by string) bool { return by != who })
		if others && !slices.Contains(mayApprove[m.open.to], who) {
			return true
		}
		delete(m.held, m.open.what())
		return false
	})}
}

func callOff(who string) turn {
	return turn{who, "/promote cancel", known(who, func(m *model, _ int64) bool {
		if m.open == nil || who != m.open.asker && !slices.Contains(mayApprove[m.open.to], who) {
			return true
		}
		m.open.state, m.open = "withdrawn", nil
		return false
	})}
}

func askHow(who string) turn {
	return turn{who, "/promote status", known(who, func(m *model, _ int64) bool { return m.open == nil })}
}

// turn draws what comes next; while nothing is asked for it mostly is asked.
func (m *model) turn(random *rand.Rand) turn {
	who := crowd[random.IntN(len(crowd))]
	wrong := "sha256:" + strings.Repeat(fmt.Sprint(random.IntN(10)), 64)
	if m.open == nil {
		return []turn{
			askFor(who, "testing"), askFor("contributor", "testing"), askFor("contributor", "testing"), askFor("contributor", "stable"), askFor(who, "stable"), goBack(who), goBack("contributor"),
			[]turn{approvePlan(who, wrong, false), holdIt(who), letGo(who), callOff(who), askHow(who)}[random.IntN(5)],
		}[random.IntN(8)]
	}
	fit := mayApprove[m.open.to]
	return []turn{
		approvePlan(fit[random.IntN(len(fit))], m.open.plan, true), approvePlan(fit[random.IntN(len(fit))], m.open.plan, true), approvePlan(fit[random.IntN(len(fit))], m.open.plan, true),
		approvePlan(who, m.open.plan, true), approvePlan(who, wrong, false), holdIt(who), letGo(fit[random.IntN(len(fit))]), letGo(who), callOff(who), askHow(who),
		{who, "/promote it", func(*model, int64) bool { return true }},
	}[random.IntN(11)]
}

package promote_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/testkit/chatops"
	"slipway.dev/slipway/internal/testkit/github"
)

// seedVariable repeats a random conversation.
const seedVariable = "SLIPWAY_CHATOPS_TEST_SEED"

// rates are those of a GitHub of which 30 % of all calls fail.
var rates = map[github.Fault]float64{
	github.ServerError: .08, github.BadGateway: .07, github.Reset: .04, github.LostAnswer: .04, github.Truncate: .03, github.Stall: .02, github.SecondaryLimit: .02,
}

// rounds plays random conversations, each in a world of its own.
func rounds(t *testing.T, some int, play func(t *testing.T, random *rand.Rand, seed uint64)) {
	t.Helper()
	t.Parallel()
	if strings.Contains(os.Getenv("SLIPWAY_E2E"), "prow") {
		some *= 10
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
		some = 1
	}
	for i := range uint64(some) {
		t.Run(fmt.Sprintf("seed-%d", seed+i), func(t *testing.T) {
			t.Logf("repeat it with %s=%d", seedVariable, seed+i)
			play(t, rand.New(rand.NewPCG(seed+i, 0)), seed+i)
		})
	}
}

// Whatever GitHub answers, every command ends in the one right outcome.
func TestFaultsOfGitHub(t *testing.T) {
	rounds(t, 4, func(t *testing.T, random *rand.Rand, seed uint64) {
		converse(t, random, func(c *conversation) { c.faults(seed) }, quick)
	})
}

// However often the plugin is killed, and wherever, the outcome is the same.
func TestKilledPlugin(t *testing.T) {
	rounds(t, 4, func(t *testing.T, random *rand.Rand, seed uint64) {
		converse(t, random, nil, quick, dying(seed, 1, 60))
	})
}

// Both at once.
func TestFaultsAndKilledPlugin(t *testing.T) {
	rounds(t, 3, func(t *testing.T, random *rand.Rand, seed uint64) {
		converse(t, random, func(c *conversation) { c.faults(seed) }, quick, dying(seed, 30, 120))
	})
}

// quick is a client that gives up a call whose pause is a second or more; the plugin
// then tries the whole again.
func quick(o *chatops.Options) {
	o.Poll = 50 * time.Millisecond
	o.Client = func(c prowgithub.ClientOptions) prowgithub.ClientOptions {
		c.MaxSleepTime, c.InitialDelay = time.Second, time.Millisecond
		return c
	}
}

// dying kills the plugin after some calls, again and again.
func dying(seed uint64, least, most int) func(*chatops.Options) {
	random := rand.New(rand.NewPCG(seed, 1))
	return func(o *chatops.Options) {
		o.Lives = func() (int, bool) {
			if random.IntN(3) == 0 { // or what takes more calls than that never ends
				return 10 * most, random.IntN(2) == 0
			}
			return least + random.IntN(most-least), random.IntN(2) == 0
		}
	}
}

// conversation is a random conversation.
type conversation struct {
	*fray
	model
	answered map[int64]bool // whether the robot should answer a comment
	seen     int            // deliveries that were looked at
	plans    int
}

func (c *conversation) faults(seed uint64) {
	c.GitHub.Faults(seed, github.FaultConfig{Rates: rates, Stall: 20 * time.Millisecond, Match: func(r github.Request) bool { return r.User == chatops.Robot }})
}

func converse(t *testing.T, random *rand.Rand, begin func(*conversation), options ...func(*chatops.Options)) {
	w := chatops.New(t, options...)
	c := &conversation{fray: &fray{talk: &talk{T: t, World: w}, repo: w.Guest}, model: model{history: map[string][]string{}, barred: map[string]bool{}, held: map[string][]string{}}, answered: map[int64]bool{}}
	var err error
	c.issue, err = w.Issue("Talk")
	c.must(err)
	c.next = c.disk(c.plans)
	if begin != nil {
		begin(c)
	}
	for range 20 {
		turn := c.turn(random)
		c.take(turn)
	}
	c.check()
}

// disk is a new one in next.
func (c *conversation) disk(n int) string {
	c.Helper()
	c.plans++
	return c.talk.disk(fmt.Sprintf("disk %d of %s", n, c.Dir))
}

// take has somebody say something, and waits until it is as the model says.
func (c *conversation) take(t turn) {
	c.Helper()
	moved := len(c.history["testing"])
	id, err := c.repo.CommentAs(t.who, c.issue, t.text)
	c.must(err)
	c.answered[id] = t.play(&c.model, id)
	c.moveOn()
	c.Logf("%d %s: %s (answered %v)", id, t.who, t.text, c.answered[id])
	c.deliver()
	c.settle()
	c.asExpected()
	if len(c.history["testing"]) != moved || c.next == "" {
		c.next = c.disk(c.plans)
	}
}

// deliver sends again what the plugin did not take, as people do by "redeliver".
func (c *conversation) deliver() {
	c.Helper()
	c.must(c.GitHub.WaitWebhooks(c.Context()))
	all := c.GitHub.Deliveries()
	for _, d := range all[c.seen:] {
		for status := d.Status; status != http.StatusOK; {
			var err error
			status, err = c.Post(c.Context(), chatops.Forged{Event: d.Event, GUID: d.GUID, Payload: d.Payload})
			c.must(err)
		}
	}
	c.seen = len(all)
}

// asExpected waits until every request's status comment says what the model does, and
// notes the plan of the one that is open.
func (c *conversation) asExpected() {
	c.Helper()
	err := c.Wait(c.Context(), "the status comments", func() (bool, error) {
		for _, w := range c.all {
			body, err := c.Said(c.issue, fmt.Sprintf("<!-- slipway:promotion %d-0 -->", w.comment))
			if err != nil || !strings.Contains(body, "`**: "+w.state+" — ") {
				return false, err
			}
			if m := planLine.FindStringSubmatch(body); m != nil {
				w.plan = m[1]
			}
		}
		return true, nil
	})
	if err != nil {
		for _, comment := range c.comments() {
			c.Logf("%d %s: %s", comment.ID, comment.User.Login, comment.Body)
		}
		c.Fatalf("%v; the model has %+v", err, c.open)
	}
}

// check sees that each command had one outcome.
func (c *conversation) check() {
	c.Helper()
	c.GitHub.Faults(0, github.FaultConfig{})
	time.Sleep(3 * c.Poll)
	c.settle()
	said := map[string]int{}
	for _, comment := range c.comments() {
		if comment.User.Login == chatops.Robot {
			mark, _, _ := strings.Cut(comment.Body, "\n")
			said[mark]++
			c.wantHarmless(comment.Body)
		}
	}
	jobs, err := c.ProwJobs(c.Context())
	c.must(err)
	made := map[string]int{}
	for _, job := range jobs {
		made[job.Labels["slipway.dev/request"]]++
	}
	for _, w := range c.all {
		id := fmt.Sprintf("%d-0", w.comment)
		want := 0
		if w.state == "done" {
			want = 1
		}
		if made[id] != want {
			c.Errorf("request %s is %s, and has %d ProwJobs", id, w.state, made[id])
		}
		if n := said["<!-- slipway:promotion "+id+" -->"]; n != 1 {
			c.Errorf("request %s has %d status comments", id, n)
		}
	}
	for id, answered := range c.answered {
		want := 0
		if answered {
			want = 1
		}
		if n := said[fmt.Sprintf("<!-- slipway:answer %d -->", id)]; n != want {
			c.Errorf("comment %d has %d answers, want %d", id, n, want)
		}
	}
	for _, channel := range []string{"testing", "stable"} {
		c.wantHolds(channel, c.holds(channel))
	}
	c.Logf("%d requests, %d jobs, %d calls of GitHub", len(c.all), len(jobs), len(c.GitHub.Requests()))
}

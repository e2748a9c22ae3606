package promote_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/testkit/chatops"
	"slipway.dev/slipway/internal/testkit/github"
)

// attack is something that somebody tries. Before it, contributor has asked for a new
// disk to go to testing, unless another or nobody does.
type attack struct {
	name  string
	asker string        // "" is contributor, nobody is nobody
	play  func(f *fray) // what is tried
	says  string        // what the robot answers, beside the status comment; "" is no answer at all
	made  int           // ProwJobs that play made by hand
	asks  bool          // play opens a request of its own, which has a status comment
	mend  func(f *fray) // what people do after it, so that the honest way is open again
}

const nobody = "nobody"

// fray is an attack under way, in an issue of its own, about a disk of its own.
type fray struct {
	*talk
	repo *github.Repo // of the issue
	disk string
	plan string // of what was asked for; "" if nothing was
	jobs int    // before the attack

	copied string // key of a decision that is not of the plan
}

// withstand plays attacks, some of them in one world, one after the other.
func withstand(t *testing.T, attacks []attack, options ...func(*chatops.Options)) {
	for some := range slices.Chunk(attacks, 16) {
		withstandIn(t, chatops.New(t, append(options, lively)...), some)
	}
}

func lively(o *chatops.Options) { o.Poll = 50 * time.Millisecond }

func withstandIn(t *testing.T, w *chatops.World, attacks []attack) {
	for i, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			f := &fray{talk: &talk{T: t, World: w}, repo: w.Guest}
			f.begin(i, a)
			before := f.standing()
			a.play(f)
			f.settle()
			time.Sleep(3 * w.Poll) // for the plugin to look at what is open
			if now := f.standing(); !maps.Equal(before, now) {
				t.Errorf("something was promoted: before %v, now %v", before, now)
			}
			f.wantJobs(f.jobs + a.made)
			f.wantAnswer(a)
			if a.mend != nil {
				a.mend(f)
			}
			f.honest(a)
		})
	}
}

func (f *fray) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fray) begin(i int, a attack) {
	f.Helper()
	var err error
	f.issue, err = f.Issue(fmt.Sprintf("Attack %d", i))
	f.must(err)
	f.disk = f.talk.disk(fmt.Sprintf("disk %d of %s", i, f.Dir))
	if a.asker != nobody {
		f.ask(a)
	}
	jobs, err := f.ProwJobs(f.Context())
	f.must(err)
	f.jobs = len(jobs)
}

func (f *fray) ask(a attack) {
	f.Helper()
	asker := a.asker
	if asker == "" {
		asker = "contributor"
	}
	f.says(asker, "/promote hello-disk to testing")
	f.plan = f.talk.plan("`hello-disk/testing`**: waiting")
}

// says writes a comment, has the plugin hear of it, and waits until it is acted on.
func (f *fray) says(login, format string, args ...any) int64 {
	f.Helper()
	id, err := f.repo.CommentAs(login, f.issue, fmt.Sprintf(format, args...))
	f.must(err)
	if f.Silent {
		f.hear(id)
	}
	f.settle()
	return id
}

func (f *fray) settle() {
	f.Helper()
	f.must(f.Settle(f.Context()))
}

func (f *fray) standing() map[string]string {
	f.Helper()
	all, err := f.Standing(f.Context())
	f.must(err)
	return all
}

// approvedBy is that somebody approves the plan as it is.
func approvedBy(login string) func(*fray) {
	return func(f *fray) { f.says(login, "/approve-promotion %s", f.plan) }
}

// comments are the issue's.
func (f *fray) comments() []prowgithub.IssueComment {
	f.Helper()
	all, err := f.Reader.ListIssueComments(f.repo.Org, f.repo.Name, f.issue)
	f.must(err)
	return all
}

// robots are the issue's comments by the plugin, as far as it knows them for its own.
func (f *fray) robots() (answers, statuses []string) {
	f.Helper()
	for _, c := range f.comments() {
		switch {
		case c.User.Login != chatops.Robot:
		case strings.HasPrefix(c.Body, "<!-- slipway:answer "):
			answers = append(answers, c.Body)
		case strings.HasPrefix(c.Body, "<!-- slipway:promotion "):
			statuses = append(statuses, c.Body)
		}
	}
	return answers, statuses
}

// wantAnswer sees that the robot says at most one thing, the right one, and that nobody
// speaks through it.
func (f *fray) wantAnswer(a attack) {
	f.Helper()
	answers, statuses := f.robots()
	for _, body := range append(answers, statuses...) {
		f.wantHarmless(body)
	}
	want := 0
	for _, is := range []bool{a.asker != nobody, a.asks} {
		if is {
			want++
		}
	}
	if len(statuses) != want {
		f.Errorf("the robot wrote %d status comments, want %d: %q", len(statuses), want, statuses)
	}
	switch {
	case a.says == "" && len(answers) > 0:
		f.Errorf("the robot answers %q, want nothing", answers)
	case a.says != "" && len(answers) != 1:
		f.Errorf("the robot answers %q, want one answer", answers)
	case a.says != "" && !strings.Contains(answers[0], a.says):
		f.Errorf("the robot answers %q, want %q", answers[0], a.says)
	}
}

// honest promotes the disk as it should be done: one approver after the other approves
// the plan as it stands.
func (f *fray) honest(a attack) {
	f.Helper()
	if a.asker == nobody {
		f.ask(attack{})
	}
	said := map[string]bool{}
	for range 200 {
		done, err := f.Said(f.issue, "Promotion of `hello-disk/testing`**: done")
		if f.must(err); done != "" {
			f.wantHolds("testing", f.disk)
			return
		}
		f.approveNow(said)
		time.Sleep(3 * f.Poll)
	}
	for _, c := range f.comments() {
		f.Logf("%s: %s", c.User.Login, c.Body)
	}
	f.Fatal("the honest way is closed")
}

// approveNow has the next approver approve the plan, if the promotion still waits for it.
func (f *fray) approveNow(said map[string]bool) {
	f.Helper()
	body, err := f.Said(f.issue, "Promotion of `hello-disk/testing`**: waiting")
	f.must(err)
	m := planLine.FindStringSubmatch(body)
	for _, who := range []string{"maintainer-one", "maintainer-two"} {
		if m != nil && !said[who+m[1]] {
			said[who+m[1]] = true
			f.says(who, "/approve-promotion %s", m[1])
			return
		}
	}
}

var (
	githubOptions = github.Options{Collaborators: map[string]string{chatops.Robot: "write"}}
	newPull       = github.NewPull{Title: "Change", Head: "change"}
)

// soon waits a little until a comment of the robot has a text.
func (f *fray) soon(text string) string {
	f.Helper()
	for range 500 {
		body, err := f.Said(f.issue, text)
		f.must(err)
		if body != "" {
			return body
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, c := range f.comments() {
		f.Logf("%s: %s", c.User.Login, c.Body)
	}
	f.Fatalf("the robot does not say %q", text)
	return ""
}

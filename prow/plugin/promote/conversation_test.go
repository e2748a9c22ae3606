package promote_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/testkit/chatops"
)

// talk is a conversation in one issue of a world.
type talk struct {
	*testing.T
	*chatops.World
	issue int
}

func newTalk(t *testing.T, options ...func(*chatops.Options)) *talk {
	t.Helper()
	w := chatops.New(t, options...)
	issue, err := w.Issue("Promote the disk")
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t, w, issue}
}

// disk is a new disk in next, whose boot test passed.
func (t *talk) disk(text string) string {
	t.Helper()
	digest, err := t.NewDisk(t.Context(), text)
	if err == nil {
		err = t.Passed(t.Context(), "boot", digest)
	}
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func (t *talk) say(login, format string, args ...any) int64 {
	t.Helper()
	id, err := t.Say(t.Context(), login, t.issue, format, args...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// reads waits until a comment of the robot has a text, and gives that comment.
func (t *talk) reads(text string) string {
	t.Helper()
	var body string
	err := t.Wait(t.Context(), fmt.Sprintf("the robot to say %q", text), func() (yes bool, err error) {
		body, err = t.Said(t.issue, text)
		return body != "", err
	})
	if err != nil {
		all, _ := t.Comments(t.issue)
		for _, c := range all {
			t.Logf("%s: %s", c.User.Login, c.Body)
		}
		t.Fatal(err)
	}
	return body
}

var planLine = regexp.MustCompile("Plan `(sha256:[0-9a-f]{64})`")

// plan is the hash in a comment of the robot that has a text.
func (t *talk) plan(text string) string {
	t.Helper()
	m := planLine.FindStringSubmatch(t.reads(text))
	if m == nil {
		t.Fatalf("the comment with %q has no plan", text)
	}
	return m[1]
}

func (t *talk) wantHolds(channel, want string) {
	t.Helper()
	if got, err := t.Holds(t.Context(), channel); err != nil || got != want {
		t.Errorf("%s holds %q, %v, want %q", channel, got, err, want)
	}
}

// wantComments counts the robot's comments.
func (t *talk) wantComments(want int) {
	t.Helper()
	all, err := t.Comments(t.issue)
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, c := range all {
		if c.User.Login == chatops.Robot {
			got++
		}
	}
	if got != want {
		for _, c := range all {
			t.Logf("%s: %s", c.User.Login, c.Body)
		}
		t.Errorf("the robot wrote %d comments, want %d", got, want)
	}
}

func (t *talk) wantJobs(want int) {
	t.Helper()
	jobs, err := t.ProwJobs(t.Context())
	if err != nil || len(jobs) != want {
		t.Errorf("%d ProwJobs, %v, want %d", len(jobs), err, want)
	}
}

// From a comment to the moved channel: comment, plan, approval, ProwJob, result, and one
// status comment that says each in turn.
func TestConversation(t *testing.T) {
	c := newTalk(t)
	first := c.disk("the first disk")
	c.say("contributor", "Let us see.\r\n\r\n/promote hello-disk to testing\r\n")
	plan := c.plan("waiting")
	body := c.reads("approvals: `0 of 1")
	for _, want := range []string{first, "[x] test boot", "[x] order", "config/approvers/testing", "maintainer-one, maintainer-two", "/approve-promotion " + plan} {
		if !strings.Contains(body, want) {
			t.Errorf("the comment has no %q:\n%s", want, body)
		}
	}
	c.wantJobs(0)
	c.say("maintainer-one", "/approve-promotion %s", plan)
	c.reads("done")
	c.wantHolds("testing", first)
	c.wantComments(1)
	c.wantJobs(1)
	c.say("contributor", "/promote hello-disk to testing")
	c.reads("there is nothing to do")
	c.wantComments(2)
}

// Two approvers of the channel's own path are needed for stable, and a rollback goes the
// same way.
func TestStableAndBack(t *testing.T) {
	c := newTalk(t)
	promote := func(to string, approvers ...string) {
		t.Helper()
		c.say("contributor", "/promote hello-disk to %s", to)
		plan := c.plan(fmt.Sprintf("hello-disk/%s`**: waiting", to))
		for _, who := range approvers {
			c.say(who, "/approve-promotion %s", plan)
		}
		c.reads(fmt.Sprintf("hello-disk/%s`**: done", to))
	}
	first := c.disk("the first disk")
	promote("testing", "maintainer-one")
	promote("stable", "maintainer-two", "maintainer-three")
	second := c.disk("the second disk")
	c.issue, _ = c.Issue("The second")
	promote("testing", "maintainer-two")
	promote("stable", "maintainer-four", "maintainer-three")
	c.wantHolds("stable", second)
	c.issue, _ = c.Issue("Back")
	c.say("maintainer-one", "/rollback hello-disk/stable it eats disks")
	plan := c.plan("Rollback of `hello-disk/stable`**: waiting")
	c.say("maintainer-two", "/approve-promotion %s", plan)
	c.reads("1 of 2")
	c.say("maintainer-three", "/approve-promotion %s", plan)
	c.reads("done")
	c.wantHolds("stable", first)
}

func TestHoldCancelAndStatus(t *testing.T) {
	c := newTalk(t)
	c.disk("a disk")
	c.say("contributor", "/promote hello-disk to testing")
	plan := c.plan("waiting")
	c.say("maintainer-three", "/hold-promotion the moon is full")
	c.reads("[ ] hold: `maintainer-three holds it")
	c.say("maintainer-one", "/approve-promotion %s", plan)
	c.reads("maintainer-three holds it: `the moon is full`")
	c.wantJobs(0)
	c.say("contributor", "/hold-promotion cancel")
	c.reads("only approvers of `config/approvers/testing`")
	c.Restart() // who was held stays held
	c.say("contributor", "/promote status")
	c.reads("maintainer-three holds it")
	c.wantJobs(0)
	c.say("maintainer-four", "/promote cancel")
	c.reads("only contributor, who asked for it")
	c.say("contributor", "/promote cancel")
	c.reads("cancelled by contributor")
	c.say("maintainer-one", "/approve-promotion %s", plan)
	c.reads("no promotion is asked for here")
	c.wantHolds("testing", "")
	c.wantJobs(0)
}

// A hold that is let go lets the promotion go on.
func TestRelease(t *testing.T) {
	c := newTalk(t)
	disk := c.disk("a disk")
	c.say("contributor", "/promote hello-disk to testing")
	plan := c.plan("waiting")
	c.say("contributor", "/hold-promotion one moment")
	c.say("maintainer-one", "/approve-promotion %s", plan)
	c.reads("contributor holds it")
	c.say("contributor", "/hold-promotion cancel")
	c.reads("done")
	c.wantHolds("testing", disk)
}

package promote_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/testkit/chatops"
)

// comment finds one of the issue's.
func (f *fray) comment(id int64) prowgithub.IssueComment {
	f.Helper()
	for _, c := range f.comments() {
		if int64(c.ID) == id {
			return c
		}
	}
	f.Fatalf("there is no comment %d", id)
	return prowgithub.IssueComment{}
}

// payload is a webhook's, of what change makes of an event.
func (f *fray) payload(c prowgithub.IssueComment, change func(*prowgithub.IssueCommentEvent)) []byte {
	f.Helper()
	event := chatops.Event(f.repo, "created", f.issue, c)
	if change != nil {
		change(&event)
	}
	data, err := json.Marshal(event)
	f.must(err)
	return data
}

// post sends a webhook, and wants an answer to it.
func (f *fray) post(want int, forged chatops.Forged) {
	f.Helper()
	if forged.GUID == "" {
		forged.GUID = fmt.Sprintf("guid-%d", time.Now().UnixNano())
	}
	if forged.Event == "" {
		forged.Event = "issue_comment"
	}
	status, err := f.Post(f.Context(), forged)
	if f.must(err); status != want {
		f.Errorf("the webhook is answered with %d, want %d", status, want)
	}
}

// hear has the plugin hear of a comment by a webhook that is as GitHub's.
func (f *fray) hear(id int64) {
	f.Helper()
	f.post(http.StatusOK, chatops.Forged{Payload: f.payload(f.comment(id), nil), GUID: fmt.Sprintf("comment-%d", id)})
}

// write writes a comment of which the plugin does not hear.
func (f *fray) write(login, format string, args ...any) int64 {
	f.Helper()
	id, err := f.repo.CommentAs(login, f.issue, fmt.Sprintf(format, args...))
	f.must(err)
	return id
}

// unheard is an approval that is right but for its webhook.
func (f *fray) unheard() []byte {
	f.Helper()
	return f.payload(f.comment(f.write("maintainer-one", "/approve-promotion %s", f.plan)), nil)
}

// refused is a right approval whose webhook's headers are not right.
func refused(status int, change func(h http.Header, payload []byte)) func(*fray) {
	return func(f *fray) {
		payload := f.unheard()
		f.post(status, chatops.Forged{Payload: payload, Change: func(h http.Header) { change(h, payload) }})
	}
}

// passedOver is an approval's webhook that is signed, and does not say what GitHub says.
func passedOver(change func(*prowgithub.IssueCommentEvent)) func(*fray) {
	return func(f *fray) {
		c := f.comment(f.write("maintainer-one", "/approve-promotion %s", f.plan))
		f.post(http.StatusOK, chatops.Forged{Payload: f.payload(c, change)})
	}
}

// otherEvent is a right approval under another kind of event.
func otherEvent(kind string) func(*fray) {
	return func(f *fray) { f.post(http.StatusOK, chatops.Forged{Event: kind, Payload: f.unheard()}) }
}

const notSigned = http.StatusForbidden

var byWebhook = []attack{
	{name: "signed by another secret", play: refused(notSigned, func(h http.Header, p []byte) {
		first, second := chatops.Signatures("another", p)
		h.Set("X-Hub-Signature", first)
		h.Set("X-Hub-Signature-256", second)
	})},
	{name: "not signed", play: refused(notSigned, func(h http.Header, _ []byte) {
		h.Del("X-Hub-Signature")
		h.Del("X-Hub-Signature-256")
	})},
	{name: "signed by SHA-1 alone with another secret", play: refused(notSigned, func(h http.Header, p []byte) {
		first, _ := chatops.Signatures("another", p)
		h.Set("X-Hub-Signature", first)
		h.Del("X-Hub-Signature-256")
	})},
	{name: "the right SHA-1 beside a wrong SHA-256", play: refused(notSigned, func(h http.Header, p []byte) {
		_, second := chatops.Signatures("another", p)
		h.Set("X-Hub-Signature-256", second)
	})},
	{name: "the right SHA-1 beside a SHA-256 that is none", play: refused(notSigned, func(h http.Header, _ []byte) { h.Set("X-Hub-Signature-256", "sha256=") })},
	{name: "the right SHA-1 as SHA-256", play: refused(notSigned, func(h http.Header, p []byte) {
		first, _ := chatops.Signatures("the webhook's key", p)
		h.Set("X-Hub-Signature-256", "sha256="+first[5:])
	})},
	{name: "signed with an empty secret", play: refused(notSigned, func(h http.Header, p []byte) {
		first, second := chatops.Signatures("", p)
		h.Set("X-Hub-Signature", first)
		h.Set("X-Hub-Signature-256", second)
	})},
	{name: "changed after it was signed", play: changedAfterSigning},
	{name: "without a GUID", play: refused(http.StatusBadRequest, func(h http.Header, _ []byte) { h.Del("X-GitHub-Delivery") })},
	{name: "as a form", play: refused(http.StatusBadRequest, func(h http.Header, _ []byte) { h.Set("Content-Type", "application/x-www-form-urlencoded") })},
	{name: "no JSON", play: func(f *fray) {
		f.unheard()
		f.post(http.StatusInternalServerError, chatops.Forged{Payload: []byte("/approve-promotion " + f.plan)})
	}},
	{name: "replayed after the plan changed", play: replayed("")},
	{name: "replayed with a new GUID after the plan changed", play: replayed("new")},
	{name: "replayed after it was cancelled and asked for again", play: replayedAfterCancel, mend: asksAgain},
	{name: "a comment that does not exist", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Comment.ID = 1 << 40 })},
	{name: "a comment without a number", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Comment.ID = 0 })},
	{name: "a comment of another author", says: onlyApprovers, play: func(f *fray) {
		c := f.comment(f.write("contributor", "/approve-promotion %s", f.plan))
		c.User.Login = "maintainer-one"
		f.post(http.StatusOK, chatops.Forged{Payload: f.payload(c, nil)})
	}},
	{name: "a comment of another text", play: func(f *fray) {
		c := f.comment(f.write("maintainer-one", "It looks good to me."))
		c.Body = "/approve-promotion " + f.plan
		f.post(http.StatusOK, chatops.Forged{Payload: f.payload(c, nil)})
	}},
	{name: "a comment of another time", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Comment.CreatedAt = e.Comment.CreatedAt.Add(-time.Minute) })},
	{name: "a comment of three weeks ago", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Comment.CreatedAt = e.Comment.CreatedAt.AddDate(0, 0, -21) })},
	{name: "a comment of tomorrow", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Comment.CreatedAt = e.Comment.CreatedAt.AddDate(0, 0, 1) })},
	{name: "a comment of another issue", play: ofAnotherIssue},
	{name: "an edited comment", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Action = "edited" })},
	{name: "a deleted comment", play: passedOver(func(e *prowgithub.IssueCommentEvent) { e.Action = "deleted" })},
	{name: "edited before it is heard", play: changedBeforeHeard(func(f *fray, id int64) error {
		return f.repo.EditCommentAs("maintainer-one", id, "/approve-promotion "+f.plan+"\n")
	})},
	{name: "deleted before it is heard", play: changedBeforeHeard(func(f *fray, id int64) error { return f.repo.DeleteCommentAs("maintainer-one", id) })},
	{name: "a comment on a line of a change", play: otherEvent("pull_request_review_comment")},
	{name: "a comment on a commit", play: otherEvent("commit_comment")},
	{name: "a review", play: otherEvent("pull_request_review")},
	{name: "an issue", play: otherEvent("issues")},
	{name: "an event of no kind", play: otherEvent("Issue_Comment")},
}

func TestAttacksByWebhook(t *testing.T) {
	t.Parallel()
	withstand(t, byWebhook, func(o *chatops.Options) { o.Silent = true })
}

// changedAfterSigning sends with the signature of what a stranger really said.
func changedAfterSigning(f *fray) {
	harmless := f.payload(f.comment(f.write("stranger", "Is there any news?")), nil)
	first, second := chatops.Signatures("the webhook's key", harmless)
	f.post(notSigned, chatops.Forged{Payload: f.unheard(), Change: func(h http.Header) {
		h.Set("X-Hub-Signature", first)
		h.Set("X-Hub-Signature-256", second)
	}})
}

// renamed is a configuration in which somebody has another name too.
func renamed(disk string) string {
	return strings.Replace(chatops.Channels, "maintainer-one@example.com", "name-"+disk[7:19], 1)
}

// replan changes what the gate says, so that the plan is another.
func (f *fray) replan() {
	f.Helper()
	f.must(f.Configure(map[string]string{"config/channels.yaml": renamed(f.disk)}))
	old := f.plan
	f.says("contributor", "/promote status")
	for range 500 {
		if f.plan = f.talk.plan("waiting"); f.plan != old {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.Fatal("the plan is as it was")
}

// replayed is that an approval's webhook comes again when the plan is another.
func replayed(guid string) func(*fray) {
	return func(f *fray) {
		f.says("contributor", "/hold-promotion one moment")
		id := f.says("maintainer-one", "/approve-promotion %s", f.plan)
		f.replan()
		f.says("contributor", "/hold-promotion cancel")
		payload := f.payload(f.comment(id), nil)
		if guid == "" {
			guid = fmt.Sprintf("comment-%d", id)
		}
		f.post(http.StatusOK, chatops.Forged{Payload: payload, GUID: guid})
	}
}

func replayedAfterCancel(f *fray) {
	f.says("contributor", "/hold-promotion one moment")
	id := f.says("maintainer-one", "/approve-promotion %s", f.plan)
	payload := f.payload(f.comment(id), nil)
	f.says("contributor", "/promote cancel")
	f.elsewhereIn("Replay", func() {
		f.says("contributor", "/promote hello-disk to testing")
		f.says("maintainer-two", "/hold-promotion cancel")
		f.post(http.StatusOK, chatops.Forged{Payload: payload})
		f.settle()
		f.soon("approvals: `0 of 1")
	})
}

// ofAnotherIssue is an approval of the right plan that was said elsewhere.
func ofAnotherIssue(f *fray) {
	var c prowgithub.IssueComment
	f.elsewhereIn("Other", func() { c = f.comment(f.write("maintainer-one", "/approve-promotion %s", f.plan)) })
	f.post(http.StatusOK, chatops.Forged{Payload: f.payload(c, nil)})
}

func changedBeforeHeard(change func(f *fray, id int64) error) func(*fray) {
	return func(f *fray) {
		id := f.write("maintainer-one", "/approve-promotion %s", f.plan)
		payload := f.payload(f.comment(id), nil)
		f.must(change(f, id))
		f.post(http.StatusOK, chatops.Forged{Payload: payload})
	}
}

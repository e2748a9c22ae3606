package github

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "github.com/google/go-github/v60/github"
)

// inbox is a receiver of webhooks that checks every signature as go-github does.
type inbox struct {
	t      *testing.T
	secret []byte
	mu     sync.Mutex
	events []any
	guids  map[string]bool
}

func listen(t *testing.T, w *world) *inbox {
	t.Helper()
	in := &inbox{t: t, secret: []byte("hook secret"), guids: map[string]bool{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: in, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	w.Webhook("http://"+listener.Addr().String()+"/hook", in.secret)
	return in
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sha1 := r.Header.Get("X-Hub-Signature")
	payload, err := client.ValidatePayload(r, in.secret)
	if err == nil {
		err = client.ValidateSignature(sha1, payload, in.secret)
	}
	var event any
	if err == nil {
		event, err = client.ParseWebHook(client.WebHookType(r), payload)
	}
	if err != nil {
		in.t.Errorf("webhook %s: %v", client.WebHookType(r), err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if guid := client.DeliveryID(r); len(guid) != 36 || in.guids[guid] {
		in.t.Errorf("delivery %q is no new GUID", guid)
	} else {
		in.guids[guid] = true
	}
	in.events = append(in.events, event)
}

// told waits for the webhooks under way and returns them in a line each.
func (in *inbox) told(w *world) []string {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), 10*time.Second)
	defer cancel()
	if err := w.WaitWebhooks(ctx); err != nil {
		in.t.Fatal(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	var lines []string
	for _, e := range in.events {
		lines = append(lines, summary(e))
	}
	in.events = nil
	return lines
}

func summary(e any) string {
	switch e := e.(type) {
	case *client.PushEvent:
		return fmt.Sprintf("push %s by %s created=%v forced=%v %d commits", e.GetRef(), e.GetSender().GetLogin(), e.GetCreated(), e.GetForced(), len(e.Commits))
	case *client.PullRequestEvent:
		return fmt.Sprintf("pull %d %s by %s label=%s merged=%v", e.GetNumber(), e.GetAction(), e.GetSender().GetLogin(), e.GetLabel().GetName(), e.GetPullRequest().GetMerged())
	case *client.IssueCommentEvent:
		return fmt.Sprintf("comment %s by %s on %d pull=%v: %s", e.GetAction(), e.GetSender().GetLogin(), e.GetIssue().GetNumber(), e.GetIssue().IsPullRequest(), e.GetComment().GetBody())
	case *client.StatusEvent:
		return fmt.Sprintf("status %s=%s of %s", e.GetContext(), e.GetState(), e.GetRepo().GetFullName())
	case *client.PullRequestReviewEvent:
		return fmt.Sprintf("review %s by %s", e.GetReview().GetState(), e.GetSender().GetLogin())
	}
	return fmt.Sprintf("%T", e)
}

func TestWebhooksOfAPullRequest(t *testing.T) {
	w := newWorld(t, t, Options{})
	in := listen(t, w)
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	w.push(t, "topic", map[string]string{"a": "c"})
	id, err := w.repo.CommentAs("alice", number, "/test all\r\n/hold")
	for _, err := range []error{
		err,
		w.repo.EditCommentAs("alice", id, "/test all"),
		w.repo.DeleteCommentAs("alice", id),
		w.repo.LabelAs("bob", number, "lgtm"),
		w.repo.UnlabelAs("bob", number, "lgtm"),
		w.repo.ReviewAs("bob", number, "APPROVE", ""),
		w.repo.StatusAs("bot", w.first, Status{State: "success", Context: "unit"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.repo.MergeAs("bob", number, "squash"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"push refs/heads/topic by alice created=true forced=false 1 commits",
		"pull 1 opened by alice label= merged=false",
		"push refs/heads/topic by alice created=false forced=false 1 commits",
		"pull 1 synchronize by alice label= merged=false",
		"comment created by alice on 1 pull=true: /test all\r\n/hold",
		"comment edited by alice on 1 pull=true: /test all",
		"comment deleted by alice on 1 pull=true: /test all",
		"pull 1 labeled by bob label=lgtm merged=false",
		"pull 1 unlabeled by bob label=lgtm merged=false",
		"review approved by bob",
		"status unit=success of org/repo",
		"pull 1 closed by bob label= merged=true",
		"push refs/heads/main by bob created=false forced=false 1 commits",
	}
	if diff := cmp.Diff(want, in.told(w)); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
}

// What a program does through the API is told as what people do.
func TestWebhooksOfTheAPI(t *testing.T) {
	w := newWorld(t, t, Options{})
	number := w.openPull(t, "topic", map[string]string{"a": "b"})
	in := listen(t, w)
	must[*client.IssueComment](t)(w.bot.Issues.CreateComment(t.Context(), "org", "repo", number, &client.IssueComment{Body: client.String("hi")}))
	must[*client.Reference](t)(w.bot.Git.CreateRef(t.Context(), "org", "repo", ref("refs/tags/20261121.00", w.first)))
	must[*client.Reference](t)(w.bot.Git.CreateRef(t.Context(), "org", "repo", ref("refs/slipway/claims/20261121.00", w.first)))
	must[*client.Reference](t)(w.bot.Git.UpdateRef(t.Context(), "org", "repo", ref("refs/heads/topic", w.first), true))
	want := []string{
		"comment created by bot on 1 pull=true: hi",
		"push refs/tags/20261121.00 by bot created=true forced=false 0 commits",
		"push refs/heads/topic by bot created=false forced=true 0 commits",
		"pull 1 synchronize by bot label= merged=false",
	}
	if diff := cmp.Diff(want, in.told(w)); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
}

// A receiver that is gone or says no holds nothing up, and is written down.
func TestDeliveriesTellWhatBecameOfThem(t *testing.T) {
	w := newWorld(t, t, Options{})
	w.Webhook("http://127.0.0.1:1/nobody", nil)
	w.Webhook(w.URL()+"/user", nil) // answers, but not with a 2xx
	number := 0
	told := &recorder{TB: t}
	w.config.Error = told.Errorf
	number = w.openPull(t, "topic", map[string]string{"a": "b"})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.WaitWebhooks(ctx); err != nil || number != 1 {
		t.Fatal(err)
	}
	gone, refused := 0, 0
	for _, d := range w.Deliveries() {
		switch {
		case d.Status == 0 && d.Err != nil:
			gone++
		case d.Status == 404 && d.Err == nil && len(d.Payload) > 0:
			refused++
		}
	}
	if gone != 2 || refused != 2 {
		t.Errorf("%d gone and %d refused, want 2 of each (a push and an opened pull request)", gone, refused)
	}
}

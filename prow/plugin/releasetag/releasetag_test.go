package releasetag_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/prow/annotation"
	"slipway.dev/slipway/prow/plugin"
)

func TestApproversTagStartsItsJob(t *testing.T) {
	r := newRig(t)
	r.tag("tester", "v1.2.3-test", r.first)
	r.tag("stable-one", "v1.2.3", r.first)
	object := r.call("stable-one", http.MethodPost, "tags", map[string]any{"tag": "v1.2.4", "message": "Release", "object": r.second, "type": "commit"})
	r.tag("stable-one", "v1.2.4", object["sha"].(string))
	r.expect("tags", "hello-os-stable v1.2.3 "+r.first, "hello-os-stable v1.2.4 "+r.second, "hello-os-testing v1.2.3-test "+r.first)
	if issues := r.issues(); len(issues) > 0 {
		t.Errorf("reported: %s", issues)
	}
	for _, job := range r.list() {
		if job.Spec.Type != prowapi.PostsubmitJob || job.Spec.Job == "hello-os-stable" && (job.Labels["a"] != "b" || job.Annotations[annotation.PushedBy] != "stable-one") || job.Status.State != prowapi.TriggeredState {
			t.Errorf("got %+v", job)
		}
	}
	for _, d := range r.github.Deliveries() { // GitHub's "redeliver", to a plugin that remembers nothing
		r.check(r.handler.Accept(t.Context(), plugin.Event{Type: d.Event, GUID: "again", Payload: d.Payload}))
	}
	if got := len(r.list()); got != 3 {
		t.Errorf("%d ProwJobs after every event came twice, want 3", got)
	}
}

func TestOthersTagsAreReported(t *testing.T) {
	tests := []struct{ name, login, tag, want string }{
		{"no approver", "pusher", "v1.2.3", "`pusher` pushed it"},
		{"approver of another channel", "tester", "v1.2.3", "they are no approver of `config/approvers/stable`"},
		{"app that OWNERS name", "ci[bot]", "v1.2.3", "no person"},
		{"the robot itself", "robot", "v1.2.3", "no person"},
		{"channel without a path", "stable-one", "open-1", "nobody may"},
		{"no such channel", "stable-one", "lost-1", "names no channel"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.tag(tt.login, tt.tag, r.first)
			r.expect("a tag")
			if issues := r.issues(); len(issues) != 1 || !strings.Contains(issues[0], tt.want) || !strings.Contains(issues[0], "`"+tt.tag+"`") {
				t.Errorf("issues %q, want one with %q", issues, tt.want)
			}
		})
	}
}

func TestTagsThatAreNoReleases(t *testing.T) {
	r := newRig(t)
	for _, tag := range []string{"20261121.00", "20261121.123", "v1.2", "v1.2.3.4", "v1.2.3-test2", "xv1.2.3", "v1.2.3-rc1", "deep/v1.2.3", "v1.2.3%0a"} {
		r.tag("pusher", tag, r.first)
	}
	r.expect("other tags")
	if issues := r.issues(); len(issues) > 0 {
		t.Errorf("reported: %s", issues)
	}
}

func TestTagsThatMoveStartNothing(t *testing.T) {
	r := newRig(t)
	r.tag("stable-one", "v1.2.3", r.first)
	started := "hello-os-stable v1.2.3 " + r.first
	r.expect("pushed", started)
	r.call("stable-one", http.MethodPatch, "refs/tags/v1.2.3", map[string]any{"sha": r.second, "force": true})
	r.expect("moved forward", started)
	r.call("stable-one", http.MethodPatch, "refs/tags/v1.2.3", map[string]any{"sha": r.first, "force": true})
	r.expect("moved back", started)
	r.call("stable-one", http.MethodDelete, "refs/tags/v1.2.3", nil)
	r.expect("deleted", started)
	r.tag("stable-one", "v1.2.3", r.second)
	r.expect("made again elsewhere", started)
	issues := r.issues()
	if len(issues) != 1 {
		t.Fatalf("%d issues, want one a tag: %q", len(issues), issues)
	}
	for _, want := range []string{"moved it to " + r.second, "moved it to " + r.first, "deleted it", "when it was elsewhere"} {
		if strings.Count(issues[0], want) != 1 {
			t.Errorf("the issue does not say %q once:\n%s", want, issues[0])
		}
	}
}

// The event comes late: the tag is not where it says.
func TestTagThatHasMovedSince(t *testing.T) {
	r := newRig(t)
	r.tag("stable-one", "v1.2.3", r.first)
	job := r.list()[0]
	pushed := r.github.Deliveries()[0]
	r.check(r.jobs.ProwV1().ProwJobs("prow").Delete(t.Context(), job.Name, metav1.DeleteOptions{}))
	r.call("pusher", http.MethodPatch, "refs/tags/v1.2.3", map[string]any{"sha": r.second, "force": true})
	r.redeliver(pushed)
	r.expect("moved since")
	r.call("pusher", http.MethodDelete, "refs/tags/v1.2.3", nil)
	r.redeliver(pushed)
	r.expect("deleted since")
}

// A branch that is called as the API calls the tag must not be taken for it.
func TestBranchNamedLikeTheTag(t *testing.T) {
	r := newRig(t)
	r.call("pusher", http.MethodPost, "refs", map[string]any{"ref": "refs/heads/tags/v1.2.3", "sha": r.second})
	r.tag("stable-one", "v1.2.3", r.first)
	for _, job := range r.list() {
		if job.Spec.Refs.BaseSHA != r.first {
			t.Errorf("started for %s, the commit of a branch", job.Spec.Refs.BaseSHA)
		}
	}
}

func (r *rig) redeliver(d github.Delivery) {
	r.t.Helper()
	r.check(r.github.WaitWebhooks(r.t.Context()))
	r.check(r.handler.Accept(r.t.Context(), plugin.Event{Type: d.Event, GUID: "again", Payload: d.Payload}))
}

// The payload's "pusher" is a name without an account: anybody may set it in git.
func TestPusherIsNotBelieved(t *testing.T) {
	r := newRig(t)
	r.tag("pusher", "v1.2.3", r.first)
	r.expect("pushed")
	d := r.github.Deliveries()[0]
	d.Payload = []byte(strings.ReplaceAll(string(d.Payload), `"pusher":{"email":"pusher@users.noreply.github.com","name":"pusher"}`, `"pusher":{"email":"x","name":"stable-one"}`))
	if !strings.Contains(string(d.Payload), "stable-one") {
		t.Fatalf("the payload was not changed: %s", d.Payload)
	}
	r.redeliver(d)
	r.expect("with another name")
}

// A request that GitHub carried out and did not answer is sent again by the client.
func TestOneIssueThroughFaults(t *testing.T) {
	for _, fault := range []github.Fault{github.LostAnswer, github.Truncate, github.BadGateway, github.ServerError, github.Reset} {
		t.Run(fault.String(), func(t *testing.T) {
			r := newRig(t)
			r.github.Faults(1, github.FaultConfig{Script: []github.Fault{fault, fault}, Match: func(q github.Request) bool {
				return q.Method == http.MethodPost && strings.HasSuffix(q.Path, "/issues")
			}})
			r.tag("pusher", "v1.2.3", r.first)
			r.expect("pushed")
			if issues := r.issues(); len(issues) != 1 {
				t.Errorf("%d issues: %q", len(issues), issues)
			}
		})
	}
}

// Who edits the issue in a browser leaves other ends of lines, or takes lines away.
func TestEditedReport(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"ends of lines": func(body string) string { return strings.ReplaceAll(body, "\n", "\r\n") },
		"no list":       func(body string) string { return body[:strings.Index(body, "\n\n- ")] },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.tag("pusher", "v1.2.3", r.first)
			r.expect("pushed")
			body := strings.SplitN(r.issues()[0], "\n", 2)[1]
			r.request("robot", http.MethodPatch, "slipway/slipway/issues/1", map[string]any{"body": edit(body)})
			for range 2 {
				r.redeliver(r.github.Deliveries()[0])
			}
			got := r.issues()
			if len(got) != 1 || strings.Count(got[0], "`pusher` pushed it") != 1 || strings.HasSuffix(strings.TrimSpace(got[0]), "-") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestRightOutcomeThroughFaults(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := newRig(t)
	r.github.Faults(seed, github.FaultConfig{Rates: map[github.Fault]float64{github.ServerError: .1, github.BadGateway: .1, github.Reset: .05, github.SecondaryLimit: .05},
		Match: func(q github.Request) bool { return q.User == "robot" }})
	r.tag("stable-one", "v1.2.3", r.first)
	r.tag("pusher", "v1.2.4", r.first)
	r.check(r.github.WaitWebhooks(t.Context()))
	r.github.Faults(0, github.FaultConfig{})
	r.expect("with faults", "hello-os-stable v1.2.3 "+r.first)
	if issues := r.issues(); len(issues) != 1 || !strings.Contains(issues[0], "v1.2.4") {
		t.Errorf("seed %d: issues %q", seed, issues)
	}
}

// Anybody can write the mark into an issue; only the plugin's own are its reports.
func TestForgedReport(t *testing.T) {
	r := newRig(t)
	forged := "<!-- slipway release-tag example/hello-os v1.2.3 -->\nAll is well.\n\n- nothing\n"
	r.callAt("pusher", "slipway/slipway/issues", map[string]any{"title": "Forged", "body": forged})
	r.tag("pusher", "v1.2.3", r.first)
	r.expect("pushed")
	if issues := r.issues(); len(issues) != 2 {
		t.Errorf("issues %q, want the forged one and ours", issues)
	}
}

func TestBrokenConfigurationStartsNothing(t *testing.T) {
	r := newRig(t)
	r.push(r.config, map[string]string{"config/approvers/stable/OWNERS": "approvers: [stable-one\n"})
	r.check(r.github.WaitWebhooks(t.Context()))
	before := len(r.github.Deliveries())
	r.tag("stable-one", "v1.2.3", r.first)
	r.check(r.github.WaitWebhooks(t.Context()))
	list, err := r.jobs.ProwV1().ProwJobs("prow").List(t.Context(), metav1.ListOptions{})
	r.check(err)
	if d := r.github.Deliveries()[before]; len(list.Items) != 0 || d.Status == 200 {
		t.Errorf("started %d, answered %d: with OWNERS that cannot be read", len(list.Items), d.Status)
	}
}

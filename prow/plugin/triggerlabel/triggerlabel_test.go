package triggerlabel_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/client/clientset/versioned/fake"
	"sigs.k8s.io/prow/pkg/config"
	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/prow/plugin"
	"slipway.dev/slipway/prow/plugin/triggerlabel"
)

const jobs = `
presubmits:
  example/guest-agent:
  - {name: boot, always_run: false, annotations: {slipway.dev/trigger-label: trybot-ready}, branches: [^main$], spec: &spec {containers: [{image: registry.example.com/a}]}}
  - {name: boot-go, always_run: false, run_if_changed: '\.go$', annotations: {slipway.dev/trigger-label: trybot-ready}, spec: *spec}
  - {name: boot-branch, always_run: false, annotations: {slipway.dev/trigger-label: trybot-ready}, branches: [^release$], spec: *spec}
  - {name: full, always_run: false, annotations: {slipway.dev/trigger-review: approved}, spec: *spec}
  - {name: both, always_run: false, annotations: {slipway.dev/trigger-review: approved, slipway.dev/trigger-label: trybot-ready}, spec: *spec}
  - {name: unit, always_run: true, spec: *spec}
`

type rig struct {
	t      *testing.T
	github *github.Server
	repo   *github.Repo
	jobs   *fake.Clientset
	pull   int

	handler plugin.Handler
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, github: github.New(t), jobs: fake.NewSimpleClientset()}
	for _, login := range []string{"robot", "stranger", "reader", "writer", "second", "member", "author", "ci[bot]"} {
		r.github.AddUser(login, login+"-token")
	}
	var err error
	r.repo, err = r.github.AddRepo("example", "guest-agent", github.Options{Collaborators: map[string]string{"robot": "admin", "reader": "read", "writer": "write", "author": "read"}})
	r.check(err)
	r.github.AddMembers("example", "member", "second")
	r.push("main", map[string]string{"README.md": "hello\n"})
	r.push("topic", map[string]string{"a.txt": "a\n"})
	r.pull, err = r.repo.OpenPullAs("author", github.NewPull{Title: "A topic", Head: "topic"})
	r.check(err)
	r.serve()
	return r
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) push(branch string, files map[string]string) string {
	r.t.Helper()
	sha, err := r.repo.PushAs("author", branch, "Change "+branch, files)
	r.check(err)
	return sha
}

// serve runs the plugin's server, and has the fake GitHub send its webhooks there.
func (r *rig) serve() {
	r.t.Helper()
	dir := r.t.TempDir()
	for name, text := range map[string]string{"hmac": "secret", "config.yaml": "prowjob_namespace: prow\n", "jobs.yaml": jobs} {
		r.check(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	prow, err := config.Load(filepath.Join(dir, "config.yaml"), filepath.Join(dir, "jobs.yaml"), nil, "")
	r.check(err)
	_, _, client, err := prowgithub.NewClientFromOptions(logrus.Fields{}, prowgithub.ClientOptions{
		Censor: func(b []byte) []byte { return b }, GetToken: func() []byte { return []byte("robot-token") },
		Bases: []string{r.github.URL()}, GraphqlEndpoint: r.github.URL() + "/graphql",
		MaxRetries: 8, Max404Retries: 1, InitialDelay: time.Millisecond, MaxSleepTime: 3 * time.Second, MaxRequestTime: 10 * time.Second,
	})
	r.check(err)
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	log := logrus.NewEntry(logger)
	p := &triggerlabel.Plugin{GitHub: client, People: client, ProwJobs: r.jobs.ProwV1().ProwJobs("prow"), Config: func() *config.Config { return prow }, Log: log, Pauses: []time.Duration{time.Millisecond, time.Millisecond}}
	r.handler = p.Handler()
	secret, err := plugin.OpenSecret(filepath.Join(dir, "hmac"), log)
	r.check(err)
	server, err := plugin.New(plugin.Config{Handlers: []plugin.Handler{r.handler}, Secret: secret, Log: log})
	r.check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx, plugin.Listeners{Webhooks: listener}) }()
	r.t.Cleanup(func() {
		cancel()
		r.check(<-ended)
	})
	r.github.Webhook("http://"+listener.Addr().String(), []byte("secret"))
}

// started lists the jobs that were started, sorted, once every webhook is answered.
func (r *rig) started() []string {
	r.t.Helper()
	var names []string
	for _, job := range r.list() {
		names = append(names, job.Spec.Job)
	}
	slices.Sort(names)
	return names
}

func (r *rig) list() []prowapi.ProwJob {
	r.t.Helper()
	r.check(r.github.WaitWebhooks(r.t.Context()))
	for _, d := range r.github.Deliveries() {
		if d.Status != 200 {
			r.t.Errorf("webhook %s was answered %d, %v", d.Event, d.Status, d.Err)
		}
	}
	list, err := r.jobs.ProwV1().ProwJobs("prow").List(r.t.Context(), metav1.ListOptions{})
	r.check(err)
	return list.Items
}

func (r *rig) expect(when string, want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.started()); diff != "" {
		r.t.Errorf("%s (- want, + got):\n%s", when, diff)
	}
}

func TestLabelStartsItsJobs(t *testing.T) {
	r := newRig(t)
	r.check(r.repo.LabelAs("member", r.pull, "kind/bug"))
	r.expect("another label")
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready"))
	r.expect("the label", "boot", "both") // not of another branch, nor for files that did not change
	job := r.list()[0]
	if job.Spec.Refs.Pulls[0].SHA == "" || job.Spec.Refs.BaseSHA == "" || job.Spec.Type != prowapi.PresubmitJob || job.Labels["prow.k8s.io/refs.pull"] == "" {
		t.Errorf("got %+v", job.Spec.Refs)
	}
	r.check(r.repo.UnlabelAs("member", r.pull, "trybot-ready"))
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready"))
	r.check(r.repo.ReviewAs("member", r.pull, "APPROVE", ""))
	r.expect("set again on the same commit", "boot", "both", "full")
}

func TestPushTakesTheLabelAway(t *testing.T) {
	r := newRig(t)
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready", "kind/bug"))
	r.expect("the first head", "boot", "both")
	r.push("topic", map[string]string{"evil.go": "package evil\n"})
	r.expect("a push", "boot", "both")
	if labels, err := r.repo.Labels(r.pull); err != nil || !slices.Equal(labels, []string{"kind/bug"}) {
		t.Errorf("labels %v, %v", labels, err)
	}
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready"))
	r.expect("the second head", "boot", "boot", "boot-go", "both", "both")
}

func TestWhoMayStartJobs(t *testing.T) {
	for login, want := range map[string]int{"member": 2, "reader": 0, "writer": 0, "author": 0, "stranger": 0, "robot": 0, "ci[bot]": 0} {
		t.Run("label by "+login, func(t *testing.T) {
			r := newRig(t)
			r.check(r.repo.LabelAs(login, r.pull, "trybot-ready"))
			if got := r.started(); len(got) != want {
				t.Errorf("started %v, want %d", got, want)
			}
		})
	}
	for login, want := range map[string]int{"member": 2, "reader": 0, "writer": 0, "stranger": 0, "ci[bot]": 0} {
		t.Run("review by "+login, func(t *testing.T) {
			r := newRig(t)
			r.check(r.repo.ReviewAs(login, r.pull, "COMMENT", "approved"))
			r.check(r.repo.ReviewAs(login, r.pull, "REQUEST_CHANGES", ""))
			r.expect("no approval")
			r.check(r.repo.ReviewAs(login, r.pull, "APPROVE", ""))
			if got := r.started(); len(got) != want {
				t.Errorf("started %v, want %d", got, want)
			}
		})
	}
}

func TestClosedPullStartsNothing(t *testing.T) {
	r := newRig(t)
	r.check(r.repo.SetPullAs("author", r.pull, "closed"))
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready"))
	r.expect("closed")
}

// A delivery comes late, after the author has pushed: what the label was set for is
// not what would run.
func TestLabelOfAnOlderHeadStartsNothing(t *testing.T) {
	r := newRig(t)
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready"))
	r.check(r.repo.ReviewAs("member", r.pull, "APPROVE", ""))
	for _, job := range r.list() {
		r.check(r.jobs.ProwV1().ProwJobs("prow").Delete(t.Context(), job.Name, metav1.DeleteOptions{}))
	}
	before := r.github.Deliveries()
	r.redeliver(before)
	r.expect("late, on the same head", "boot", "both", "full")
	for _, job := range r.list() {
		r.check(r.jobs.ProwV1().ProwJobs("prow").Delete(t.Context(), job.Name, metav1.DeleteOptions{}))
	}
	r.push("topic", map[string]string{"evil.go": "package evil\n"})
	r.redeliver(before)
	r.expect("late, on another head")
}

// redeliver gives payloads to the plugin again.
func (r *rig) redeliver(deliveries []github.Delivery) {
	r.t.Helper()
	for _, d := range deliveries {
		r.check(r.handler.Accept(r.t.Context(), plugin.Event{Type: d.Event, GUID: d.GUID, Payload: d.Payload}))
	}
}

// The author's own review and one in another's name are what GitHub does not send.
func TestForgedReviewsStartNothing(t *testing.T) {
	r := newRig(t)
	r.check(r.repo.ReviewAs("member", r.pull, "APPROVE", ""))
	r.expect("member's", "both", "full")
	for _, job := range r.list() {
		r.check(r.jobs.ProwV1().ProwJobs("prow").Delete(t.Context(), job.Name, metav1.DeleteOptions{}))
	}
	deliveries := r.github.Deliveries()
	review := deliveries[len(deliveries)-1]
	for _, change := range []func(e map[string]any){
		func(e map[string]any) {
			e["sender"].(map[string]any)["login"] = "author"
			e["review"].(map[string]any)["user"].(map[string]any)["login"] = "Author"
		},
		func(e map[string]any) { e["sender"].(map[string]any)["login"] = "second" },
		func(e map[string]any) { e["sender"].(map[string]any)["type"] = "Bot" },
		func(e map[string]any) { e["action"] = "edited" },
		func(e map[string]any) { e["review"].(map[string]any)["state"] = "" },
		func(e map[string]any) { e["review"].(map[string]any)["commit_id"] = "" },
		func(e map[string]any) { e["review"].(map[string]any)["commit_id"] = strings.Repeat("a", 40) },
	} {
		var e map[string]any
		r.check(json.Unmarshal(review.Payload, &e))
		change(e)
		payload, err := json.Marshal(e)
		r.check(err)
		r.check(r.handler.Accept(t.Context(), plugin.Event{Type: review.Event, GUID: "forged", Payload: payload}))
		r.expect("forged")
	}
	r.redeliver([]github.Delivery{review})
	r.expect("as it was", "both", "full")
}

func TestRetriesThroughFaults(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newRig(t)
	r.github.Faults(seed, github.FaultConfig{Rates: map[github.Fault]float64{github.ServerError: .1, github.BadGateway: .1, github.Reset: .05, github.SecondaryLimit: .05}})
	r.check(r.repo.LabelAs("member", r.pull, "trybot-ready"))
	r.expect("with faults", "boot", "both")
}

func TestNamesDiffer(t *testing.T) {
	names := map[string]bool{}
	for _, parts := range [][]string{{"a", "b", "c"}, {"a", "b", "d"}, {"a", "x", "c"}, {"y", "b", "c"}} {
		name := triggerlabel.Name(parts[0], parts[1], 1, "sha", parts[2])
		if names[name] || len(name) > 63 || strings.ToLower(name) != name {
			t.Errorf("name %s of %v", name, parts)
		}
		names[name] = true
	}
}

package releasetag_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/client/clientset/versioned/fake"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/git/v2"
	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/prow/configrepo"
	"slipway.dev/slipway/prow/plugin"
	"slipway.dev/slipway/prow/plugin/releasetag"
)

const jobs = `
postsubmits:
  example/hello-os:
  - {name: hello-os-testing, branches: ["^ $"], annotations: {slipway.dev/release-tag: 'v[0-9]+\.[0-9]+\.[0-9]+-test', slipway.dev/channel: hello-os/testing}, spec: &spec {containers: [{image: registry.example.com/a}]}}
  - {name: hello-os-stable, branches: ["^ $"], annotations: {slipway.dev/release-tag: '^v[0-9]+\.[0-9]+\.[0-9]+$', slipway.dev/channel: hello-os/stable}, labels: {a: b}, spec: *spec}
  - {name: hello-os-open, branches: ["^ $"], annotations: {slipway.dev/release-tag: 'open-.*', slipway.dev/channel: hello-os/open}, spec: *spec}
  - {name: hello-os-lost, branches: ["^ $"], annotations: {slipway.dev/release-tag: 'lost-.*', slipway.dev/channel: hello-os/lost}, spec: *spec}
  - {name: hello-os-image, branches: [^main$], spec: *spec}
`

const channels = `
signers: {chatops: {key: chatops.pub}}
channels:
  image:
  - {name: testing, gate: {approvals: {count: 1, signers: [chatops], path: config/approvers/testing}}}
  - {name: stable, from: testing, gate: {approvals: {count: 1, signers: [chatops], path: config/approvers/stable}}}
  - {name: open, from: testing, gate: {approvals: {count: 1, signers: [chatops]}}}
artifacts:
- {name: hello-os, kind: image, location: registry.example.com/hello-os, channels: image}
`

type rig struct {
	t       *testing.T
	github  *github.Server
	repo    *github.Repo // example/hello-os
	config  *github.Repo // slipway/slipway
	jobs    *fake.Clientset
	handler plugin.Handler
	first   string // a commit of hello-os
	second  string
	repoDir string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, github: github.New(t), jobs: fake.NewSimpleClientset()}
	people := map[string]string{"robot": "admin"}
	for _, login := range []string{"robot", "stable-one", "tester", "pusher", "ci[bot]"} {
		r.github.AddUser(login, login+"-token")
		people[login] = "write"
	}
	base := t.TempDir()
	var err error
	r.repoDir = filepath.Join(base, "example", "hello-os")
	r.repo, err = r.github.AddRepo("example", "hello-os", github.Options{GitDir: r.repoDir, Collaborators: people})
	r.check(err)
	r.config, err = r.github.AddRepo("slipway", "slipway", github.Options{GitDir: filepath.Join(base, "slipway", "slipway"), Collaborators: people})
	r.check(err)
	r.push(r.config, map[string]string{
		"OWNERS": "approvers: [nobody]\n", "config/channels.yaml": channels, "config/chatops.pub": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"config/approvers/stable/OWNERS":  "approvers: [stable-one, 'ci[bot]', robot]\n",
		"config/approvers/testing/OWNERS": "approvers: [stable-one, tester]\n",
	})
	r.first = r.push(r.repo, map[string]string{"a": "1"})
	r.second = r.push(r.repo, map[string]string{"a": "2"})
	r.serve(base)
	return r
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) push(repo *github.Repo, files map[string]string) string {
	r.t.Helper()
	sha, err := repo.PushAs("robot", "main", "Change it", files)
	r.check(err)
	return sha
}

func (r *rig) serve(base string) {
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
	factory, err := git.NewLocalClientFactory(base, nil, func(b []byte) []byte { return b })
	r.check(err)
	r.t.Cleanup(func() { _ = factory.Clean() })
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	log := logrus.NewEntry(logger)
	p := &releasetag.Plugin{
		GitHub: client, Issues: client, ProwJobs: r.jobs.ProwV1().ProwJobs("prow"), Config: func() *config.Config { return prow }, Log: log, Pauses: []time.Duration{time.Millisecond, time.Millisecond},
		Repo: &configrepo.Repo{Org: "slipway", Name: "slipway", Branch: "main", Channels: "config/channels.yaml", Git: factory, GitHub: client, Log: log},
	}
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

// call uses GitHub's API as a person does by git: only so a push has a sender.
func (r *rig) call(login, method, path string, body any) map[string]any {
	r.t.Helper()
	return r.request(login, method, "example/hello-os/git/"+path, body)
}

func (r *rig) callAt(login, path string, body any) { r.request(login, http.MethodPost, path, body) }

func (r *rig) request(login, method, path string, body any) map[string]any {
	r.t.Helper()
	data, err := json.Marshal(body)
	r.check(err)
	if body == nil {
		data = nil
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.github.URL()+"/repos/"+path, bytes.NewReader(data))
	r.check(err)
	req.Header.Set("Authorization", "Bearer "+login+"-token")
	resp, err := http.DefaultClient.Do(req)
	r.check(err)
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&answer)
	if resp.StatusCode > 299 {
		r.t.Fatalf("%s %s: %s %v", method, path, resp.Status, answer)
	}
	return answer
}

func (r *rig) tag(login, name, sha string) {
	r.t.Helper()
	r.call(login, http.MethodPost, "refs", map[string]any{"ref": "refs/tags/" + name, "sha": sha})
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

// expect says which jobs were started.
func (r *rig) expect(when string, want ...string) {
	r.t.Helper()
	var names []string
	for _, job := range r.list() {
		names = append(names, job.Spec.Job+" "+job.Spec.Refs.BaseRef+" "+job.Spec.Refs.BaseSHA)
	}
	slices.Sort(names)
	if diff := cmp.Diff(want, names); diff != "" {
		r.t.Errorf("%s (- want, + got):\n%s", when, diff)
	}
}

// issues are the texts of the open issues of the configuration repository.
func (r *rig) issues() []string {
	r.t.Helper()
	_, _, client, err := prowgithub.NewClientFromOptions(logrus.Fields{}, prowgithub.ClientOptions{
		Censor: func(b []byte) []byte { return b }, GetToken: func() []byte { return []byte("robot-token") }, Bases: []string{r.github.URL()}, GraphqlEndpoint: r.github.URL(),
	})
	r.check(err)
	issues, err := client.ListOpenIssues("slipway", "slipway")
	r.check(err)
	var texts []string
	for _, i := range issues {
		texts = append(texts, i.Title+"\n"+i.Body)
	}
	return texts
}

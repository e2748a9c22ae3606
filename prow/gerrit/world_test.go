package gerrit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	prowfake "sigs.k8s.io/prow/pkg/client/clientset/versioned/fake"
	"sigs.k8s.io/prow/pkg/config"
)

// jobs are the two kinds of presubmits: on trybot-ready, and on code review approval.
const jobs = `
presubmits:
  INSTANCE/crostini-guest:
  - name: presubmit
    always_run: false
    decorate: false
    branches: ["^master$"]
    annotations: {slipway.dev/trigger-vote: Trybot-Ready+1}
    labels: {prow.k8s.io/gerrit-report-label: Verified}
    spec: &spec
      containers: [{image: registry.example.com/guest, command: ["true"]}]
  - name: presubmit-cr
    always_run: false
    decorate: false
    annotations: {slipway.dev/trigger-vote: Code-Review+2}
    labels: {prow.k8s.io/gerrit-report-label: Verified}
    spec: *spec
`

// load reads jobs by Prow's own loader, for the Gerrit at instance.
func load(t testing.TB, jobs string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	prow := fmt.Sprintf("prowjob_namespace: prow\ngerrit:\n  tick_interval: 10ms\n  ratelimit: 100\n  org_repos_config:\n  - org: %s\n    repos: [%s]\n", instance, project)
	for name, text := range map[string]string{"config.yaml": prow, "jobs.yaml": strings.ReplaceAll(jobs, "INSTANCE", instance)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.LoadStrict(filepath.Join(dir, "config.yaml"), filepath.Join(dir, "jobs.yaml"), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// cluster is Prow's generated fake of the API, which refuses here what the real one would.
type cluster struct {
	ProwJobs
	t testing.TB

	mu      sync.Mutex
	created []string // names, in the order of creation
	fail    func(*prowapi.ProwJob) error
	set     *prowfake.Clientset
}

func newCluster(t testing.TB) *cluster {
	set := prowfake.NewSimpleClientset()
	return &cluster{ProwJobs: set.ProwV1().ProwJobs("prow"), t: t, set: set}
}

func (c *cluster) Create(ctx context.Context, job *prowapi.ProwJob, options metav1.CreateOptions) (*prowapi.ProwJob, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, problem := range append(validation.IsDNS1123Label(job.Name), validation.IsValidLabelValue(job.Name)...) {
		c.t.Errorf("ProwJob's name %q: %s", job.Name, problem)
	}
	for key, value := range job.Labels {
		for _, problem := range append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...) {
			c.t.Errorf("label %s=%q: %s", key, value, problem)
		}
	}
	if c.fail != nil {
		if err := c.fail(job); err != nil {
			return nil, err
		}
	}
	made, err := c.ProwJobs.Create(ctx, job, options)
	if err == nil {
		c.created = append(c.created, job.Name)
	}
	return made, err
}

// prowJobs is what is in the cluster, sorted by name.
func (c *cluster) prowJobs() []prowapi.ProwJob {
	list, err := c.set.ProwV1().ProwJobs("prow").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b prowapi.ProwJob) int { return strings.Compare(a.Name, b.Name) })
	return list.Items
}

// started names the jobs in the cluster as change/patch set/job.
func (c *cluster) started() []string {
	var all []string
	for _, job := range c.prowJobs() {
		ref := strings.Split(job.Spec.Refs.Pulls[0].Ref, "/")
		all = append(all, fmt.Sprintf("%s/%s/%s", ref[3], ref[4], job.Spec.Job))
	}
	slices.Sort(all)
	return all
}

// newTrigger is a trigger as a restart makes it: it knows nothing.
func newTrigger(cfg *config.Config, f *fake, jobs ProwJobs, output *strings.Builder) *Trigger {
	log := logrus.New()
	log.SetOutput(output)
	return &Trigger{
		Config: func() *config.Config { return cfg }, ProwJobs: jobs, Log: logrus.NewEntry(log),
		Cookie: func() (string, error) { return cookie, nil }, HTTP: f.client, RequestTimeout: 5 * time.Second,
	}
}

// Prow logs through logrus' own logger.
func init() { logrus.SetLevel(logrus.ErrorLevel) }

// world is one Gerrit, one cluster, one trigger.
type world struct {
	*fake
	*cluster
	*Trigger
	log *strings.Builder
}

func newWorld(t testing.TB) *world {
	f, c, log := newFake(t), newCluster(t), &strings.Builder{}
	return &world{f, c, newTrigger(load(t, jobs), f, c, log), log}
}

// poll polls once, and must succeed.
func (w *world) poll(t testing.TB) {
	t.Helper()
	if err := w.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

package plugincmd

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/config/secret"
	"sigs.k8s.io/prow/pkg/git/v2"
	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/logrusutil"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/configrepo"
	"slipway.dev/slipway/prow/plugin/releasetag"
	"slipway.dev/slipway/prow/plugin/triggerlabel"
)

// world is what the plugins work with.
type world struct {
	config *config.Agent
	github github.Client
	git    git.ClientFactory
	jobs   prowJobs
	repo   *configrepo.Repo
	log    *logrus.Entry
}

// prowJobs makes and reads ProwJobs of Prow's namespace.
type prowJobs interface {
	Create(ctx context.Context, job *prowapi.ProwJob, o metav1.CreateOptions) (*prowapi.ProwJob, error)
	Get(ctx context.Context, name string, o metav1.GetOptions) (*prowapi.ProwJob, error)
}

func splitRepo(full string) (org, name string, ok bool) {
	org, name, ok = strings.Cut(full, "/")
	return org, name, ok && org != "" && name != "" && !strings.Contains(name, "/")
}

// open reads the configuration and makes the clients.
func (o *options) open(_ context.Context, log *logrus.Entry) (w *world, err error) {
	w = &world{log: log}
	if w.config, err = o.config.ConfigAgent(); err != nil {
		return nil, err
	}
	if w.github, err = o.github.GitHubClient(o.dryRun); err != nil {
		return nil, err
	}
	if w.jobs, err = o.prowJobs(w.config.Config().ProwJobNamespace, log); err != nil {
		return nil, err
	}
	if w.git, err = o.gitFactory(); err != nil {
		return nil, err
	}
	org, name, _ := splitRepo(o.configRepo)
	w.repo = &configrepo.Repo{
		Org: org, Name: name, Branch: o.configBranch, Channels: o.channels,
		Git: w.git, GitHub: w.github, Log: log.WithField("client", "configrepo"),
	}
	return w, nil
}

func (w *world) close() {
	if err := w.git.Clean(); err != nil {
		w.log.WithError(err).Warn("Clones were left behind.")
	}
}

func (o *options) prowJobs(namespace string, log *logrus.Entry) (prowJobs, error) {
	if o.dryRun {
		return dryJobs{log}, nil
	}
	return o.kubernetes.ProwJobClient(namespace, false)
}

func (o *options) gitFactory() (git.ClientFactory, error) {
	if o.gitDir == "" {
		return o.github.GitClientFactory("", nil, o.dryRun, false)
	}
	base, err := filepath.Abs(o.gitDir)
	if err != nil {
		return nil, err
	}
	return git.NewLocalClientFactory(base, nil, secret.Censor)
}

// dryJobs logs what would be started.
type dryJobs struct{ log *logrus.Entry }

func (d dryJobs) Create(_ context.Context, job *prowapi.ProwJob, _ metav1.CreateOptions) (*prowapi.ProwJob, error) {
	d.log.WithFields(logrus.Fields{"job": job.Spec.Job, "name": job.Name}).Info("Would start a ProwJob; --dry-run=false does.")
	return job, nil
}

func (d dryJobs) Get(_ context.Context, name string, _ metav1.GetOptions) (*prowapi.ProwJob, error) {
	return nil, cli.Misuse("there is no ProwJob %s: this is a dry run", name)
}

// pauses are before an event that failed is tried again: long enough for an API server
// to be replaced. Prow's client of GitHub tries again for minutes by itself.
var pauses = []time.Duration{time.Second, 10 * time.Second, time.Minute, 3 * time.Minute}

func (w *world) triggerLabel() *triggerlabel.Plugin {
	return &triggerlabel.Plugin{
		GitHub: w.github, People: w.github, ProwJobs: w.jobs, Config: w.config.Config, Pauses: pauses,
		Log: w.log.WithField("plugin", "trigger-on-label"),
	}
}

func (w *world) releaseTag() *releasetag.Plugin {
	return &releasetag.Plugin{
		GitHub: w.github, Issues: w.github, ProwJobs: w.jobs, Repo: w.repo, Config: w.config.Config, Pauses: pauses,
		Log: w.log.WithField("plugin", "release-tags"),
	}
}

// logger writes JSON without secrets, as Prow's components do. Prow's clients tell the
// global logger of every call, so that one does the same.
func logger(env cli.Env) *logrus.Entry {
	log := logrus.New()
	log.SetOutput(env.Stderr)
	log.SetFormatter(censored{&logrusutil.DefaultFieldsFormatter{
		WrappedFormatter: &logrus.JSONFormatter{}, DefaultFields: logrus.Fields{"component": "slipway-plugin"},
	}})
	logrus.SetOutput(log.Out)
	logrus.SetFormatter(log.Formatter)
	return logrus.NewEntry(log)
}

// censored takes the secrets out of a log that Prow's agent knows.
type censored struct{ logrus.Formatter }

func (c censored) Format(e *logrus.Entry) ([]byte, error) {
	line, err := c.Formatter.Format(e)
	return secret.Censor(line), err
}

// Package gerrit starts presubmits by votes on Gerrit's changes.
//
// Prow's own adapter starts them at upload and by comments. Which patch set was
// voted for is read from Gerrit at each poll, and a start is a ProwJob whose name
// follows from the change, the patch set and the job: creating it is the lock, so a
// restart or a second trigger repeats nothing. A message on the change remembers the
// start for longer than ProwJobs are kept.
package gerrit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	gogerrit "github.com/andygrunwald/go-gerrit"
	"github.com/sirupsen/logrus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/gerrit/source"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/progress"
)

// Deadlines where a Trigger names none.
const (
	requestTimeout = 30 * time.Second
	pollDeadline   = 5 * time.Minute
	sayEvery       = 30 * time.Second
)

// ProwJobs is where jobs are created, in the namespace of Prow's.
type ProwJobs interface {
	Create(context.Context, *prowapi.ProwJob, metav1.CreateOptions) (*prowapi.ProwJob, error)
}

// Trigger starts presubmits by votes.
type Trigger struct {
	Config   func() *config.Config
	ProwJobs ProwJobs
	Cookie   func() (string, error) // of the account that records starts; asked at each poll
	Log      *logrus.Entry

	HTTP           *http.Client  // nil is Go's own
	RequestTimeout time.Duration // of one request to Gerrit; 0 is 30 seconds
	PollDeadline   time.Duration // of one poll of one project; 0 is 5 minutes

	failing atomic.Bool
	polled  atomic.Bool
}

// Run polls at Prow's interval for Gerrit until ctx ends. What fails is tried again
// at the next poll.
func (t *Trigger) Run(ctx context.Context) {
	for ctx.Err() == nil {
		begin := time.Now()
		if err := t.Poll(ctx); err != nil && ctx.Err() == nil {
			t.Log.WithError(err).Error("Poll Gerrit again at the next interval")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begin.Add(t.Config().Gerrit.TickInterval.Duration))):
		}
	}
}

// Ready says whether the last poll succeeded.
func (t *Trigger) Ready() bool { return t.polled.Load() && !t.failing.Load() }

// Poll looks at all projects once, side by side.
func (t *Trigger) Poll(ctx context.Context) error {
	cfg := t.Config()
	var names, instances, projects []string
	for instance, of := range projectsOf(cfg) {
		for project := range of {
			names = append(names, source.CloneURIFromOrgRepo(instance, project))
			instances, projects = append(instances, source.NormalizeOrg(instance)), append(projects, project)
		}
	}
	err := each.Do(names, func(i int, _ string) error { return t.project(ctx, cfg, instances[i], projects[i]) })
	t.failing.Store(err != nil)
	t.polled.Store(true)
	return err
}

// round is one poll of one project.
type round struct {
	*Trigger
	cfg    *config.Config
	server *server
	self   int
	jobs   []voted
	log    *logrus.Entry
}

func (t *Trigger) project(ctx context.Context, cfg *config.Config, instance, project string) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.PollDeadline, pollDeadline))
	defer cancel()
	log := t.Log.WithFields(logrus.Fields{"org": instance, "repo": project})
	defer progress.Watch(sayEvery, "poll "+project, func(message string) { log.Info(message) })()
	jobs, wrong := jobsOf(cfg, instance, project)
	if len(jobs) == 0 {
		return wrong
	}
	server, err := t.server(cfg, instance)
	if err != nil {
		return errors.Join(wrong, err)
	}
	self, err := server.self(ctx)
	if err != nil {
		return errors.Join(wrong, err)
	}
	r := &round{t, cfg, server, self, jobs, log}
	return errors.Join(wrong, r.poll(ctx, project))
}

func (t *Trigger) server(cfg *config.Config, instance string) (*server, error) {
	cookie, err := t.Cookie()
	if err != nil {
		return nil, err
	}
	return newServer(instance, cookie, cmp.Or(t.HTTP, http.DefaultClient), cmp.Or(t.RequestTimeout, requestTimeout), cfg.Gerrit.RateLimit)
}

// poll starts what the project's changes ask for. One change that fails leaves the
// others alone, and so does a page that cannot be read.
func (r *round) poll(ctx context.Context, project string) error {
	begin := time.Now()
	changes, err := r.server.changes(ctx, query(project, r.jobs))
	errs := []error{err}
	started := 0
	for _, change := range changes {
		n, err := r.change(ctx, change)
		started += n
		if err != nil {
			errs = append(errs, fmt.Errorf("change %d: %w", change.Number, err))
		}
	}
	r.log.Infof("%d changes have votes that start jobs; started %d jobs in %.1f s", len(changes), started, time.Since(begin).Seconds())
	return errors.Join(errs...)
}

// change starts and records what a change asks for, and says how many jobs it created.
// The change is read again just before, since listing many takes long, and a job of an
// older patch set that starts last would end the newer one's.
func (r *round) change(ctx context.Context, listed gogerrit.ChangeInfo) (int, error) {
	if len(wanted(r.server.instance, listed, r.jobs, r.self)) == 0 {
		return 0, nil
	}
	base, err := r.server.branch(ctx, listed.Project, listed.Branch)
	if err != nil {
		return 0, err
	}
	change, err := r.server.change(ctx, listed.ID)
	if err != nil || change.Branch != listed.Branch {
		return 0, err
	}
	starts, err := affected(change, wanted(r.server.instance, change, r.jobs, r.self))
	if err != nil {
		return 0, err
	}
	var there []start
	var errs []error
	created := 0
	for _, s := range starts {
		isNew, err := r.create(ctx, base, change, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		there = append(there, s)
		if isNew {
			created++
		}
	}
	return created, errors.Join(append(errs, r.record(ctx, change, there))...)
}

// create makes the ProwJob, and says whether it was not there yet.
func (r *round) create(ctx context.Context, base string, change gogerrit.ChangeInfo, s start) (bool, error) {
	job, err := prowJob(r.cfg, r.server.instance, base, change, s)
	if err != nil {
		return false, err
	}
	switch _, err := r.ProwJobs.Create(ctx, job, metav1.CreateOptions{}); {
	case apierrors.IsAlreadyExists(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("create ProwJob %s of %s: %w", s.name, s.Name, err)
	}
	r.log.WithFields(logrus.Fields{"pr": change.Number, "job": s.Name, "prowjob": s.name, "vote": s.vote.String()}).Info("Started by a vote")
	return true, nil
}

// record remembers on the change what is started. Until it succeeds, the ProwJob itself
// keeps the job from being started again.
func (r *round) record(ctx context.Context, change gogerrit.ChangeInfo, there []start) error {
	if len(there) == 0 {
		return nil
	}
	if err := r.server.say(ctx, change, record(change, there)); err != nil {
		return fmt.Errorf("record %s on the change: %w", strings.Join(names(there), ", "), err)
	}
	return nil
}

func names(starts []start) []string {
	var all []string
	for _, s := range starts {
		all = append(all, s.Name)
	}
	return all
}

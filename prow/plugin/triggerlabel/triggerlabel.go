// Package triggerlabel is the plugin that starts presubmits by a label or a review.
//
// Such a presubmit runs code that nobody has merged, so somebody trusted must have
// looked at it first: a member of the organization who is no bot and, by a review, not
// the author. Collaborators do not count: GitHub calls everybody so whom a repository
// names, if only to read or to sort its issues. What they looked at is one commit. So a
// label or review starts each job once for the head that it was given for, and a push
// takes the label away: for the new head it is set again.
package triggerlabel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/pjutil"

	"slipway.dev/slipway/prow/annotation"
	"slipway.dev/slipway/prow/plugin"
)

// GitHub is what is asked of GitHub. Prow's client does it.
type GitHub interface {
	GetPullRequest(org, repo string, number int) (*github.PullRequest, error)
	GetPullRequestChanges(org, repo string, number int) ([]github.PullRequestChange, error)
	GetRef(org, repo, ref string) (string, error)
	RemoveLabelWithContext(ctx context.Context, org, repo string, number int, label string) error
}

// People is what is asked of GitHub about people. Prow's client does it.
type People interface {
	IsMember(org, login string) (bool, error)
	BotUserCheckerWithContext(ctx context.Context) (func(login string) bool, error)
}

// ProwJobs makes ProwJobs. Prow's clientset does it.
type ProwJobs interface {
	Create(ctx context.Context, job *prowapi.ProwJob, o metav1.CreateOptions) (*prowapi.ProwJob, error)
}

// Plugin is what the plugin works with. All fields but Pauses are needed.
type Plugin struct {
	GitHub   GitHub
	People   People
	ProwJobs ProwJobs
	Config   func() *config.Config // Prow's, as it is now
	Log      *logrus.Entry
	Pauses   []time.Duration // before an event that failed is tried again, each time; nil is not again
}

// Handler is the plugin's.
func (p *Plugin) Handler() plugin.Handler {
	return plugin.Handler{
		Name: "trigger-on-label", Events: []string{"pull_request", "pull_request_review"},
		Wanted: wanted, Accept: plugin.Again(p.accept, p.Pauses...), Help: p.help,
	}
}

func wanted(payload []byte) bool {
	for _, word := range []string{`labeled`, `synchronize`, `submitted`} {
		if bytes.Contains(payload, []byte(word)) {
			return true
		}
	}
	return false
}

// event is what both types of payload have of what matters here.
type event struct {
	Action string             `json:"action"`
	Pull   github.PullRequest `json:"pull_request"`
	Repo   github.Repo        `json:"repository"`
	Sender github.User        `json:"sender"`
	Label  struct {
		Name string `json:"name"`
	} `json:"label"`
	Review struct {
		State  string      `json:"state"`
		Commit string      `json:"commit_id"`
		User   github.User `json:"user"`
	} `json:"review"`

	guid string
	log  *logrus.Entry
}

func (p *Plugin) accept(ctx context.Context, raw plugin.Event) error {
	e := event{guid: raw.GUID}
	if err := json.Unmarshal(raw.Payload, &e); err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	e.log = p.Log.WithFields(logrus.Fields{"org": e.org(), "repo": e.repo(), "pr": e.Pull.Number, "event-GUID": e.guid})
	switch {
	case raw.Type == "pull_request" && e.Action == "labeled":
		return p.start(ctx, &e, e.Pull.Head.SHA, annotation.TriggerLabel, e.Label.Name)
	case raw.Type == "pull_request" && e.Action == "synchronize":
		return p.unlabel(ctx, &e)
	case raw.Type == "pull_request_review" && e.Action == "submitted" && !sameLogin(e.Sender, e.Pull.User) && sameLogin(e.Sender, e.Review.User):
		return p.start(ctx, &e, e.Review.Commit, annotation.TriggerReview, strings.ToLower(e.Review.State))
	}
	return nil
}

func (e *event) org() string  { return e.Repo.Owner.Login }
func (e *event) repo() string { return e.Repo.Name }

func sameLogin(a, b github.User) bool { return github.NormLogin(a.Login) == github.NormLogin(b.Login) }

// presubmits are those of the repository whose annotation has the value, or any
// where it is empty.
func (p *Plugin) presubmits(e *event, name, value string) []config.Presubmit {
	var list []config.Presubmit
	for _, job := range p.Config().GetPresubmitsStatic(e.org() + "/" + e.repo()) {
		if says := job.Annotations[name]; says != "" && (value == "" || says == value) {
			list = append(list, job)
		}
	}
	return list
}

// start starts the jobs that the label or the state of a review names, for the commit
// that it was given for.
func (p *Plugin) start(ctx context.Context, e *event, commit, name, value string) error {
	if value == "" || commit == "" {
		return nil
	}
	jobs := p.presubmits(e, name, value)
	if len(jobs) == 0 {
		return nil
	}
	if ok, err := p.trusted(ctx, e); err != nil || !ok {
		return err
	}
	pull, err := p.GitHub.GetPullRequest(e.org(), e.repo(), e.Pull.Number)
	if err != nil {
		return fmt.Errorf("read pull request %d of %s/%s: %w", e.Pull.Number, e.org(), e.repo(), err)
	}
	if pull.State != github.PullRequestStateOpen || pull.Head.SHA != commit {
		e.log.Infof("Started nothing by %s: it was given for %s, and the pull request is %s at %s.", value, commit, pull.State, pull.Head.SHA)
		return nil
	}
	base, err := p.GitHub.GetRef(e.org(), e.repo(), "heads/"+pull.Base.Ref)
	if err != nil {
		return fmt.Errorf("find the tip of %s of %s/%s: %w", pull.Base.Ref, e.org(), e.repo(), err)
	}
	changes := config.NewGitHubDeferredChangedFilesProvider(p.GitHub, e.org(), e.repo(), pull.Number)
	var errs []error
	for _, job := range jobs {
		errs = append(errs, p.run(ctx, e, job, pull, base, changes))
	}
	return errors.Join(errs...)
}

// trusted says whether whoever sent the event may start jobs.
func (p *Plugin) trusted(ctx context.Context, e *event) (bool, error) {
	login := e.Sender.Login
	isBot, err := p.People.BotUserCheckerWithContext(ctx)
	if err != nil {
		return false, err
	}
	if e.Sender.Type != github.UserTypeUser || isBot(login) {
		e.log.Infof("Started nothing: %s is no person.", login)
		return false, nil
	}
	ok, err := p.People.IsMember(e.org(), login)
	if err != nil {
		return false, fmt.Errorf("ask whether %s is a member of %s: %w", login, e.org(), err)
	}
	if !ok {
		e.log.Infof("Started nothing: %s is no member of %s.", login, e.org())
	}
	return ok, nil
}

// run starts a job unless it did before for this head: the ProwJob's name says so.
func (p *Plugin) run(ctx context.Context, e *event, job config.Presubmit, pull *github.PullRequest, base string, changes config.ChangedFilesProvider) error {
	if !job.CouldRun(pull.Base.Ref) {
		return nil
	}
	determined, should, err := job.RegexpChangeMatcher.ShouldRun(changes)
	if err != nil || determined && !should {
		return err
	}
	prow := p.Config()
	made := pjutil.NewPresubmit(*pull, base, job, e.guid, nil, pjutil.RequireScheduling(prow.Scheduler.Enabled))
	made.Name, made.Namespace = Name(e.org(), e.repo(), pull.Number, pull.Head.SHA, job.Name), prow.ProwJobNamespace
	_, err = p.ProwJobs.Create(ctx, &made, metav1.CreateOptions{})
	switch {
	case kerrors.IsAlreadyExists(err):
		return nil
	case err != nil:
		return fmt.Errorf("start %s: %w", job.Name, err)
	}
	e.log.WithFields(logrus.Fields{"job": job.Name, "name": made.Name}).Infof("Started for %s by %s.", pull.Head.SHA, e.Sender.Login)
	return nil
}

// Name is the ProwJob's of a job for one head of a pull request.
func Name(org, repo string, number int, head, job string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s#%d@%s %s", org, repo, number, head, job))
	return fmt.Sprintf("label-%x", sum[:16])
}

// unlabel takes the labels away that start jobs: they were set for another commit.
func (p *Plugin) unlabel(ctx context.Context, e *event) error {
	var errs []error
	done := map[string]bool{}
	for _, job := range p.presubmits(e, annotation.TriggerLabel, "") {
		label := job.Annotations[annotation.TriggerLabel]
		if done[label] || !github.HasLabel(label, e.Pull.Labels) {
			continue
		}
		done[label] = true
		if err := p.GitHub.RemoveLabelWithContext(ctx, e.org(), e.repo(), e.Pull.Number, label); err != nil {
			errs = append(errs, fmt.Errorf("remove the label %s, set for an older commit: %w", label, err))
		}
	}
	return errors.Join(errs...)
}

// Package releasetag is the plugin that takes release tags to channels.
//
// Whoever may push to a repository may push a tag, and Prow would start a tag's
// postsubmit for each of them. So such a job names no ref that can exist, and this
// plugin makes its ProwJob, once, after it has seen by OWNERS of the configuration
// repository that who pushed the tag may approve for the channel which the job moves.
// Any other tag, and one that was moved or deleted, is reported in an issue there.
package releasetag

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/prow/annotation"
	"slipway.dev/slipway/prow/configrepo"
	"slipway.dev/slipway/prow/plugin"
)

// GitHub is what is asked of GitHub. Prow's client does it.
type GitHub interface {
	GetRef(org, repo, ref string) (string, error)
	GetSingleCommit(org, repo, sha string) (github.RepositoryCommit, error)
	BotUserCheckerWithContext(ctx context.Context) (func(login string) bool, error)
}

// Issues is where tags are reported. Prow's client does it.
type Issues interface {
	ListOpenIssues(org, repo string) ([]github.Issue, error)
	CreateIssue(org, repo, title, body string, milestone int, labels, assignees []string) (int, error)
	EditIssue(org, repo string, number int, issue *github.Issue) (*github.Issue, error)
	CloseIssue(org, repo string, number int) error
}

// Plugin is what the plugin works with. All fields but Pauses are needed.
type Plugin struct {
	GitHub   GitHub
	Issues   Issues
	ProwJobs ProwJobs
	Repo     *configrepo.Repo
	Config   func() *config.Config // Prow's, as it is now
	Log      *logrus.Entry
	Pauses   []time.Duration // before an event that failed is tried again, each time; nil is not again

	reporting sync.Mutex // one issue at a time, or two reports of a tag would each make one
}

// Handler is the plugin's.
func (p *Plugin) Handler() plugin.Handler {
	return plugin.Handler{
		Name: "release-tags", Events: []string{"push"},
		Wanted: func(payload []byte) bool { return bytes.Contains(payload, []byte("refs/tags/")) },
		Accept: plugin.Again(p.accept, p.Pauses...), Help: p.help,
	}
}

// push is what matters of a push's payload. Its "pusher" is not read: it is a name
// without an account.
type push struct {
	Ref     string      `json:"ref"`
	After   string      `json:"after"`
	Created bool        `json:"created"`
	Deleted bool        `json:"deleted"`
	Forced  bool        `json:"forced"`
	Repo    github.Repo `json:"repository"`
	Sender  github.User `json:"sender"`
	Head    struct {
		ID string `json:"id"`
	} `json:"head_commit"`

	tag, guid string
	log       *logrus.Entry
}

func (e *push) org() string      { return e.Repo.Owner.Login }
func (e *push) repo() string     { return e.Repo.Name }
func (e *push) fullName() string { return e.org() + "/" + e.repo() }

// plain are the names of tags that mean nothing in a URL or in Markdown.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// ours are the tags of versions, which builds set.
var ours = regexp.MustCompile(`^[0-9]{8}\.[0-9]{2,}$`)

func (p *Plugin) accept(ctx context.Context, raw plugin.Event) error {
	e := push{guid: raw.GUID}
	if err := json.Unmarshal(raw.Payload, &e); err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	tag, ok := strings.CutPrefix(e.Ref, "refs/tags/")
	if !ok || !plain.MatchString(tag) || ours.MatchString(tag) {
		return nil
	}
	e.tag = tag
	e.log = p.Log.WithFields(logrus.Fields{"org": e.org(), "repo": e.repo(), "tag": tag, "event-GUID": e.guid})
	jobs, err := p.jobs(&e)
	if err != nil || len(jobs) == 0 {
		return err
	}
	switch {
	case e.Deleted:
		return p.report(ctx, &e, fmt.Sprintf("`%s` deleted it. What it promoted stays where it is.", e.Sender.Login))
	case !e.Created || e.Forced:
		return p.report(ctx, &e, fmt.Sprintf("`%s` moved it to %s. A release tag does not move: delete it and push one with a new number.", e.Sender.Login, e.After))
	}
	return p.created(ctx, &e, jobs)
}

// jobs are the repository's that the tag is for.
func (p *Plugin) jobs(e *push) ([]config.Postsubmit, error) {
	var list []config.Postsubmit
	for _, job := range p.Config().GetPostsubmitsStatic(e.fullName()) {
		pattern := job.Annotations[annotation.ReleaseTag]
		if pattern == "" {
			continue
		}
		whole, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil {
			return nil, fmt.Errorf("read %s of job %s: %w", annotation.ReleaseTag, job.Name, err)
		}
		if whole.MatchString(e.tag) {
			list = append(list, job)
		}
	}
	return list, nil
}

// created judges a new tag for each of its jobs.
func (p *Plugin) created(ctx context.Context, e *push, jobs []config.Postsubmit) error {
	commit, err := p.peel(e)
	if err != nil {
		return err
	}
	if commit == "" {
		return p.report(ctx, e, fmt.Sprintf("`%s` pushed it at %s, and it is not there now: it is gone, has moved since, or shares its name with a branch tags/%s.", e.Sender.Login, e.After, e.tag))
	}
	isBot, err := p.GitHub.BotUserCheckerWithContext(ctx)
	if err != nil {
		return err
	}
	snapshot, err := p.Repo.Read(ctx)
	if err != nil {
		return err
	}
	person := e.Sender.Type == github.UserTypeUser && !isBot(e.Sender.Login)
	var errs []error
	for _, job := range jobs {
		refused := why(snapshot, job, e.Sender.Login, person)
		if refused == "" {
			refused, err = p.start(ctx, e, job, commit)
			errs = append(errs, err)
		}
		if refused != "" {
			errs = append(errs, p.report(ctx, e, fmt.Sprintf("`%s` pushed it at %s: %s", e.Sender.Login, commit, refused)))
		}
	}
	return errors.Join(errs...)
}

// why says why somebody may not start a job by a tag; "" is that they may.
func why(s *configrepo.Snapshot, job config.Postsubmit, login string, person bool) string {
	name := job.Annotations[annotation.Channel]
	_, channel, err := s.Channels.Channel(name)
	switch {
	case err != nil:
		return fmt.Sprintf("job %s names no channel in its annotation %s: %v.", job.Name, annotation.Channel, err)
	case channel.Gate.Approvals == nil || channel.Gate.Approvals.Path == "":
		return fmt.Sprintf("nobody may: the gate of %s names no path of approvers.", name)
	case !person:
		return fmt.Sprintf("that is no person, and a person must promote to %s.", name)
	case !s.Approves(channel.Gate.Approvals.Path, login):
		return fmt.Sprintf("they are no approver of `%s`, by OWNERS of the configuration repository at %s, and so may not promote to %s.", channel.Gate.Approvals.Path, s.Commit, name)
	}
	return ""
}

// peel finds the commit that the tag names now; "" if the tag is not what was pushed.
// What GitHub calls tags/NAME might be a branch of that name, so the push's own word
// must agree.
func (p *Plugin) peel(e *push) (string, error) {
	commit, err := p.GitHub.GetSingleCommit(e.org(), e.repo(), "tags/"+e.tag)
	if err == nil {
		var now string
		now, err = p.GitHub.GetRef(e.org(), e.repo(), "tags/"+e.tag)
		if err == nil && (now != e.After || commit.SHA != e.Head.ID) {
			return "", nil
		}
	}
	switch {
	case gone(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("find the commit of tag %s of %s: %w", e.tag, e.fullName(), err)
	}
	return commit.SHA, nil
}

// gone says whether GitHub knows no such tag: of a commit it says so with 422.
func gone(err error) bool {
	return github.IsNotFound(err) || err != nil && strings.Contains(err.Error(), "No commit found")
}

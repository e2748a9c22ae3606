package chatops

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/testkit/github"
)

// NewDisk builds a disk of a text: it is stored, tested and in next.
func (w *World) NewDisk(ctx context.Context, text string) (digest string, err error) {
	if digest, _, err = store.PutBlob(ctx, w.disks, strings.NewReader(text)); err != nil {
		return "", err
	}
	digest = "sha256:" + digest
	if err := w.Passed(ctx, "unit", digest); err != nil {
		return "", err
	}
	return digest, w.Move(ctx, promotion.Request{Channel: Artifact + "/next", Digest: digest})
}

// Passed files that ci saw a test pass on a digest.
func (w *World) Passed(ctx context.Context, test, digest string) error {
	_, err := evidence.Add(ctx, w.Store, w.keys["ci"], evidence.Result{
		Test: test, Outcome: evidence.Passed, Finished: time.Now().Add(-time.Minute).UTC().Truncate(time.Second),
		Subjects: []evidence.Subject{{Name: "disk", Digest: digest}}, Log: "https://ci.example.com/" + test,
	})
	return err
}

// Move moves a channel without a word from anybody, as a build job moves its entry.
func (w *World) Move(ctx context.Context, r promotion.Request) error {
	view, err := w.config.Read(ctx)
	if err != nil {
		return err
	}
	p, err := w.promoter(view.Channels, w.Store)
	if err != nil {
		return err
	}
	p.Who = "job " + Artifact + "-build"
	plan, err := p.Plan(ctx, promotion.Order{Requests: []promotion.Request{r}})
	if err != nil {
		return err
	}
	return p.Apply(ctx, plan)
}

// Holds is what a channel holds by its ledger.
func (w *World) Holds(ctx context.Context, channel string) (string, error) {
	line, err := ledger.Read(ctx, w.Store, Artifact+"/"+channel)
	digest, _ := line.Holds()
	return digest, err
}

// Issue opens an issue of the guest's repository in which people talk; a pull request
// is one too.
func (w *World) Issue(title string) (number int, err error) {
	branch := strings.ReplaceAll(strings.ToLower(title), " ", "-")
	if _, err := w.Guest.PushAs("contributor", branch, title, map[string]string{branch: title + "\n"}); err != nil {
		return 0, err
	}
	return w.Guest.OpenPullAs("contributor", github.NewPull{Title: title, Head: branch})
}

// Comments are those of an issue, oldest first.
func (w *World) Comments(number int) ([]prowgithub.IssueComment, error) {
	return w.Reader.ListIssueComments(Org, Guest, number)
}

// Said is the robot's comment that holds a text, or "".
func (w *World) Said(number int, text string) (string, error) {
	all, err := w.Comments(number)
	for _, c := range all {
		if c.User.Login == Robot && strings.Contains(c.Body, text) {
			return c.Body, err
		}
	}
	return "", err
}

// Settle waits until every webhook was taken, every comment acted on, and no job runs.
func (w *World) Settle(ctx context.Context) error {
	if err := w.GitHub.WaitWebhooks(ctx); err != nil {
		return err
	}
	return w.Wait(ctx, "the plugin", func() (bool, error) {
		open, err := w.unacted(ctx)
		if err != nil || len(open) > 0 {
			return false, err
		}
		jobs, err := w.ProwJobs(ctx)
		for _, job := range jobs {
			if !w.Idle && !job.Complete() {
				return false, err
			}
		}
		return true, err
	})
}

// unacted are the comments that the plugin took and has not acted on.
func (w *World) unacted(ctx context.Context) (open []string, err error) {
	acted := map[string]bool{}
	for key, err := range w.Store.List(ctx, "chatops/") {
		if err != nil {
			return nil, err
		}
		about, kind, _ := strings.Cut(strings.TrimSuffix(path.Base(key), ".json"), ".")
		switch kind {
		case "acted":
			acted[about] = true
		case "comment":
			open = append(open, about)
		}
	}
	left := open[:0]
	for _, about := range open {
		if !acted[about] {
			left = append(left, about)
		}
	}
	return left, nil
}

// ProwJobs are the promoters that were made.
func (w *World) ProwJobs(ctx context.Context) (jobs []prowapi.ProwJob, err error) {
	list, err := w.Jobs.ProwV1().ProwJobs(Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, job := range list.Items {
		if job.Spec.Job == PromoteJob {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// Say writes a comment, waits until it was acted on, and gives its ID.
func (w *World) Say(ctx context.Context, login string, number int, format string, args ...any) (int64, error) {
	id, err := w.Guest.CommentAs(login, number, fmt.Sprintf(format, args...))
	if err != nil {
		return 0, err
	}
	return id, w.Settle(ctx)
}

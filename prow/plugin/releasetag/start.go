package releasetag

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"

	"github.com/sirupsen/logrus"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/pjutil"

	"slipway.dev/slipway/prow/annotation"
)

// ProwJobs makes and reads ProwJobs. Prow's clientset does it.
type ProwJobs interface {
	Create(ctx context.Context, job *prowapi.ProwJob, o metav1.CreateOptions) (*prowapi.ProwJob, error)
	Get(ctx context.Context, name string, o metav1.GetOptions) (*prowapi.ProwJob, error)
}

// Name is the ProwJob's of a job for one tag, wherever the tag points.
func Name(org, repo, tag, job string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s %s %s", org, repo, tag, job))
	return fmt.Sprintf("tag-%x", sum[:16])
}

// start makes the job's ProwJob for the tag unless it is there. refused says that it
// is there for another commit: the tag was deleted and made again.
func (p *Plugin) start(ctx context.Context, e *push, job config.Postsubmit, commit string) (refused string, err error) {
	made := p.prowJob(e, job, commit)
	_, err = p.ProwJobs.Create(ctx, &made, metav1.CreateOptions{})
	switch {
	case kerrors.IsAlreadyExists(err):
		return p.startedBefore(ctx, job, made.Name, commit)
	case err != nil:
		return "", fmt.Errorf("start %s: %w", job.Name, err)
	}
	e.log.WithFields(logrus.Fields{"job": job.Name, "name": made.Name}).Infof("Started for %s by %s.", commit, e.Sender.Login)
	return "", nil
}

func (p *Plugin) startedBefore(ctx context.Context, job config.Postsubmit, name, commit string) (refused string, err error) {
	there, err := p.ProwJobs.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read ProwJob %s of %s: %w", name, job.Name, err)
	}
	if there.Spec.Refs == nil || there.Spec.Refs.BaseSHA != commit {
		return fmt.Sprintf("%s ran for this tag when it was elsewhere. A release tag does not move: push one with a new number.", job.Name), nil
	}
	return "", nil
}

func (p *Plugin) prowJob(e *push, job config.Postsubmit, commit string) prowapi.ProwJob {
	refs := prowapi.Refs{
		Org: e.org(), Repo: e.repo(), RepoLink: e.Repo.HTMLURL,
		BaseRef: e.tag, BaseSHA: commit, BaseLink: e.Repo.HTMLURL + "/commit/" + commit,
	}
	labels, annotations := maps.Clone(job.Labels), maps.Clone(job.Annotations)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[github.EventGUID] = e.guid
	annotations[annotation.PushedBy] = e.Sender.Login
	prow := p.Config()
	made := pjutil.NewProwJob(pjutil.PostsubmitSpec(job, refs), labels, annotations, pjutil.RequireScheduling(prow.Scheduler.Enabled))
	made.Name, made.Namespace = Name(e.org(), e.repo(), e.tag, job.Name), prow.ProwJobNamespace
	return made
}

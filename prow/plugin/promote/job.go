package promote

import (
	"context"
	"fmt"
	"maps"
	"slices"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/pjutil"

	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/prow/configrepo"
)

// What a promoter's ProwJob says of its origin.
const (
	requestLabel   = "slipway.dev/request"
	planAnnotation = "slipway.dev/plan"
)

func (r *request) jobName() string { return "slipway-promote-" + r.ID }

// job finds the request's ProwJob; nil is none.
func (p *Plugin) job(ctx context.Context, r *request) (*prowapi.ProwJob, error) {
	job, err := p.ProwJobs.Get(ctx, r.jobName(), metav1.GetOptions{})
	if kerrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ProwJob %s: %w", r.jobName(), err)
	}
	return job, nil
}

// start makes the request's one ProwJob. Its name is the lock.
func (p *Plugin) start(ctx context.Context, r *request, view *configrepo.Snapshot, plan *promotion.Plan) (*prowapi.ProwJob, error) {
	template, err := p.Job()
	if err != nil {
		return nil, err
	}
	spec := pjutil.PostsubmitSpec(template, prowapi.Refs{
		Org: p.Repo.Org, Repo: p.Repo.Name, BaseRef: p.Repo.Branch, BaseSHA: view.Commit,
	})
	spec.PodSpec = spec.PodSpec.DeepCopy()
	container := &spec.PodSpec.Containers[0]
	if container.Args, err = arguments(container.Args, r, plan); err != nil {
		return nil, err
	}
	labels, annotations := maps.Clone(template.Labels), maps.Clone(template.Annotations)
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels[requestLabel], annotations[planAnnotation] = r.ID, plan.Hash
	job := pjutil.NewProwJob(spec, labels, annotations)
	job.Name = r.jobName()
	made, err := p.ProwJobs.Create(ctx, &job, metav1.CreateOptions{})
	if kerrors.IsAlreadyExists(err) {
		return p.job(ctx, r)
	}
	if err != nil {
		return nil, fmt.Errorf("make ProwJob %s: %w", job.Name, err)
	}
	p.Log.WithField("job", job.Name).WithField("plan", plan.Hash).Info("Made the promoter's job.")
	return made, nil
}

// arguments are the promoter's: the template's, whose first is the verb apply, and what
// the plan says.
func arguments(template []string, r *request, plan *promotion.Plan) ([]string, error) {
	if len(template) == 0 || template[0] != "apply" {
		return nil, fmt.Errorf("the first argument of the job that promotes is %q, not apply", template)
	}
	args := slices.Clone(template)
	isBack := r.Order.Requests[0].Rollback
	if isBack {
		args[0] = "rollback"
	}
	switch {
	case r.Order.Train != "":
		args = append(args, "--train", r.Order.Train)
	case isBack:
		args = append(args, r.Order.Requests[0].Channel, "--to", r.Order.Requests[0].Digest)
	}
	for _, one := range r.Order.Requests {
		if !isBack {
			args = append(args, one.Channel+"@"+one.Digest)
		}
	}
	if i := slices.IndexFunc(r.Order.Requests, func(one promotion.Request) bool { return one.Version != "" }); i >= 0 {
		args = append(args, "--version", r.Order.Requests[i].Version)
	}
	return append(args, "--plan", plan.Hash, "--requester", r.Requester, "--why", r.Order.Why), nil
}

// follow shows how the request's job does, and ends the request with it.
func (p *Plugin) follow(ctx context.Context, r *request, plan *promotion.Plan, job *prowapi.ProwJob) error {
	if job == nil {
		return fmt.Errorf("ProwJob %s went away", r.jobName())
	}
	s := status{request: r, state: running, plan: plan, job: job, message: "the promoter is at work"}
	switch {
	case job.Labels[requestLabel] != r.ID || job.Annotations[planAnnotation] == "":
		return p.conclude(ctx, r, plan, end{State: failed, Message: "there is a ProwJob " + job.Name + " that this plugin did not make; find out who did"})
	case !job.Complete():
		return p.show(ctx, r, s)
	case job.Status.State != prowapi.SuccessState:
		return p.concludeJob(ctx, r, plan, job, end{State: failed, Message: fmt.Sprintf("the promoter ended in %s: %s", job.Status.State, code(job.Status.Description))})
	case plan.Count(promotion.Current) < len(plan.Steps):
		return p.concludeJob(ctx, r, plan, job, end{State: failed, Message: "the promoter says that all went well, but the ledger does not"})
	}
	return p.concludeJob(ctx, r, plan, job, end{State: done, Message: holds(plan)})
}

package chatops

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
)

// runJobs does what Prow does with ProwJobs, one after the other: a clone of the
// configuration repository at the commit that the job names, and its command there.
func (w *World) runJobs(ctx context.Context) {
	for ctx.Err() == nil {
		list, err := w.Jobs.ProwV1().ProwJobs(Namespace).List(ctx, metav1.ListOptions{})
		if err == nil {
			for i := range list.Items {
				if job := &list.Items[i]; job.Spec.Job == PromoteJob && job.Status.State == prowapi.TriggeredState {
					w.runJob(ctx, job)
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.Poll / 2):
		}
	}
}

func (w *World) runJob(ctx context.Context, job *prowapi.ProwJob) {
	job = w.update(ctx, job, func(s *prowapi.ProwJobStatus) {
		s.State, s.URL = prowapi.PendingState, "https://prow.example.com/view/"+job.Name
	})
	out, err := w.RunPromoter(ctx, job)
	if logged := write(w.in(logOf(job.Name)), out); logged != nil {
		w.log.WithError(logged).Warn("Keeping a job's log.")
	}
	w.update(ctx, job, func(s *prowapi.ProwJobStatus) {
		now := metav1.Now()
		s.State, s.Description, s.CompletionTime = prowapi.SuccessState, "Job succeeded.", &now
		if err != nil {
			s.State, s.Description = prowapi.FailureState, "Job failed."
			w.log.Infof("%s: %v\n%s", job.Name, err, out)
		}
	})
}

func logOf(job string) string { return "logs/" + job + ".txt" }

// JobLog is what a ProwJob's promoter printed. It is there once the job is complete.
func (w *World) JobLog(job string) (string, error) {
	out, err := os.ReadFile(w.in(logOf(job)))
	return string(out), err
}

func (w *World) update(ctx context.Context, job *prowapi.ProwJob, change func(*prowapi.ProwJobStatus)) *prowapi.ProwJob {
	job = job.DeepCopy()
	change(&job.Status)
	updated, err := w.Jobs.ProwV1().ProwJobs(Namespace).Update(ctx, job, metav1.UpdateOptions{})
	if err != nil {
		w.log.WithError(err).Warn("Updating a ProwJob.")
		return job
	}
	return updated
}

// RunPromoter runs the job's command, with the world's places for the pod's.
func (w *World) RunPromoter(ctx context.Context, job *prowapi.ProwJob) (string, error) {
	dir, err := os.MkdirTemp(w.Dir, "checkout-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	clone, err := w.git.ClientFor(job.Spec.Refs.Org, job.Spec.Refs.Repo)
	if err != nil {
		return "", err
	}
	defer func() { _ = clone.Clean() }()
	if err := clone.Checkout(job.Spec.Refs.BaseSHA); err != nil {
		return "", err
	}
	var args []string
	for _, arg := range job.Spec.PodSpec.Containers[0].Args {
		arg = strings.Replace(arg, "--config=", "--config="+clone.Directory()+"/", 1)
		args = append(args, strings.Replace(arg, "--store=/store", "--store="+w.in("store"), 1))
	}
	return w.Promoter(ctx, job.Name, args...)
}

// Promoter runs the job binary.
func (w *World) Promoter(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	env := cli.Env{Args: args, Stdout: &out, Stderr: &out, Getenv: func(key string) string {
		switch key {
		case "JOB_NAME":
			return "slipway-promote"
		case "BUILD_ID":
			return name
		}
		return ""
	}}
	if code := cli.Run(ctx, env, promotecmd.Promoter(env)); code != 0 {
		return out.String(), fmt.Errorf("the promoter exited with %d", code)
	}
	return out.String(), nil
}

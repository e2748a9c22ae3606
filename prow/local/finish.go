package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/GoogleCloudPlatform/testgrid/metadata"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	crier "sigs.k8s.io/prow/pkg/crier/reporters/gcs/kubernetes"
	"sigs.k8s.io/prow/pkg/crier/reporters/gcs/util"
	"sigs.k8s.io/prow/pkg/pod-utils/downwardapi"
)

const podInfoFile = "podinfo.json"

// WriteStarted leaves in the plan's Output what Prow has there when a pod starts:
// prowjob.json of a job that is pending. A run that is killed leaves no other.
func WriteStarted(plan Plan, started time.Time) error {
	pj := pending(plan, started)
	pj.Status.State, pj.Status.Description = prowapi.PendingState, "Job triggered."
	return writeProwJob(plan, pj)
}

// WriteFinished leaves in the plan's Output what Prow's crier would when the pod has
// ended: prowjob.json, podinfo.json with the pod's status, and of started.json and
// finished.json what the pod itself could not write. They say who wrote them.
func WriteFinished(plan Plan, result Result, status corev1.PodStatus) error {
	pj := pending(plan, result.Started)
	pj.Status.State, pj.Status.Description = result.State, describe(result)
	pj.Status.CompletionTime = &metav1.Time{Time: result.Finished}
	return errors.Join(
		writeProwJob(plan, pj),
		writePodInfo(plan, status),
		writeIfMissing(filepath.Join(plan.Output, prowapi.StartedStatusFile), func() ([]byte, error) {
			started := downwardapi.PjToStarted(pj, nil)
			started.Metadata = metadata.Metadata{"uploader": "crier"}
			return json.MarshalIndent(started, "", "\t")
		}),
		writeIfMissing(filepath.Join(plan.Output, prowapi.FinishedStatusFile), func() ([]byte, error) {
			return util.MarshalFinishedJSON(pj)
		}),
	)
}

// pending is the plan's ProwJob as plank makes it when its pod starts.
func pending(plan Plan, started time.Time) *prowapi.ProwJob {
	pj := plan.ProwJob.DeepCopy()
	if pj.Status.StartTime.IsZero() {
		pj.Status.StartTime = metav1.Time{Time: started}
	}
	pj.Status.PendingTime = &metav1.Time{Time: started}
	pj.Status.PodName = plan.Local.Name
	return pj
}

// describe is a job's description: plank's words where it has words for the state.
func describe(r Result) string {
	switch r.State {
	case prowapi.SuccessState:
		return "Job succeeded."
	case prowapi.FailureState:
		return "Job failed."
	}
	return r.Reason
}

func writeProwJob(plan Plan, pj *prowapi.ProwJob) error {
	data, err := util.MarshalProwJob(pj)
	if err != nil {
		return fmt.Errorf("write %s: %w", prowapi.ProwJobFile, err)
	}
	return os.WriteFile(filepath.Join(plan.Output, prowapi.ProwJobFile), data, 0o644)
}

// writePodInfo writes the pod as Prow would hand it to a cluster, not as it ran: that
// one may hold secrets. There are no events.
func writePodInfo(plan Plan, status corev1.PodStatus) error {
	pod := plan.Pod.DeepCopy()
	pod.TypeMeta, pod.Status = metav1.TypeMeta{}, status
	data, err := json.MarshalIndent(crier.PodReport{Pod: pod}, "", "\t")
	if err != nil {
		return fmt.Errorf("write %s: %w", podInfoFile, err)
	}
	return os.WriteFile(filepath.Join(plan.Output, podInfoFile), data, 0o644)
}

// writeIfMissing writes a file unless there is one that is whole: a utility that was
// killed may have left half of it.
func writeIfMissing(path string, content func() ([]byte, error)) error {
	if data, err := os.ReadFile(path); err == nil && json.Valid(data) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := content()
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, data, 0o644)
}

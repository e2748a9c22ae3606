package local

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
)

// finish says how the run ended, and leaves in Output what Prow would.
func (r *podRun) finish() (Result, error) {
	var status corev1.PodStatus
	if r.last != nil {
		status = r.last.Status
	}
	status.InitContainerStatuses = slices.DeleteFunc(slices.Clone(status.InitContainerStatuses), func(s corev1.ContainerStatus) bool {
		return s.Name == ferryName // the pod as Prow knows it has none
	})
	result := ResultOf(r.plan, status)
	result.Started, result.Finished = r.started, time.Now()
	switch {
	case r.stopped != nil:
		result.State, result.Reason, result.TimedOut = r.stopped.state, r.stopped.reason, false
	case r.lost != nil:
		result.State, result.Reason = prowapi.ErrorState, "take the pod's files: "+r.lost.Error()
	case !r.fetched:
		result.State, result.Reason = prowapi.ErrorState, "the pod ended before its files could be taken: "+endOf(status)
	}
	return result, WriteFinished(r.plan, result, status)
}

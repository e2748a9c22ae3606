package local

import (
	"errors"
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
	var broken *brokenError
	switch {
	case errors.As(r.stopped, &broken):
		result.State, result.Reason, result.TimedOut = prowapi.ErrorState, broken.Error(), false
	case r.stopped != nil:
		result = result.EndedBy(r.stopped)
		if result.State == prowapi.ErrorState {
			result.Reason = r.stopped.Error() // which says what the pod waited for
		}
	case r.lost != nil:
		result.State, result.Reason = prowapi.ErrorState, "take the pod's files: "+r.lost.Error()
	case !r.fetched:
		result.State, result.Reason = prowapi.ErrorState, "the pod ended before its files could be taken: "+endOf(status)
	}
	return result, WriteFinished(r.plan, result, status)
}

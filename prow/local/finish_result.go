package local

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/entrypoint"
	"sigs.k8s.io/prow/pkg/kube"
)

// OverdueError is the cause of ending a pod that Prow would not let go on.
type OverdueError struct {
	After   time.Duration
	Running bool // all init containers were done
}

func (e *OverdueError) Error() string {
	if e.Running {
		return fmt.Sprintf("pod running timeout: it did not end by itself within %s", e.After)
	}
	return fmt.Sprintf("pod pending timeout: its containers had not started after %s", e.After)
}

// ResultOf is the result of the plan's pod that ended by itself with this status; the
// state is what plank makes of it. A container that says why it ended with a message,
// as Kubernetes has it from the end of a log, is quoted.
func ResultOf(plan Plan, status corev1.PodStatus) Result {
	result := Result{Output: plan.Output, Finished: time.Now()}
	if status.StartTime != nil {
		result.Started = status.StartTime.Time
	}
	spec := plan.Local.Spec
	states := append(statesOf(spec.InitContainers, status.InitContainerStatuses, true),
		statesOf(spec.Containers, status.ContainerStatuses, false)...)
	for _, s := range states {
		result.Containers = append(result.Containers, s.Container)
	}
	result.State, result.Reason, result.TimedOut = judge(states, jobTimeout(plan))
	return result
}

// EndedBy is the result of a pod that did not end by itself: cause is an *OverdueError,
// a *MarkerError or why it was aborted. How its containers ended no longer matters to
// the state.
func (r Result) EndedBy(cause error) Result {
	r.State, r.Reason, r.TimedOut = prowapi.AbortedState, "aborted: "+cause.Error(), false
	var (
		overdue *OverdueError
		untold  *MarkerError
	)
	switch {
	case errors.As(cause, &untold):
		r.State, r.Reason = prowapi.ErrorState, untold.Error()
	case errors.As(cause, &overdue):
		r.Reason, r.TimedOut = overdue.Error(), true
		if !overdue.Running {
			r.State = prowapi.ErrorState
		}
	}
	return r
}

// ended is how a container ended, with what plank and people want to know of it.
type ended struct {
	Container
	state corev1.ContainerStateTerminated
}

// statesOf are the containers in the order in which the pod declares them.
func statesOf(declared []corev1.Container, statuses []corev1.ContainerStatus, init bool) []ended {
	var states []ended
	for _, c := range declared {
		s := ended{Container: Container{Name: c.Name, Init: init, ExitCode: -1}}
		i := slices.IndexFunc(statuses, func(status corev1.ContainerStatus) bool { return status.Name == c.Name })
		if i >= 0 && statuses[i].State.Terminated != nil {
			s.state = *statuses[i].State.Terminated
			s.ExitCode = int(s.state.ExitCode)
		}
		states = append(states, s)
	}
	return states
}

// judge names the first container that failed, the job's own before a utility. One
// that never ended makes the state an error, which is not the job's fault.
func judge(states []ended, timeout time.Duration) (prowapi.ProwJobState, string, bool) {
	failed, unfinished := -1, -1
	for i, s := range states {
		switch {
		case s.ExitCode > 0 && failed < 0:
			failed = i
		case s.ExitCode < 0 && unfinished < 0:
			unfinished = i
		}
	}
	switch {
	case failed >= 0:
		reason, timedOut := why(states[failed], timeout)
		return prowapi.FailureState, reason, timedOut
	case unfinished >= 0:
		return prowapi.ErrorState, "container " + states[unfinished].Name + " did not finish", false
	}
	return prowapi.SuccessState, "exit code 0", false
}

// why words the failure of a container; a job's only one goes without saying.
func why(s ended, timeout time.Duration) (reason string, timedOut bool) {
	reason = fmt.Sprintf("exit code %d", s.ExitCode)
	timedOut = !s.Init && s.ExitCode == entrypoint.InternalErrorCode && lasted(s.state, timeout)
	switch {
	case timedOut:
		reason = fmt.Sprintf("timeout after %s", timeout)
	case s.state.Reason == reasonOutOfMemory:
		reason += ", out of memory"
	case s.Init:
		reason += quoted(lastWords(s.state.Message))
	}
	switch {
	case s.Init:
		reason = "init container " + s.Name + ": " + reason
	case s.Name != kube.TestContainerName:
		reason = "container " + s.Name + ": " + reason
	}
	return reason, timedOut
}

const reasonOutOfMemory = "OOMKilled"

// lasted says whether a container ran for its timeout. Entrypoint's exit code for a
// timeout is also a shell's for an unknown command, so the time decides. A start may
// be noted late, and clusters note whole seconds.
func lasted(state corev1.ContainerStateTerminated, timeout time.Duration) bool {
	slack := min(time.Second, timeout/4)
	return state.FinishedAt.Sub(state.StartedAt.Time) >= timeout-slack
}

// jobTimeout is when entrypoint ends the job.
func jobTimeout(plan Plan) time.Duration {
	decoration := plan.ProwJob.Spec.DecorationConfig
	if decoration == nil {
		return time.Duration(1<<63 - 1) // nobody does
	}
	return cmp.Or(decoration.Timeout.Get(), entrypoint.DefaultTimeout)
}

// lastWords is the last line of a log; of one that Prow's utilities wrote as JSON,
// what it says.
func lastWords(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	var entry struct{ Msg, Error string }
	if json.Unmarshal([]byte(last), &entry) != nil || entry.Msg == "" {
		return last
	}
	if entry.Error != "" {
		return entry.Msg + ": " + entry.Error
	}
	return entry.Msg
}

// quoted is text as the continuation of a reason, cut to what a line can hold.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return ": " + text
}

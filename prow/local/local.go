// Package local runs a Prow job on this machine in the pod that Prow would make.
//
// Prow's own code loads the configuration, makes the ProwJob and decorates the pod.
// What is ours is between that pod and the machine: a table says of each field of
// a pod whether it is honoured, rewritten or refused, so that nothing is dropped
// in silence, and a job sees a copy of a repository unless it is told otherwise.
package local

import (
	"context"
	"io"
	"io/fs"
	"time"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
)

// Plan is what a run will do: data that can be printed and compared.
type Plan struct {
	ProwJob prowapi.ProwJob // as Prow's controllers would hold it
	Pod     *corev1.Pod     // as Prow would hand it to a cluster, decorated to leave its files in Output
	Local   *corev1.Pod     // Pod as the engine runs it; it may hold the values of secrets
	Changes []Change        // what was rewritten between Pod and Local, in the order of the fields
	Images  []string        // images of the tree that Local names, sorted
	Output  string          // absolute folder of started.json, finished.json, build-log.txt, podinfo.json, prowjob.json, artifacts/
	Scratch string          // absolute folder of the pod's empty volumes and secrets, which goes after the run
	Files   []File          // what must be there before the pod starts, in order
}

// Change is a field of the pod that this machine honours in another way.
type Change struct {
	Field string `json:"field"` // "spec.containers[0].image"
	From  string `json:"from"`  // short
	To    string `json:"to"`    // short; empty is dropped
	Why   string `json:"why"`
}

// File is a file or folder that a volume of the pod shows.
type File struct {
	Path string      // absolute
	Mode fs.FileMode // with fs.ModeDir for a folder
	From string      // the file to copy; empty is an empty one
}

// Engine runs the pod of a plan to its end, writes each container's log to w with
// the container's name, and leaves Prow's files in the plan's Output. An error is a
// run that could not be made; a job that failed is a Result.
type Engine interface {
	Run(ctx context.Context, plan Plan, w io.Writer) (Result, error)
}

// Result is how a run ended.
type Result struct {
	State      prowapi.ProwJobState `json:"state"`  // success, failure, error, aborted
	Reason     string               `json:"reason"` // one line: "exit code 3", "timeout after 2h0m0s", ...
	TimedOut   bool                 `json:"timed_out,omitempty"`
	Started    time.Time            `json:"started"`
	Finished   time.Time            `json:"finished"`
	Containers []Container          `json:"containers"` // init containers first, in the order they run
	Output     string               `json:"output"`     // the folder that holds what the run left
}

// Container is how one container of the pod ended.
type Container struct {
	Name     string `json:"name"`
	Init     bool   `json:"init,omitempty"`
	ExitCode int    `json:"exit_code"` // -1 if it never ran
}

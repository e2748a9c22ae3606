package local

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"
)

// Logs merges what the containers of a pod say into one stream for people: each
// line after the name of its container, with a bar where it is the job's own.
//
// Bytes of the job are never changed, and a line that is not finished is shown at
// once: another container that speaks meanwhile begins a new line.
type Logs struct {
	mu    sync.Mutex
	w     io.Writer
	width int
	open  *containerLog // whose line has no end yet
	said  time.Time
	own   map[string]bool // the job's own containers
}

// NewLogs writes the logs of the pod's containers to w.
func NewLogs(w io.Writer, pod *corev1.Pod) *Logs {
	l := &Logs{w: w, said: time.Now(), own: map[string]bool{}}
	for _, c := range pod.Spec.InitContainers {
		l.width = max(l.width, len(c.Name))
	}
	for _, c := range pod.Spec.Containers {
		l.width = max(l.width, len(c.Name))
		l.own[c.Name] = !decorate.PodUtilsContainerNames().Has(c.Name)
	}
	return l
}

// Container takes what one container says on one of its streams.
func (l *Logs) Container(name string) io.Writer {
	if l.own[name] {
		return &containerLog{l, fmt.Sprintf("%-*s | ", l.width, name)}
	}
	return &utilityLog{w: &containerLog{l, fmt.Sprintf("%-*s   ", l.width, name)}}
}

// Say writes a line of the engine's own.
func (l *Logs) Say(format string, args ...any) {
	fmt.Fprintf(l.Container("slipway"), format+"\n", args...)
}

// Silence is how long nothing was said.
func (l *Logs) Silence() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.said)
}

// End ends the last line.
func (l *Logs) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != nil {
		_, _ = l.w.Write([]byte("\n"))
		l.open = nil
	}
}

type containerLog struct {
	logs   *Logs
	prefix string
}

// Write never fails: a job goes on when nobody reads its log any more.
func (c *containerLog) Write(p []byte) (int, error) {
	l := c.logs
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = time.Now()
	var out bytes.Buffer
	for line := range bytes.Lines(p) {
		if l.open != nil && l.open != c {
			out.WriteByte('\n')
		}
		if l.open != c {
			out.WriteString(c.prefix)
		}
		out.Write(line)
		l.open = c
		if line[len(line)-1] == '\n' {
			l.open = nil
		}
	}
	_, _ = l.w.Write(out.Bytes())
	return len(p), nil
}

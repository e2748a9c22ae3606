package local

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// logReader follows the log of each container of a pod from its start on.
type logReader struct {
	cluster pods
	pod     string
	logs    *Logs
	reading map[string]bool
	all     sync.WaitGroup
}

func newLogReader(cluster pods, pod string, logs *Logs) *logReader {
	return &logReader{cluster: cluster, pod: pod, logs: logs, reading: map[string]bool{}}
}

// read begins to follow the containers that have started since it was last called.
func (l *logReader) read(ctx context.Context, pod *corev1.Pod) {
	for _, status := range statuses(pod) {
		started := status.State.Running != nil || status.State.Terminated != nil
		if !started || status.Name == ferryName || l.reading[status.Name] {
			continue
		}
		l.reading[status.Name] = true
		l.all.Go(func() { l.follow(ctx, status.Name) })
	}
}

// wait returns when every log was read to its end.
func (l *logReader) wait() { l.all.Wait() }

// follow reads one log to its end. A connection that breaks is made anew, and the
// log goes on after the last line that was seen.
func (l *logReader) follow(ctx context.Context, container string) {
	var last time.Time
	for attempt := 0; attempt < attempts; attempt++ {
		seen, err := l.once(ctx, container, last)
		if err == nil || ctx.Err() != nil || apierrors.IsNotFound(err) && seen.IsZero() { // it never ran
			return
		}
		if seen.After(last) {
			last, attempt = seen, 0
		}
		pause(ctx, retry)
		if attempt == attempts-1 {
			l.logs.Say("the log of %s ends early: %v", container, err)
		}
	}
}

// once reads a log after a time, and returns the time of the last line it saw.
func (l *logReader) once(ctx context.Context, container string, after time.Time) (last time.Time, err error) {
	stream, err := l.cluster.logs(ctx, l.pod, container, after)
	if err != nil {
		return after, err
	}
	defer stream.Close()
	last = after
	in, out := bufio.NewReader(stream), l.logs.Container(container)
	for {
		line, err := in.ReadString('\n')
		at, text, _ := strings.Cut(line, " ")
		stamp, bad := time.Parse(time.RFC3339Nano, at)
		if bad != nil {
			stamp, text = last, line
		}
		if line != "" && (bad != nil || stamp.After(after)) {
			_, _ = io.WriteString(out, text)
			last = stamp
		}
		if err == io.EOF {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
}

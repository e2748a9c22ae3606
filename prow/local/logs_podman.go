package local

import (
	"context"
	"strings"
	"time"

	"slipway.dev/slipway/internal/podman"
)

// follow shows what the containers say as they say it, and that the pod is still
// there when they say nothing. The function that it returns shows the rest of what
// the containers said that have ended.
func (r *podmanRun) follow(ctx context.Context) (stop func([]podman.Container)) {
	stopped, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(glance)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				r.find(ctx)
				r.read()
				r.breakSilence()
			}
		}
	}()
	return func(containers []podman.Container) {
		close(stopped)
		<-done
		for _, c := range containers {
			r.open(c.Name, c.Log())
		}
		r.read()
		for _, f := range r.files {
			f.close()
		}
	}
}

// find looks for logs that are not followed yet.
func (r *podmanRun) find(ctx context.Context) {
	if len(r.files) == len(r.names) {
		return
	}
	paths, err := r.podman.ContainerLogs(ctx)
	if err != nil {
		return // what cannot be shown as it comes is shown in the end
	}
	for _, name := range r.names {
		if path, found := paths[name]; found {
			r.open(name, path)
		}
	}
}

func (r *podmanRun) open(name, path string) {
	if r.files[name] == nil {
		r.files[name] = newLogFile(path, r.logs, strings.TrimPrefix(name, r.name("")))
	}
}

func (r *podmanRun) read() {
	for _, name := range r.names {
		if f := r.files[name]; f != nil {
			if err := f.read(); err != nil {
				r.logs.Say("the log of %s cannot be read: %v", name, err)
				f.lost = true
			}
		}
	}
}

func (r *podmanRun) breakSilence() {
	if r.logs.Silence() >= r.engine.config.Quiet {
		r.logs.Say("the pod has run for %s and is still there", time.Since(r.started).Round(time.Second))
	}
}

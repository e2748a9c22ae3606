package openqa

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Patience says how a run is waited for.
type Patience struct {
	Wait     time.Duration // for all jobs
	Unpicked time.Duration // for a job that could start to be picked up by a worker
	Doubt    time.Duration // for a job that ended badly to be restarted by openQA; 3 s
	First    time.Duration // between the first two looks; 300 ms
	Longest  time.Duration // between two looks when nothing changes; 15 s
	Every    time.Duration // between two lines that say what is waited for; 1 min
}

// Result is how a job of the suite ended.
type Result struct {
	Name      string        `json:"name"`
	ID        int64         `json:"id"`
	Link      string        `json:"link"`
	State     string        `json:"state"`
	Result    string        `json:"result"`
	Verdict   Verdict       `json:"verdict"`
	Restarted []int64       `json:"restarted,omitempty"` // earlier IDs
	Modules   []Module      `json:"modules,omitempty"`
	Took      time.Duration `json:"took"` // nanoseconds
	Finished  time.Time     `json:"finished"`
	Files     []string      `json:"files,omitempty"` // relative to the artifacts' folder

	rules   Rules
	details Details
}

// follower waits for the jobs of a run.
type follower struct {
	client   *Client
	patience Patience
	tracks   []*track
	said     time.Time
}

// track is one job of the suite, through its restarts.
type track struct {
	Result
	waits  time.Time         // since when it could have been picked up
	ended  map[string]string // modules that were told of
	doubts time.Time         // since when it has ended badly, and may be restarted
}

// errWait is the cause of a context whose time for the whole run is over.
var errWait = errors.New("not all jobs ended in time")

// Follow waits until every job has ended, or its time is over, and judges each. Restarted
// jobs are followed. The error is openQA's or ctx's; how jobs ended is in the results,
// which are complete without an error.
func (c *Client) Follow(ctx context.Context, p Plan, ids map[string]int64, patience Patience) ([]Result, error) {
	f := &follower{client: c, patience: patience.orUsual(), said: time.Now()}
	for _, job := range p.Suite.Jobs {
		t := &track{ended: map[string]string{}}
		t.Name, t.rules, t.ID, t.Link = job.Name, p.Rules(job), ids[job.Name], c.Link(ids[job.Name])
		f.tracks = append(f.tracks, t)
		c.say(fmt.Sprintf("%s is %s", t.Name, t.Link))
	}
	waiting, cancel := context.WithTimeoutCause(ctx, f.patience.Wait, errWait)
	defer cancel()
	err := f.run(waiting)
	if errors.Is(err, errWait) {
		for _, t := range f.pending() {
			t.Verdict = Verdict{Outcome: Failed, Reason: fmt.Sprintf("did not end within %s: it is %s", f.patience.Wait, t.State)}
		}
		err = nil
	}
	var results []Result
	for _, t := range f.tracks {
		results = append(results, t.Result)
	}
	return results, err
}

func (p Patience) orUsual() Patience {
	for _, d := range []struct {
		of    *time.Duration
		usual time.Duration
	}{{&p.Wait, 2 * time.Hour}, {&p.Unpicked, 15 * time.Minute}, {&p.Doubt, 3 * time.Second}, {&p.First, 300 * time.Millisecond}, {&p.Longest, 15 * time.Second}, {&p.Every, time.Minute}} {
		if *d.of <= 0 {
			*d.of = d.usual
		}
	}
	return p
}

// run looks at the jobs, more rarely while nothing changes, until none is pending.
func (f *follower) run(ctx context.Context) error {
	pause := f.patience.First
	for {
		changed, err := f.look(ctx)
		if err != nil {
			return err
		}
		pending := f.pending()
		if len(pending) == 0 {
			return nil
		}
		f.progress(pending)
		if pause = pause * 3 / 2; changed {
			pause = f.patience.First
		}
		timer := time.NewTimer(min(pause, f.patience.Longest))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

func (f *follower) pending() []*track {
	var pending []*track
	for _, t := range f.tracks {
		if t.Verdict.Outcome == Pending {
			pending = append(pending, t)
		}
	}
	return pending
}

// progress says now and then what is waited for.
func (f *follower) progress(pending []*track) {
	if time.Since(f.said) < f.patience.Every {
		return
	}
	f.said = time.Now()
	var texts []string
	for _, t := range pending {
		texts = append(texts, fmt.Sprintf("%s (%d) is %s", t.Name, t.ID, t.State))
	}
	f.client.say(fmt.Sprintf("waiting for %d of %d jobs: %s", len(pending), len(f.tracks), strings.Join(texts, ", ")))
}

// look asks for all jobs, and goes on to what they were restarted as: one that had ended
// well may be restarted with another one that had not.
func (f *follower) look(ctx context.Context) (changed bool, err error) {
	for {
		var ids []int64
		for _, t := range f.tracks {
			ids = append(ids, t.ID)
		}
		jobs, err := f.client.Jobs(ctx, ids)
		if err != nil {
			return changed, err
		}
		restarted := false
		for _, t := range f.tracks {
			before, id := t.State, t.ID
			if err := f.see(ctx, t, jobs); err != nil {
				return changed, err
			}
			changed = changed || t.State != before
			restarted = restarted || t.ID != id
		}
		if !restarted {
			return changed, nil
		}
	}
}

// see takes in what openQA says of one job.
func (f *follower) see(ctx context.Context, t *track, jobs map[int64]Job) error {
	job, found := jobs[t.ID]
	if t.Verdict.Outcome != Pending && job.CloneID <= t.ID {
		return nil // it was judged, and still is what it was
	}
	if !found {
		t.Verdict = Verdict{Outcome: Failed, Reason: "openQA no longer has it"}
		return nil
	}
	if job.State != t.State {
		f.client.say(fmt.Sprintf("%s (%d) is %s", t.Name, t.ID, job.State))
	}
	t.State, t.Result.Result, t.Modules = job.State, job.Result, job.Modules
	f.tell(t, job)
	if job.CloneID > t.ID {
		f.client.say(fmt.Sprintf("%s was restarted: %d is now %s", t.Name, t.ID, f.client.Link(job.CloneID)))
		t.restart(job.CloneID, f.client.Link(job.CloneID))
		return nil
	}
	return f.judge(ctx, t, job)
}

func (t *track) restart(id int64, link string) {
	t.Restarted = append(t.Restarted, t.ID)
	t.ID, t.Link, t.State, t.Modules = id, link, "", nil
	t.Verdict, t.Finished, t.Took = Verdict{}, time.Time{}, 0
	t.waits, t.ended, t.doubts = time.Time{}, map[string]string{}, time.Time{}
}

// tell says how modules ended that had not when it was last said.
func (f *follower) tell(t *track, job Job) {
	for _, m := range job.Modules {
		if m.Result == "none" || m.Result == "running" || t.ended[m.Name] == m.Result {
			continue
		}
		t.ended[m.Name] = m.Result
		f.client.say(fmt.Sprintf("%s: %s %s", t.Name, m.Name, m.Result))
	}
}

// judge settles how a job ended. openQA restarts some jobs that end badly, and says so
// a moment later than that they ended; so what is no pass is looked at again.
func (f *follower) judge(ctx context.Context, t *track, job Job) error {
	verdict := Judge(job, t.rules)
	if verdict.Outcome == Failed {
		if t.doubts.IsZero() {
			t.doubts = time.Now()
			return nil
		}
		if time.Since(t.doubts) < f.patience.Doubt {
			return nil
		}
	}
	if verdict.Outcome != Pending {
		started, finished := job.Times()
		t.Verdict, t.Finished, t.Took = verdict, finished, max(finished.Sub(started), 0)
		f.client.say(fmt.Sprintf("%s (%d) %s", t.Name, t.ID, verdict))
		return nil
	}
	if job.State != "scheduled" || job.BlockedBy != 0 {
		t.waits = time.Time{}
		return nil
	}
	if t.waits.IsZero() {
		t.waits = time.Now()
	}
	if time.Since(t.waits) < f.patience.Unpicked {
		return nil
	}
	t.Verdict = Verdict{Outcome: Failed, Reason: fmt.Sprintf(
		"no worker picked it up within %s; look whether one of class %q is there and idle", f.patience.Unpicked, job.Settings["WORKER_CLASS"])}
	return f.client.cancel(ctx, t.ID, "no worker picked it up")
}

// String is the verdict in a line.
func (v Verdict) String() string {
	if v.Reason == "" || v.Outcome == Warned {
		return string(v.Outcome)
	}
	return string(v.Outcome) + ": " + v.Reason
}

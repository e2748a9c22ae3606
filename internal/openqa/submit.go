package openqa

import (
	"context"
	"fmt"
	"time"
)

// Submit has the plan's jobs made, or finds them where an earlier run of the same plan had
// them made, and returns their IDs by name.
func (c *Client) Submit(ctx context.Context, p Plan) (map[string]int64, error) {
	ends := time.Now().Add(c.patience)
	for attempt := 0; ; attempt++ {
		ids, err := c.find(ctx, p)
		if err != nil {
			return nil, err
		}
		if ids != nil {
			c.say(fmt.Sprintf("found the jobs of this run: openQA has %d with BUILD %s", len(ids), p.Build))
			return ids, nil
		}
		ids, err = c.submit(ctx, p.Form())
		if err == nil {
			return ids, p.complete(ids)
		}
		// A request whose answer was lost may have been heard: look before asking again.
		if e := asError(err); e == nil || !e.passing() || ctx.Err() != nil || !c.wait(ctx, attempt, ends, e) {
			return nil, err
		}
	}
}

// complete says which job openQA did not make.
func (p Plan) complete(ids map[string]int64) error {
	for _, job := range p.Suite.Jobs {
		if ids[job.Name] == 0 {
			return &Error{Do: "submit jobs", Host: "openQA", Err: ErrRubbish, Said: "it made no job " + job.Name}
		}
	}
	return nil
}

// find returns the newest jobs of the run, or nil if openQA does not have all of them.
// What was cancelled was given up, and is not found: who runs it again wants it run.
func (c *Client) find(ctx context.Context, p Plan) (map[string]int64, error) {
	jobs, err := c.ofRun(ctx, p)
	if err != nil {
		return nil, err
	}
	ids := map[string]int64{}
	for _, job := range jobs { // by ID, so that the newest stays
		if job.Result == "user_cancelled" || job.Result == "obsoleted" {
			delete(ids, job.Test)
			continue
		}
		ids[job.Test] = job.ID
	}
	for _, job := range p.Suite.Jobs {
		if ids[job.Name] == 0 {
			return nil, nil
		}
	}
	return ids, nil
}

// ofRun are all jobs of a run, also those that were restarted.
func (c *Client) ofRun(ctx context.Context, p Plan) ([]Job, error) {
	listed, err := c.list(ctx, "build", p.Build)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, job := range listed {
		if job.Settings["SLIPWAY_RUN"] == p.Build {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// Cancel ends all jobs of the run that have not ended, whoever submitted or restarted
// them, and says how many.
func (c *Client) Cancel(ctx context.Context, p Plan, reason string) (int, error) {
	jobs, err := c.ofRun(ctx, p)
	if err != nil {
		return 0, fmt.Errorf("cancel what is left of the run: %w", err)
	}
	cancelled := 0
	for _, job := range jobs {
		if job.Ended() {
			continue
		}
		if err := c.cancel(ctx, job.ID, reason); err != nil {
			return cancelled, fmt.Errorf("%w; cancel it by hand at %s", err, c.Link(job.ID))
		}
		cancelled++
	}
	return cancelled, nil
}

package openqa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// grace is how long may be spent on cancelling jobs after a run was aborted: Prow kills
// a job 15 seconds after it told it to end.
const grace = 10 * time.Second

// Order is what a run is told to do.
type Order struct {
	Plan      Plan
	File      string // the disk's file on this machine; empty if openQA has it or fetches it
	Folder    string // openQA's folder of disks, for File
	Artifacts string // where results go; empty is nowhere
	Patience  Patience
}

// Run has a suite run on a disk and says how that went. An error is openQA's, this
// machine's or ctx's, and says nothing of the disk. Whatever happens, no job of the run
// is left behind in openQA, unless the process is killed; then the next run finds them.
func (c *Client) Run(ctx context.Context, o Order) (*Report, error) {
	if err := c.CheckKey(ctx); err != nil {
		return nil, err
	}
	if o.Folder != "" {
		if err := c.Place(ctx, o.Plan.Disk, o.File, o.Folder); err != nil {
			return nil, err
		}
	}
	if o.Plan.Disk.URL == "" {
		if err := c.has(ctx, o.Plan.Disk); err != nil {
			return nil, err
		}
	}
	report, err := c.followed(ctx, o)
	if err != nil {
		return nil, err
	}
	c.fetchAll(ctx, report, o.Artifacts)
	if !report.Evidence() {
		return report, nil
	}
	if err := c.VerifyDisk(ctx, o.Plan.Disk); err != nil {
		report.Outcome, report.Unproven = Failed, err.Error()
		return report, err
	}
	return report, nil
}

// has asks whether openQA serves the disk, before anything is run on it.
func (c *Client) has(ctx context.Context, d Disk) error {
	_, err := c.send(ctx, call{do: "look for disk " + d.Asset(), method: http.MethodHead, path: "/assets/hdd/" + d.Asset()})
	if errors.Is(err, ErrAbsent) {
		return fmt.Errorf("%w; name its folder of disks (--asset-dir) or where it can fetch it (--asset)", err)
	}
	return err
}

// followed submits and follows, and cancels what has not ended when it stops.
func (c *Client) followed(ctx context.Context, o Order) (_ *Report, err error) {
	defer func() { err = errors.Join(err, c.tidy(ctx, o.Plan, err)) }()
	ids, err := c.Submit(ctx, o.Plan)
	if err != nil {
		return nil, err
	}
	results, err := c.Follow(ctx, o.Plan, ids, o.Patience)
	if err != nil {
		return nil, err
	}
	report := &Report{Host: c.base.Host, Build: o.Plan.Build, Disk: o.Plan.Disk.Digest, Jobs: results}
	report.conclude()
	return report, nil
}

// tidy cancels what is left of the run, also after ctx has ended. why is what ended the
// run, if it did not end by itself.
func (c *Client) tidy(ctx context.Context, p Plan, why error) error {
	reason := "its run is over"
	if why != nil {
		reason = "its run was given up"
		if cause := context.Cause(ctx); cause != nil {
			reason = cause.Error()
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(context.WithoutCancel(ctx), grace, fmt.Errorf("not done within %s", grace))
		defer cancel()
	}
	cancelled, err := c.Cancel(ctx, p, "slipway: "+reason)
	if cancelled > 0 {
		c.say(fmt.Sprintf("cancelled %d jobs: %s", cancelled, reason))
	}
	return err
}

// fetchAll downloads what the jobs left.
func (c *Client) fetchAll(ctx context.Context, report *Report, folder string) {
	if folder == "" {
		return
	}
	for i := range report.Jobs {
		err := c.Fetch(ctx, &report.Jobs[i], folder)
		if err != nil {
			c.say(fmt.Sprintf("%s: what it left is not all here: %v", report.Jobs[i].Name, err))
		}
		if away(err) || ctx.Err() != nil {
			return // nor is there a way to what the others left
		}
	}
}

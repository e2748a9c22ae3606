package jobcmd

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/prow/local"
)

// logs is where the containers' logs go: not where JSON is expected.
func (r run) logs() io.Writer {
	if r.format == "json" {
		return r.env.Stderr
	}
	return r.env.Stdout
}

// report is what a run came to.
type report struct {
	local.Result
	Job  string `json:"job"`
	Tags []tags `json:"tags"` // that the job made
}

// tags are those that the job made in its copy of a repository.
type tags struct {
	Copy string   `json:"copy"`
	From string   `json:"from"`
	Tags []string `json:"tags"`
}

func (r run) report(ctx context.Context, p planned, result local.Result, copies []local.Copy) error {
	made := report{Result: result, Job: p.ProwJob.Spec.Job, Tags: []tags{}}
	for _, c := range copies {
		names, err := c.NewTags(ctx)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			made.Tags = append(made.Tags, tags{c.Folder, c.From, names})
		}
	}
	return command.Show(r.env.Stdout, r.format, made, made.write)
}

// write is the summary for people.
func (r report) write(table io.Writer) {
	fmt.Fprintf(table, "\njob\t%s\nstate\t%s\n", r.Job, ending(r.Result))
	fmt.Fprintf(table, "duration\t%s\n", r.Finished.Sub(r.Started).Round(10*time.Millisecond))
	for _, c := range r.Containers {
		kind, ended := "container", fmt.Sprintf("exit code %d", c.ExitCode)
		if c.Init {
			kind = "init container"
		}
		if c.ExitCode < 0 {
			ended = "never ended"
		}
		fmt.Fprintf(table, "%s %s\t%s\n", kind, c.Name, ended)
	}
	fmt.Fprintf(table, "files\t%s\n", r.Output)
	for _, t := range r.Tags {
		fmt.Fprintf(table, "tags\t%s\n", strings.Join(t.Tags, " "))
		if !strings.HasPrefix(t.Copy, t.From) { // else they are there, by --in-place
			fmt.Fprintf(table, "to take them\tgit -C %s fetch %s %s\n", checkoutOf(t.From), t.Copy, refspecs(t.Tags))
		}
	}
}

// ending is a result's state and reason, of which either may say the other.
func ending(r local.Result) string {
	if strings.HasPrefix(r.Reason, string(r.State)) {
		return r.Reason
	}
	return fmt.Sprintf("%s: %s", r.State, r.Reason)
}

// checkoutOf is the repository as a person's command names it.
func checkoutOf(from string) string {
	if filepath.IsAbs(from) {
		return from
	}
	return "CHECKOUT"
}

func refspecs(tags []string) string {
	var specs []string
	for _, t := range tags {
		specs = append(specs, "tag "+t)
	}
	return strings.Join(specs, " ")
}

package gerrit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	gogerrit "github.com/andygrunwald/go-gerrit"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/gerrit/adapter"
	"sigs.k8s.io/prow/pkg/gerrit/client"
	"sigs.k8s.io/prow/pkg/pjutil"
)

// start is a job that a change asks for by its votes.
type start struct {
	voted
	name string // of the ProwJob
}

// wanted are the jobs that the votes on a change ask for and that self, the account
// that records starts, did not record on its current patch set.
func wanted(instance string, change gogerrit.ChangeInfo, jobs []voted, self int) []start {
	patchSet, ok := change.Revisions[change.CurrentRevision]
	if !ok || change.Status != client.New || change.WorkInProgress || change.IsPrivate {
		return nil
	}
	var starts []start
	for _, job := range jobs {
		name := jobName(instance, change, patchSet.Number, job.Name)
		if job.CouldRun(change.Branch) && job.vote.on(change) && !recorded(change, self, name) {
			starts = append(starts, start{job, name})
		}
	}
	return starts
}

// affected leaves out the starts of jobs that are not for the files of the change.
func affected(change gogerrit.ChangeInfo, starts []start) ([]start, error) {
	var those []start
	for _, s := range starts {
		run, err := s.ShouldRun(change.Branch, client.ChangedFilesProvider(&change), false, s.NeedsExplicitTrigger())
		if err != nil {
			return nil, fmt.Errorf("see whether %s is for change %d: %w", s.Name, change.Number, err)
		}
		if run {
			those = append(those, s)
		}
	}
	return those, nil
}

// jobName is the ProwJob's name, the same whoever works it out and when: that makes
// its creation the lock. It is the pod's name too, and a label's value.
func jobName(instance string, change gogerrit.ChangeInfo, patchSet int, job string) string {
	identity := strings.Join([]string{instance, change.Project, fmt.Sprint(change.Number), fmt.Sprint(patchSet), job}, "\x00")
	sum := sha256.Sum256([]byte(identity))
	return fmt.Sprintf("gerrit-%d-%d-%s", change.Number, patchSet, hex.EncodeToString(sum[:10]))
}

// recorded says whether a start was written on the change. ProwJobs are swept after
// days, changes stay open for months. Anybody can write such a message, so the author counts.
func recorded(change gogerrit.ChangeInfo, self int, name string) bool {
	return slices.ContainsFunc(change.Messages, func(m gogerrit.ChangeMessageInfo) bool {
		return m.Author.AccountID == self && strings.Contains(m.Message, name)
	})
}

// record is the message that remembers starts.
func record(change gogerrit.ChangeInfo, starts []start) string {
	lines := []string{fmt.Sprintf("Votes on patch set %d started:", change.Revisions[change.CurrentRevision].Number)}
	for _, s := range starts {
		lines = append(lines, fmt.Sprintf("* %s, by %s, as %s", s.Name, s.vote, s.name))
	}
	return strings.Join(lines, "\n")
}

// prowJob is what Prow's own adapter would create, but for the name: clonerefs finds
// the patch set by its refs, and crier the change by its labels and annotations.
func prowJob(cfg *config.Config, instance, baseSHA string, change gogerrit.ChangeInfo, s start) (*prowapi.ProwJob, error) {
	refs, err := adapter.CreateRefs(instance, change.Project, change.Branch, baseSHA, change)
	if err != nil {
		return nil, fmt.Errorf("make the refs of %s: %w", s.Name, err)
	}
	labels, annotations := adapter.LabelsAndAnnotations(instance, s.Labels, s.Annotations, change)
	job := pjutil.NewProwJob(pjutil.PresubmitSpec(s.Presubmit, refs), labels, annotations, pjutil.RequireScheduling(cfg.Scheduler.Enabled))
	job.Name = s.name
	return &job, nil
}

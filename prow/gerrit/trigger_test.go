package gerrit

import (
	"context"
	"slices"
	"strings"
	"testing"

	gogerrit "github.com/andygrunwald/go-gerrit"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	ctrlruntimeclient "sigs.k8s.io/controller-runtime/pkg/client"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/pjutil"
)

func TestParseVote(t *testing.T) {
	for text, want := range map[string]Vote{
		"Trybot-Ready+1": {"Trybot-Ready", 1}, "Code-Review+2": {"Code-Review", 2}, "V+10": {"V", 10},
		"": {}, "Code-Review": {}, "Code-Review-1": {}, "Code-Review+0": {}, "Code-Review+02": {}, "+1": {},
		"Code Review+1": {}, "Code-Review+1 ": {}, "a OR b+1": {}, "Code-Review+1\n": {}, "Code-Review+100": {},
	} {
		got, err := ParseVote(text)
		if got != want || (err == nil) != (want != Vote{}) {
			t.Errorf("ParseVote(%q) = %v, %v, want %v", text, got, err, want)
		}
		if err == nil && got.String() != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// Which changes start which jobs.
func TestPoll(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fakeChange)
		want   []string
	}{
		{"no vote", func(*fakeChange) {}, nil},
		{"trybot-ready", func(c *fakeChange) { c.vote("Trybot-Ready", 1, 1) }, []string{"5/1/presubmit"}},
		{"approved", func(c *fakeChange) { c.vote("Code-Review", 1, 2) }, []string{"5/1/presubmit-cr"}},
		{"both", func(c *fakeChange) { c.vote("Code-Review", 1, 2).vote("Trybot-Ready", 2, 1) }, []string{"5/1/presubmit", "5/1/presubmit-cr"}},
		{"liked but not approved", func(c *fakeChange) { c.vote("Code-Review", 1, 1).vote("Code-Review", 2, 1) }, nil},
		{"refused", func(c *fakeChange) { c.vote("Code-Review", 1, -2) }, nil},
		{"by two", func(c *fakeChange) { c.vote("Trybot-Ready", 1, 1).vote("Trybot-Ready", 2, 1) }, []string{"5/1/presubmit"}},
		{"another label", func(c *fakeChange) { c.vote("Verified", 1, 2) }, nil},
		{"taken back", func(c *fakeChange) { c.vote("Trybot-Ready", 1, 1).vote("Trybot-Ready", 1, 0) }, nil},
		{"on the patch set before", func(c *fakeChange) { c.vote("Trybot-Ready", 1, 1).upload() }, nil},
		{"copied by Gerrit to the next", func(c *fakeChange) { c.vote("Code-Review", 1, 2).upload("Code-Review") }, []string{"5/2/presubmit-cr"}},
		{"submitted", func(c *fakeChange) { c.vote("Code-Review", 1, 2).status = "MERGED" }, nil},
		{"abandoned", func(c *fakeChange) { c.vote("Code-Review", 1, 2).status = "ABANDONED" }, nil},
		{"work in progress", func(c *fakeChange) { c.vote("Code-Review", 1, 2).wip = true }, nil},
		{"private", func(c *fakeChange) { c.vote("Code-Review", 1, 2).private = true }, nil},
		{"another branch", func(c *fakeChange) {
			c.vote("Trybot-Ready", 1, 1).vote("Code-Review", 1, 2).branch = "release-R73-11647.B"
		}, []string{"5/1/presubmit-cr"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.change(w.add(5))
			for range 3 {
				w.poll(t)
			}
			if diff := cmp.Diff(tt.want, w.started()); diff != "" {
				t.Errorf("started (-want +got):\n%s", diff)
			}
			if got, want := len(w.created), len(tt.want); got != want {
				t.Errorf("created %d ProwJobs, want %d", got, want)
			}
		})
	}
}

// Gerrit's index may answer with changes that are no longer as it says: each condition
// is looked at again.
func TestWantedTrustsNoQuery(t *testing.T) {
	f := &fake{}
	list, err := jobsOf(load(t, jobs), instance, project)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for name, change := range map[string]func(*fakeChange){
		"": func(*fakeChange) {}, "wip": func(c *fakeChange) { c.wip = true }, "private": func(c *fakeChange) { c.private = true },
		"merged": func(c *fakeChange) { c.status = "MERGED" }, "no vote": func(c *fakeChange) { c.vote("Code-Review", 1, 1) },
	} {
		c := f.add(5).vote("Code-Review", 1, 2)
		change(c)
		info, err := f.info(c, []string{"CURRENT_REVISION", "DETAILED_LABELS"})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(wanted(instance, info, list, botID)), map[bool]int{true: 1}[name == ""]; got != want {
			t.Errorf("%s: %d jobs wanted, want %d", name, got, want)
		}
	}
}

// A job for some files runs for changes of these alone.
func TestRunIfChanged(t *testing.T) {
	filtered := strings.Replace(jobs, "  - name: presubmit-cr", "    run_if_changed: ^debian/\n  - name: presubmit-cr", 1)
	w := newWorld(t)
	cfg := load(t, filtered)
	w.add(1).vote("Trybot-Ready", 1, 1)
	w.add(2).vote("Trybot-Ready", 1, 1).file = "README.md"
	trigger := newTrigger(cfg, w.fake, w.cluster, w.log)
	if err := trigger.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := w.started(), []string{"1/1/presubmit"}; !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}

// A start is remembered by the change when the ProwJob is long gone, and only the
// trigger's own account can make it so.
func TestSweptJobStaysStarted(t *testing.T) {
	w := newWorld(t)
	change := w.add(5).vote("Trybot-Ready", 1, 1)
	w.poll(t)
	name := w.created[0]
	if len(w.reviews) != 1 || !strings.Contains(w.reviews[0].Message, name) || w.reviews[0].Labels != nil || w.reviews[0].Notify != "NONE" {
		t.Fatalf("recorded %+v", w.reviews)
	}
	w.sweep(t, name)
	newer := newTrigger(w.Config(), w.fake, w.cluster, w.log)
	if err := newer.Poll(t.Context()); err != nil || len(w.created) != 1 {
		t.Fatalf("created %v, %v", w.created, err)
	}
	change.messages[0].Author = gogerrit.AccountInfo{AccountID: 1}
	w.poll(t)
	if len(w.created) != 2 {
		t.Error("what somebody else wrote on the change kept a job from starting")
	}
}

// Plank ends the older patch set's job when the newer one's starts.
func TestNewerPatchSetEndsOlder(t *testing.T) {
	w := newWorld(t)
	change := w.add(5).vote("Trybot-Ready", 1, 1)
	w.poll(t)
	change.upload()
	change.vote("Trybot-Ready", 1, 1)
	w.poll(t)
	var list []prowapi.ProwJob
	for _, job := range w.prowJobs() {
		if strings.HasPrefix(job.Name, "gerrit-5-2-") {
			job.Status.StartTime.Time = job.Status.StartTime.Add(1e9) // the clock of an API has seconds
		}
		list = append(list, job)
	}
	patches := patchClient{}
	if err := pjutil.TerminateOlderJobs(patches, logrus.NewEntry(logrus.New()), list); err != nil {
		t.Fatal(err)
	}
	if len(patches) != 1 || patches[w.created[0]] != prowapi.AbortedState {
		t.Errorf("plank changes %v, want %s aborted", patches, w.created[0])
	}
}

// patchClient remembers the states that plank would write.
type patchClient map[string]prowapi.ProwJobState

func (p patchClient) Patch(_ context.Context, object ctrlruntimeclient.Object, _ ctrlruntimeclient.Patch, _ ...ctrlruntimeclient.PatchOption) error {
	p[object.GetName()] = object.(*prowapi.ProwJob).Status.State
	return nil
}

package promote_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/testkit/chatops"
)

// double is a configuration whose testing takes two approvals, and in which one person
// has two logins.
func double(o *chatops.Options) {
	o.People = []string{"maintainer-uno"}
	o.Files = map[string]string{
		"OWNERS_ALIASES":       strings.Replace(aliasesOfAll, "testers: [", "testers: [maintainer-uno, maintainer-three, ", 1),
		"config/channels.yaml": strings.NewReplacer("maintainer-one@example.com", "maintainer-uno", "count: 1", "count: 2").Replace(chatops.Channels),
	}
}

// madeByHand is a ProwJob of the promoter that somebody with access to the cluster made.
// PLAN and DISK are what was asked for.
func madeByHand(args ...string) func(*fray) {
	return func(f *fray) {
		var given []string
		for _, arg := range args {
			given = append(given, strings.NewReplacer("PLAN", f.plan, "DISK", f.disk, "ZERO", "sha256:"+strings.Repeat("0", 64)).Replace(arg))
		}
		f.must(f.MakeJob(f.Context(), "by-hand-"+f.disk[7:19], nil, given...))
	}
}

// after plays one thing and then another.
func after(all ...func(*fray)) func(*fray) {
	return func(f *fray) {
		for _, each := range all {
			each(f)
		}
	}
}

// decided is a decision that somebody put into the store.
func decided(key, by string) func(*fray) {
	return func(f *fray) {
		_, err := f.Sign(f.Context(), key, decision.Decision{Kind: decision.Approve, Plan: f.plan, By: by, Comment: "https://github.example.com/1", At: time.Now().UTC()})
		f.must(err)
	}
}

var (
	handEdge = "hello-disk/testing@DISK"
	byOne    = approvedBy("maintainer-one")
)

var byStore = []attack{
	{name: "two approvals of one person", play: after(byOne, approvedBy("maintainer-uno"))},
	{name: "the same approval twice", play: after(byOne, byOne)},
	{name: "the same approval twice in a comment", play: func(f *fray) {
		f.says("maintainer-one", "/approve-promotion %s\n/approve-promotion %s", f.plan, f.plan)
	}},
	{name: "an approval in other case", play: after(byOne, approvedBy("Maintainer-One"))},
	{name: "a job without approvals", made: 1, play: madeByHand(handEdge, "--plan", "PLAN")},
	{name: "a job with too few approvals", made: 1, play: after(byOne, madeByHand(handEdge, "--plan", "PLAN"))},
	{name: "a job without its plan", made: 1, play: after(byOne, madeByHand(handEdge))},
	{name: "a job with another plan's hash", made: 1, play: after(byOne, madeByHand(handEdge, "--plan", "ZERO"))},
	{name: "a job of nobody's request", asker: "maintainer-two", made: 1, play: after(byOne, decided("chatops", "maintainer-two"), madeByHand(handEdge, "--plan", "PLAN")), mend: approvedBy("maintainer-three")},
	{name: "a job of another's request", asker: "maintainer-two", made: 1, play: after(byOne, decided("chatops", "maintainer-two"), madeByHand(handEdge, "--plan", "PLAN", "--requester", "contributor")), mend: approvedBy("maintainer-three")},
	{name: "a job of another digest", made: 1, play: after(byOne, madeByHand("hello-disk/testing@ZERO", "--plan", "PLAN"))},
	{name: "a job of the whole", made: 1, play: after(byOne, madeByHand("*/*"))},
	{name: "a job of the request's name", made: 1, play: named(nil), mend: asksElsewhere},
	{name: "a job of the request's name with its labels", made: 1, play: named(func(f *fray, job *prowapi.ProwJob) {
		job.Labels["slipway.dev/request"] = strings.TrimPrefix(job.Name, "slipway-promote-")
		job.Annotations["slipway.dev/plan"] = f.plan
		job.SetComplete()
		job.Status.State = prowapi.SuccessState
	}), mend: asksElsewhere},
	{name: "an approval by a key that nobody knows", play: after(byOne, decided("stray", "maintainer-two"))},
	{name: "an approval by the tests' key", play: after(byOne, decided("ci", "maintainer-two"))},
	{name: "a job with an approval by another key", made: 1, play: after(byOne, decided("ci", "maintainer-two"), madeByHand(handEdge, "--plan", "PLAN"))},
	{name: "an approval of the future", play: after(byOne, func(f *fray) {
		_, err := f.Sign(f.Context(), "chatops", decision.Decision{Kind: decision.Approve, Plan: f.plan, By: "maintainer-two", Comment: "https://github.example.com/1", At: time.Now().UTC().Add(time.Hour)})
		f.must(err)
	})},
	{name: "an approval copied from another plan", made: 1, play: after(copied, madeByHand(handEdge, "--plan", "PLAN")), mend: movedOut},
	{name: "a record of a comment that never was", play: func(f *fray) {
		f.record("90001.comment", map[string]any{"place": f.place(), "comment": 90001, "sum": "", "at": time.Now().UTC(), "seen": time.Now().UTC()})
		f.Restart()
	}},
	{name: "a record of a request that never was", asker: nobody, asks: true, play: func(f *fray) {
		f.record("90002-0.request", f.forgedRequest("90002-0", "contributor"))
		f.Restart()
		f.soon("waiting")
	}, mend: says("contributor", "/promote cancel")},
	{name: "a record of a request of nothing", asker: nobody, asks: false, play: func(f *fray) {
		forged := f.forgedRequest("90003-0", "contributor")
		forged["order"] = map[string]any{"requests": []any{}}
		f.record("90003-0.request", forged)
		f.Restart()
	}},
	{name: "a record of a request made before its comment", asker: nobody, says: "there is a record", play: func(f *fray) {
		id := f.write("maintainer-one", "Soon.") + 1
		f.record(fmt.Sprintf("%d-0.request", id), f.forgedRequest(fmt.Sprintf("%d-0", id), "contributor"))
		if got := f.says("maintainer-one", "/promote hello-disk to testing"); got != id {
			f.Fatalf("the comment is %d, not %d", got, id)
		}
	}},
}

func TestAttacksByStore(t *testing.T) {
	t.Parallel()
	withstand(t, byStore, double)
}

func (f *fray) place() map[string]any {
	return map[string]any{"org": f.repo.Org, "repo": f.repo.Name, "number": f.issue}
}

// record puts one of the plugin's records of today into the store.
func (f *fray) record(name string, record any) {
	f.Helper()
	f.must(f.Record(f.Context(), "chatops/"+time.Now().UTC().Format("20060102")+"/"+name+".json", record))
}

func (f *fray) forgedRequest(id, requester string) map[string]any {
	return map[string]any{
		"id": id, "place": f.place(), "comment": f.GitHub.URL() + "/1", "requester": requester, "at": time.Now().UTC(),
		"order": map[string]any{"requests": []any{map[string]any{"channel": "hello-disk/testing", "digest": f.disk}}},
	}
}

// named makes a job of the name that the plugin will want, before it does.
func named(change func(*fray, *prowapi.ProwJob)) func(*fray) {
	return func(f *fray) {
		comments := f.comments()
		name := fmt.Sprintf("slipway-promote-%d-0", comments[0].ID)
		f.must(f.MakeJob(f.Context(), name, func(job *prowapi.ProwJob) {
			if change != nil {
				change(f, job)
			}
		}, strings.Replace(handEdge, "DISK", f.disk, 1)))
		f.soon("failed")
	}
}

// asksElsewhere is that people ask once more, of which another job comes.
func asksElsewhere(f *fray) { f.says("contributor", "/promote hello-disk to testing") }

// copied puts an approval into the folder of the plan that it is not of.
func copied(f *fray) {
	key, err := f.Sign(f.Context(), "chatops", decision.Decision{Kind: decision.Approve, Plan: "sha256:" + strings.Repeat("0", 64), By: "maintainer-two", Comment: "https://github.example.com/1", At: time.Now().UTC()})
	f.must(err)
	f.copied = strings.Replace(key, strings.Repeat("0", 64), f.plan[7:], 1)
	f.must(f.Copy(f.Context(), key, f.copied))
	f.soon("of the store is damaged")
}

// movedOut removes what is damaged.
func movedOut(f *fray) { f.must(os.Remove(filepath.Join(f.Dir, "store", f.copied))) }

package promote_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/client/clientset/versioned/fake"

	"slipway.dev/slipway/internal/testkit/chatops"
	"slipway.dev/slipway/internal/testkit/github"
)

// A comment that is tried again does not take back what it asks for itself.
func TestCancelAndAskInOneComment(t *testing.T) {
	c := newTalk(t)
	c.disk("a disk")
	c.say("contributor", "/promote hello-disk to testing")
	c.plan("waiting")
	isNew := func(r github.Request) bool { return r.Method == "POST" && r.User == chatops.Robot }
	c.GitHub.Faults(1, github.FaultConfig{Match: isNew, Script: []github.Fault{
		github.ServerError, github.ServerError, github.ServerError, github.ServerError, github.ServerError, github.ServerError,
	}})
	c.say("contributor", "/promote cancel\n/promote hello-disk to testing\n/promote it")
	c.reads("cancelled by contributor")
	c.reads("waiting")
	c.wantComments(3)
}

// What is asked for while its artifact goes away ends, and the thread with it goes on.
func TestArtifactGoesAway(t *testing.T) {
	c := newTalk(t, func(o *chatops.Options) { o.Poll = 5 * time.Second }) // only comments wake the plugin
	c.disk("a disk")
	c.say("contributor", "/promote hello-disk to testing")
	c.plan("waiting")
	if err := c.Configure(map[string]string{"config/channels.yaml": strings.ReplaceAll(chatops.Channels, "name: hello-disk, ", "name: other-disk, ")}); err != nil {
		t.Fatal(err)
	}
	c.say("contributor", "/promote cancel")
	c.reads("`/promote cancel`: `")
	c.reads("failed")
	c.wantComments(2)
}

// A job that ends while its request is looked at did what the ledger says then.
func TestJobEndsMeanwhile(t *testing.T) {
	jobs := fake.NewSimpleClientset()
	c := newTalk(t, func(o *chatops.Options) { o.Jobs, o.Idle = jobs, true })
	disk := c.disk("a disk")
	ended := false
	jobs.PrependReactor("get", "prowjobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
		found, err := jobs.Tracker().Get(action.GetResource(), action.GetNamespace(), action.(clienttesting.GetAction).GetName())
		if err != nil || ended {
			return false, nil, nil
		}
		ended = true
		job := found.(*prowapi.ProwJob).DeepCopy()
		if out, err := c.RunPromoter(c.Context(), job); err != nil {
			t.Errorf("the promoter: %v\n%s", err, out)
		}
		now := metav1.Now()
		job.Status.State, job.Status.CompletionTime = prowapi.SuccessState, &now
		return true, job, jobs.Tracker().Update(action.GetResource(), job, action.GetNamespace())
	})
	c.say("contributor", "/promote hello-disk to testing")
	c.say("maintainer-one", "/approve-promotion %s", c.plan("waiting"))
	c.reads("`**: done")
	c.wantHolds("testing", disk)
}

// Package e2e plays the conversation of a promotion with Prow's own hook and a real
// Kubernetes API server: GitHub → hook → slipway-plugin → ProwJob → promoter → comment.
//
// Prow runs by this repository's config/ and jobs/, as they are: what plugins.yaml
// names as the plugin's host is a name of loopback here.
package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/client/clientset/versioned"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/chatops"
	"slipway.dev/slipway/internal/testkit/cluster"
	"slipway.dev/slipway/internal/testkit/netns"
	"slipway.dev/slipway/internal/testkit/tools"
)

const hookPort, pluginPort = 8888, 80 // the port of plugins.yaml's endpoint

// rig is what runs beside the world.
type rig struct {
	*testing.T
	*chatops.World
	kubeconfig, token, hmac, program string
	issue                            int
}

// TestConversation promotes, kills the plugin on the way, and rolls back.
func TestConversation(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "prow" {
		t.Skip("building the API server and hook takes minutes; run: make e2e-prow")
	}
	hook, program := tools.Prow(t, "hook"), build(t) // before the namespace cuts us off
	cluster.InstallControl(t)
	if !netns.Alone(t, "slipway-plugin", "needs-rebase") {
		return
	}
	r := newRig(t, program)
	r.start(hook, "--port", fmt.Sprint(hookPort), "--health-port=8082", "--metrics-port=9092", "--pprof-port=6062", "--plugin-config=../../config/plugins.yaml")
	r.listening(hookPort)
	end := r.startPlugin()
	r.GitHub.Webhook(fmt.Sprintf("http://127.0.0.1:%d/hook", hookPort), r.Secret())

	first := r.promoted("The first disk", "the first disk", nil)
	second := r.promoted("The second disk", "the second disk", func() {
		end() // as if its node had died, between request and approval
		end = r.startPlugin()
	})
	r.wantHolds("testing", second)

	r.open("Back again")
	r.say("contributor", "/rollback hello-disk/testing it eats disks")
	r.say("maintainer-one", "/approve-promotion %s", r.plan())
	r.reads("done")
	r.wantHolds("testing", first)

	r.open("By a stranger")
	r.say("stranger", "/promote hello-disk to testing")
	r.reads("only members of example")
	r.say("contributor", "/promote hello-disk to stable")
	r.say("maintainer-one", "/approve-promotion %s", r.plan()) // of testing's path, not of stable's
	r.reads("only approvers of `config/approvers/stable`")
	r.wantHolds("stable", "")
	r.wantJobs(3)
}

// promoted asks for a new disk to go to testing, and approves.
func (r *rig) promoted(title, text string, between func()) (digest string) {
	r.Helper()
	digest, err := r.NewDisk(r.Context(), text)
	if err == nil {
		err = r.Passed(r.Context(), "boot", digest)
	}
	if err != nil {
		r.Fatal(err)
	}
	r.open(title)
	r.say("contributor", "Please.\r\n\r\n/promote hello-disk to testing\r\n")
	plan := r.plan()
	if between != nil {
		between()
	}
	r.say("maintainer-one", "/approve-promotion %s", plan)
	r.reads("done")
	r.wantHolds("testing", digest)
	return digest
}

func newRig(t *testing.T, program string) *rig {
	t.Helper()
	control := cluster.StartControl(t)
	jobs := prowJobs(t, control)
	dir := t.TempDir()
	w := chatops.New(t, func(o *chatops.Options) { o.Dir, o.Absent, o.Jobs, o.Poll = dir, true, jobs, 200*time.Millisecond })
	r := &rig{T: t, World: w, kubeconfig: control.Kubeconfig, program: program, token: filepath.Join(dir, "token"), hmac: filepath.Join(dir, "hmac")}
	for file, text := range map[string]string{r.token: chatops.Robot + "-token", r.hmac: string(w.Secret())} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// prowJobs teaches the API server what a ProwJob is, by Prow's own definition.
func prowJobs(t *testing.T, control *cluster.Cluster) versioned.Interface {
	t.Helper()
	prow, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/prow"}})
	if err != nil {
		t.Fatal(err)
	}
	definition, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(prow)), "config/prow/cluster/prowjob-crd/prowjob_customresourcedefinition.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	established := regexp.MustCompile(`"type":\s*"Established",\s*"status":\s*"True"|"status":\s*"True",[^{}]*"type":\s*"Established"`)
	if err := control.Create(t.Context(), definitions, definition, definitions+"/prowjobs.prow.k8s.io", established.Match); err != nil {
		t.Fatal(err)
	}
	namespace := []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + chatops.Namespace + "}\n")
	if err := control.Create(t.Context(), "/api/v1/namespaces", namespace, "/api/v1/namespaces/"+chatops.Namespace, func([]byte) bool { return true }); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := versioned.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// build builds slipway-plugin.
func build(t *testing.T) string {
	t.Helper()
	if file := os.Getenv("SLIPWAY_TEST_PLUGIN"); file != "" {
		return file
	}
	file := filepath.Join(t.TempDir(), "slipway-plugin")
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"go", "build", "-o", file, "../../cmd/slipway-plugin"}}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLIPWAY_TEST_PLUGIN", file) // for the run inside
	return file
}

// start runs a program with the flags that Prow's components have in common. What it
// logs is shown if the test fails.
func (r *rig) start(program string, args ...string) (end func()) {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := &lines{}
	all := append([]string{
		filepath.Base(program), "--dry-run=false", "--config-path=../../config/config.yaml", "--job-config-path=../../jobs",
		"--kubeconfig=" + r.kubeconfig, "--github-endpoint=" + r.GitHub.URL(), "--github-graphql-endpoint=" + r.GitHub.URL() + "/graphql",
		"--github-token-path=" + r.token, "--hmac-secret-file=" + r.hmac,
	}, args...)
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		_ = exec.Run(ctx, exec.Cmd{
			Path: program, Args: all, Stdout: log, Stderr: log, Grace: time.Millisecond,
			Env: append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+filepath.Join(r.Dir, "git")+"/.insteadOf", "GIT_CONFIG_VALUE_0=https://"+chatops.Robot+":"+chatops.Robot+"-token@github.com/"),
		})
	}()
	var once sync.Once
	end = func() { once.Do(func() { cancel(); done.Wait() }) }
	r.Cleanup(func() {
		end()
		if r.Failed() {
			r.Logf("%s said:\n%s", filepath.Base(program), log)
		}
	})
	return end
}

func (r *rig) startPlugin() (end func()) {
	r.Helper()
	end = r.start(r.program, "--address=127.0.0.1", fmt.Sprintf("--port=%d", pluginPort), "--config-repo=slipway/slipway", "--git-dir="+filepath.Join(r.Dir, "git"),
		"--store="+filepath.Join(r.Dir, "store"), "--key-file="+r.KeyFile("chatops"))
	r.listening(pluginPort)
	return end
}

func (r *rig) listening(port int) {
	r.Helper()
	if err := r.Wait(r.Context(), fmt.Sprintf("port %d", port), func() (bool, error) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) open(title string) {
	r.Helper()
	var err error
	if r.issue, err = r.Issue(title); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) say(login, format string, args ...any) {
	r.Helper()
	if _, err := r.Guest.CommentAs(login, r.issue, fmt.Sprintf(format, args...)); err != nil {
		r.Fatal(err)
	}
}

// reads waits until the robot has said a text.
func (r *rig) reads(text string) (body string) {
	r.Helper()
	err := r.Wait(r.Context(), fmt.Sprintf("the robot to say %q", text), func() (yes bool, err error) {
		body, err = r.Said(r.issue, text)
		return body != "", err
	})
	if err != nil {
		all, _ := r.Comments(r.issue)
		for _, c := range all {
			r.Logf("%s: %s", c.User.Login, c.Body)
		}
		r.Fatal(err)
	}
	return body
}

var planLine = regexp.MustCompile("Plan `(sha256:[0-9a-f]{64})`")

func (r *rig) plan() string {
	r.Helper()
	return planLine.FindStringSubmatch(r.reads("Plan `sha256:"))[1]
}

func (r *rig) wantHolds(channel, want string) {
	r.Helper()
	if got, err := r.Holds(r.Context(), channel); err != nil || got != want {
		r.Errorf("%s holds %q, %v, want %q", channel, got, err, want)
	}
}

// wantJobs counts the promoter's ProwJobs in the API server, all of which went well.
func (r *rig) wantJobs(want int) {
	r.Helper()
	jobs, err := r.ProwJobs(r.Context())
	if err != nil || len(jobs) != want {
		r.Errorf("%d ProwJobs, %v, want %d", len(jobs), err, want)
	}
	for _, job := range jobs {
		if job.Status.State != prowapi.SuccessState {
			r.Errorf("%s of %s: %s", job.Name, job.Spec.Job, job.Status.State)
		}
	}
}

// lines is a log that several may write to.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

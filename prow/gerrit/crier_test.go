package gerrit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	gogerrit "github.com/andygrunwald/go-gerrit"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	ctrlruntimefake "sigs.k8s.io/controller-runtime/pkg/client/fake"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	reporter "sigs.k8s.io/prow/pkg/crier/reporters/gerrit"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/tools"
)

// Prow's fakegerritserver, our trigger and crier's reporter as they are: a vote starts
// the job, and its result is a vote of Verified on the patch set.
func TestVoteToVerified(t *testing.T) {
	server := newProwsFake(t)
	change := &fakeChange{number: 5, branch: "master", status: "NEW", patchSet: 1, votes: map[string]map[int]int{}}
	cfg := load(t, jobs)
	server.add(t, cfg, change)

	cluster := newCluster(t)
	trigger := newTrigger(cfg, &fake{client: server.client}, cluster, &strings.Builder{})
	poll := func(want ...string) {
		t.Helper()
		if err := trigger.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, cluster.started()); diff != "" {
			t.Fatalf("started (-want +got):\n%s", diff)
		}
	}
	poll()
	change.vote("Trybot-Ready", 1, 1)
	server.add(t, cfg, change)
	poll("5/1/presubmit")
	poll("5/1/presubmit")
	change.upload()
	server.add(t, cfg, change)
	poll("5/1/presubmit")
	change.vote("Code-Review", 1, 2)
	server.add(t, cfg, change)
	poll("5/1/presubmit", "5/2/presubmit-cr")

	created := cluster.prowJobs()
	for state, want := range map[prowapi.ProwJobState]string{prowapi.SuccessState: "+1", prowapi.FailureState: "-1"} {
		got := server.report(t, cfg, &created[1], state)
		if got.revision != change.revision() || got.input.Labels["Verified"] != want || len(got.input.Labels) != 1 {
			t.Errorf("%s: crier votes %v on %s, want Verified%s on %s", state, got.input.Labels, got.revision, want, change.revision())
		}
	}
}

// prowsFake is Prow's fakegerritserver behind a proxy, which is gerrit.example.com.
type prowsFake struct {
	client *http.Client

	mu      sync.Mutex
	reviews []review
}

type review struct {
	revision string
	input    gogerrit.ReviewInput
}

// newProwsFake starts the program in a network of its own, since it listens on all addresses.
func newProwsFake(t *testing.T) *prowsFake {
	t.Helper()
	need.Root(t)
	need.Tool(t, "unshare", "util-linux")
	need.Tool(t, "ip", "iproute2")
	program := tools.Prow(t, "fakegerritserver")
	output, input := io.Pipe()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- exec.Run(ctx, exec.Cmd{Args: []string{"unshare", "--net", "sh", "-c", `echo $$; ip link set lo up; exec "$0" --port 8888`, program}, Stdout: input, Stderr: io.Discard})
		input.Close()
	}()
	t.Cleanup(func() { cancel(); <-ended })
	lines := bufio.NewReader(output)
	pid, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	f := &prowsFake{}
	proxy := httptest.NewTLSServer(f.proxy("/proc/" + strings.TrimSpace(pid) + "/ns/net"))
	t.Cleanup(proxy.Close)
	f.client = proxy.Client()
	f.await(t)
	return f
}

func (f *prowsFake) await(t *testing.T) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		response, err := f.client.Get(instance + "/")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("fakegerritserver does not answer: %v", err)
		}
	}
}

// proxy keeps reviews, whose labels Prow's fake forgets, and says that they are done:
// Prow's fake takes the message and answers 403.
func (f *prowsFake) proxy(namespace string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:8888"})
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialIn(ctx, namespace, network, address)
	}}
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodPost && strings.HasSuffix(r.Request.URL.Path, "/review") && r.StatusCode == http.StatusForbidden {
			r.StatusCode, r.Body, r.ContentLength = http.StatusOK, io.NopCloser(strings.NewReader(")]}'\n{}")), -1
			r.Header.Del("Content-Length")
		}
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if parts := strings.Split(r.URL.Path, "/"); r.Method == http.MethodPost && parts[len(parts)-1] == "review" {
			body, err := io.ReadAll(r.Body)
			var input gogerrit.ReviewInput
			if err != nil || json.Unmarshal(body, &input) != nil {
				http.Error(w, "no review", http.StatusBadRequest)
				return
			}
			f.mu.Lock()
			f.reviews = append(f.reviews, review{parts[len(parts)-2], input})
			f.mu.Unlock()
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	})
}

// dialIn connects from within a network namespace: a socket stays where it was made.
func dialIn(ctx context.Context, namespace, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		file, err := os.Open(namespace)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err != nil {
			done <- result{nil, fmt.Errorf("enter %s: %w", namespace, err)}
			return
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// add puts the change as it is now into Prow's fake. It takes all of a query after
// project: for the project's name, so that is where its answer to the trigger's is put.
func (f *prowsFake) add(t *testing.T, cfg *config.Config, change *fakeChange) {
	t.Helper()
	list, err := jobsOf(cfg, instance, project)
	if err != nil {
		t.Fatal(err)
	}
	info, err := (&fake{}).info(change, []string{"CURRENT_REVISION", "CURRENT_COMMIT", "CURRENT_FILES", "DETAILED_LABELS"})
	if err != nil {
		t.Fatal(err)
	}
	info.ID = info.ChangeID // by which Prow's fake finds changes
	asked := url.PathEscape(strings.TrimPrefix(query(project, list), "project:"))
	f.admin(t, "add/branch/"+project+"/master", asJSON(t, gogerrit.BranchInfo{Revision: strings.Repeat("b", 40)}))
	f.admin(t, "add/account", asJSON(t, gogerrit.AccountInfo{AccountID: botID}))
	f.admin(t, fmt.Sprintf("login/%d", botID), "")
	f.admin(t, "add/change/"+asked, asJSON(t, info))
}

func (f *prowsFake) admin(t *testing.T, path, body string) {
	t.Helper()
	response, err := f.client.Post(instance+"/admin/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: %s: %s", path, response.Status, said)
	}
}

// report lets crier's reporter report a job that ended, and returns the review that it wrote.
func (f *prowsFake) report(t *testing.T, cfg *config.Config, created *prowapi.ProwJob, state prowapi.ProwJobState) review {
	t.Helper()
	job := created.DeepCopy()
	job.Status.State, job.Status.URL = state, "https://prow.example.com/view/1"
	job.SetComplete()
	scheme := k8sruntime.NewScheme()
	if err := prowapi.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := ctrlruntimefake.NewClientBuilder().WithScheme(scheme).WithRuntimeObjects(job).Build()
	cookies := filepath.Join(t.TempDir(), "cookies")
	if err := os.WriteFile(cookies, []byte("gerrit.example.com\tFALSE\t/\tTRUE\t2147483647\to\t"+cookie+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	usual := http.DefaultTransport // crier's client takes Go's own
	http.DefaultTransport = f.client.Transport
	defer func() { http.DefaultTransport = usual }()
	crier, err := reporter.NewReporter(func() *config.GerritOrgRepoConfigs { return cfg.Gerrit.OrgReposConfig }, cookies, api, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.NewEntry(logrus.StandardLogger())
	if !crier.ShouldReport(t.Context(), log, job) {
		t.Fatal("crier would not report the job")
	}
	if _, _, err := crier.Report(t.Context(), log, job); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reviews[len(f.reviews)-1]
}

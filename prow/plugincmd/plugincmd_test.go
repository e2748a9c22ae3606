package plugincmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/testkit/github"
)

// cluster is as much of a Kubernetes API server as making ProwJobs takes.
type cluster struct {
	mu   sync.Mutex
	jobs map[string]prowapi.ProwJob
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const path = "/apis/prow.k8s.io/v1/namespaces/prow/prowjobs"
	c.mu.Lock()
	defer c.mu.Unlock()
	var job prowapi.ProwJob
	if err := json.NewDecoder(r.Body).Decode(&job); r.Method != http.MethodPost || r.URL.Path != path || err != nil {
		http.Error(w, "no such thing", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, there := c.jobs[job.Name]; there {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"AlreadyExists","code":409}`)
		return
	}
	c.jobs[job.Name] = job
	_ = json.NewEncoder(w).Encode(job)
}

// screen takes what a command writes while it runs.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const job = `presubmits: {example/guest-agent: [{name: boot, always_run: false, annotations: {slipway.dev/trigger-label: go}, spec: {containers: [{image: a}]}}]}`

func arguments(t *testing.T, gitHub, api string, more ...string) []string {
	dir := t.TempDir()
	return append([]string{
		"--config-path", write(t, dir, "config.yaml", "prowjob_namespace: prow\n"), "--job-config-path", write(t, dir, "jobs.yaml", job),
		"--hmac-secret-file", write(t, dir, "hmac", "secret"), "--github-token-path", write(t, dir, "token", "robot-token"),
		"--kubeconfig", write(t, dir, "kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: a, cluster: {server: %q}}], contexts: [{name: a, context: {cluster: a}}]}`, api)),
		"--github-endpoint", gitHub, "--config-repo", "slipway/slipway", "--git-dir", dir, "--address", "127.0.0.1", "--port", "0", "--health-port", "0", "--metrics-port", "0",
	}, more...)
}

// The whole program: a label on GitHub becomes a ProwJob in the cluster.
func TestServes(t *testing.T) {
	for _, dry := range []bool{false, true} {
		t.Run(fmt.Sprintf("dry run %v", dry), func(t *testing.T) {
			server := github.New(t)
			server.AddUser("robot", "robot-token")
			server.AddUser("member", "member-token")
			server.AddMembers("example", "member")
			repo, err := server.AddRepo("example", "guest-agent", github.Options{})
			if err != nil {
				t.Fatal(err)
			}
			api := &cluster{jobs: map[string]prowapi.ProwJob{}}
			kubernetes := httptest.NewServer(api)
			defer kubernetes.Close()
			var said screen
			ctx, cancel := context.WithCancel(t.Context())
			code := make(chan int, 1)
			env := cli.Env{Args: arguments(t, server.URL(), kubernetes.URL, fmt.Sprintf("--dry-run=%v", dry)), Stdout: io.Discard, Stderr: &said, Getenv: func(string) string { return "" }}
			go func() { code <- cli.Run(ctx, env, Command(env)) }()
			defer cancel()
			server.Webhook("http://"+listening(t, &said), []byte("secret"))
			label(t, server, repo)
			if got := len(api.jobs); (got == 1) == dry || got > 1 {
				t.Errorf("%d ProwJobs; it said:\n%s", got, &said)
			}
			if dry != strings.Contains(said.String(), "Would start a ProwJob") {
				t.Errorf("it said:\n%s", &said)
			}
			cancel()
			if got := <-code; got != cli.ExitDone || !strings.Contains(said.String(), "Drained") {
				t.Errorf("exit code %d; it said:\n%s", got, &said)
			}
			checkLog(t, said.String())
			if strings.Contains(said.String(), "robot-token") {
				t.Errorf("the log has the token:\n%s", &said)
			}
		})
	}
}

// checkLog wants JSON alone, and what Prow's clients say in it.
func checkLog(t *testing.T, said string) {
	t.Helper()
	clients := false
	for line := range strings.Lines(said) {
		var entry struct{ Client, Component string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Component != "slipway-plugin" {
			t.Errorf("no JSON of the component's: %s", line)
		}
		clients = clients || entry.Client == "github"
	}
	if !clients {
		t.Errorf("no call of GitHub's is in the log:\n%s", said)
	}
}

// listening waits until the program says where it listens.
func listening(t *testing.T, said *screen) string {
	t.Helper()
	at := regexp.MustCompile(`Listening at ([0-9.:]+)\.`)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := at.FindStringSubmatch(said.String()); m != nil {
			return m[1]
		}
	}
	t.Fatalf("it does not listen:\n%s", said)
	return ""
}

func label(t *testing.T, server *github.Server, repo *github.Repo) {
	t.Helper()
	for _, branch := range []string{"main", "topic"} {
		if _, err := repo.PushAs("member", branch, "Begin", map[string]string{branch: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	number, err := repo.OpenPullAs("member", github.NewPull{Title: "A topic", Head: "topic"})
	if err == nil {
		err = repo.LabelAs("member", number, "go")
	}
	if err == nil {
		err = server.WaitWebhooks(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An API server that is replaced is away for two minutes; the server gives a handler ten.
func TestPausesOutlastAnAPIServer(t *testing.T) {
	var all time.Duration
	for _, pause := range pauses {
		all += pause
	}
	if all < 2*time.Minute || all > 8*time.Minute {
		t.Errorf("%s in all", all)
	}
}

func TestMisuse(t *testing.T) {
	tests := []struct {
		name string
		more []string
		want string
	}{
		{"no configuration repository", []string{"--config-repo="}, "--config-repo is missing"},
		{"half a name", []string{"--config-repo=slipway"}, "is not as in"},
		{"too much of a name", []string{"--config-repo=a/b/c"}, "is not as in"},
		{"store without a key", []string{"--store=/tmp"}, "go together"},
		{"key without a store", []string{"--key-file=/tmp/key"}, "go together"},
		{"no configuration", []string{"--config-path="}, "config-path"},
		{"argument", []string{"now"}, "unexpected argument"},
		{"flag", []string{"--colour"}, "--help"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var said bytes.Buffer
			env := cli.Env{Args: arguments(t, "http://127.0.0.1:1", "http://127.0.0.1:1", tt.more...), Stdout: io.Discard, Stderr: &said, Getenv: func(string) string { return "" }}
			if code := cli.Run(t.Context(), env, Command(env)); code != cli.ExitMisused || !strings.Contains(said.String(), tt.want) {
				t.Errorf("exit code %d, said %s; want %q", code, &said, tt.want)
			}
		})
	}
}

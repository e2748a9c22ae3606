package local

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// podServer answers for one pod as an API server does. The first watch breaks off
// after one change, as watches do; the second tells of the end.
func podServer(t *testing.T) *httptest.Server {
	const pod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"jobs","resourceVersion":"%d"},"status":{"phase":"%s"}}`
	watches := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/jobs/pods/p", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, pod, 10+watches, "Pending")
	})
	mux.HandleFunc("GET /api/v1/namespaces/jobs/pods", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Get("watch") == "" || query.Get("fieldSelector") != "metadata.name=p" || query.Get("resourceVersion") != fmt.Sprint(10+watches) {
			t.Errorf("asked for %s", r.URL)
		}
		watches++
		if watches == 1 {
			fmt.Fprintf(w, `{"type":"MODIFIED","object":`+pod+`}`, 11, "Running")
			return
		}
		fmt.Fprintf(w, `{"type":"DELETED","object":`+pod+`}`, 12, "Succeeded")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("asked for %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func kubeconfigFor(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "config", `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","namespace":"jobs"}}],
		"clusters":[{"name":"c","cluster":{"server":"`+url+`"}}]}`)
	return dir + "/config"
}

func TestFollowGoesOnWhenAWatchBreaksOff(t *testing.T) {
	client, err := connect(KubernetesConfig{Kubeconfig: kubeconfigFor(t, podServer(t).URL)})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for u := range client.follow(t.Context(), "p") {
		switch {
		case u.err != nil:
			t.Fatal(u.err)
		case u.gone:
			told = append(told, "gone")
		default:
			told = append(told, string(u.pod.Status.Phase))
		}
	}
	if diff := cmp.Diff([]string{"Pending", "Running", "Pending", "Succeeded", "gone"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestConnectSaysWhichClusterItLacks(t *testing.T) {
	file := kubeconfigFor(t, "http://127.0.0.1:1")
	t.Setenv("KUBECONFIG", "/absent")
	t.Setenv("HOME", t.TempDir())
	for name, config := range map[string]KubernetesConfig{
		"no file":    {Kubeconfig: "/absent"},
		"no context": {Kubeconfig: file, Context: "other"},
		"nothing":    {},
	} {
		if _, err := connect(config); err == nil || !strings.Contains(err.Error(), "--kubeconfig") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARunWithoutAnAPIServerSaysSo(t *testing.T) {
	engine := NewKubernetes(KubernetesConfig{Kubeconfig: kubeconfigFor(t, "http://127.0.0.1:1")})
	_, err := engine.Run(t.Context(), clusterPlan(t), &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "kubectl auth can-i") {
		t.Errorf("got %v", err)
	}
}

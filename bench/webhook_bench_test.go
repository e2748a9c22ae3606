package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/tools"
)

const (
	webhooks    = 40_000 // of each server, in each turn: five turns make the 200,000
	connections = 16
	hmacSecret  = "not-a-real-secret"
	guidLength  = 36
)

// BenchmarkWebhooks sends comments without a command to the plugins' server and to
// Prow's own refresh plugin, in turn, over kept connections, each a process in a
// network of its own. It tells webhooks a second, the 99th percentile of how long an
// answer took, their ratio, and the server's memory after its first and last turn.
func BenchmarkWebhooks(b *testing.B) {
	need.Root(b)
	need.Tool(b, "unshare", "util-linux")
	need.Tool(b, "ip", "iproute2")
	dir := b.TempDir()
	program := filepath.Join(dir, "slipway-plugin")
	if err := exec.Run(b.Context(), exec.Cmd{Args: []string{"go", "build", "-o", program, "../cmd/slipway-plugin"}, Env: append(os.Environ(), "CGO_ENABLED=0")}); err != nil {
		b.Fatal(err)
	}
	ours := startReceiver(b, append([]string{program}, pluginArgs(b, dir)...))
	peer := startReceiver(b, []string{tools.Prow(b, "external-plugins/refresh"), "--config-path", filepath.Join(dir, "config.yaml"), "--hmac-secret-file", filepath.Join(dir, "hmac"), "--prow-url", "http://127.0.0.1:1"})
	request := commentRequest(b)
	var mine, theirs load
	for b.Loop() {
		mine.add(ours.drive(b, request))
		theirs.add(peer.drive(b, request))
		mine.memory = append(mine.memory, ours.memory(b))
	}
	b.ReportMetric(mine.rate(), "webhooks/s")
	b.ReportMetric(theirs.rate(), "webhooks/s-refresh")
	b.ReportMetric(mine.rate()/theirs.rate(), "ratio-of-rates")
	b.ReportMetric(milliseconds(mine.percentile()), "ms-p99")
	b.ReportMetric(milliseconds(theirs.percentile()), "ms-p99-refresh")
	b.ReportMetric(mine.memory[0], "MiB-first")
	b.ReportMetric(mine.memory[len(mine.memory)-1], "MiB-last")
	b.ReportMetric(0, "ns/op") // of both together says nothing
}

// load is what driving a server measured.
type load struct {
	took   time.Duration
	waits  []time.Duration
	memory []float64 // MiB
}

func (l *load) add(took time.Duration, waits []time.Duration) {
	l.took += took
	l.waits = append(l.waits, waits...)
}

func (l *load) rate() float64 { return float64(len(l.waits)) / l.took.Seconds() }

func (l *load) percentile() time.Duration {
	slices.Sort(l.waits)
	return l.waits[len(l.waits)*99/100]
}

// receiver is a server under test.
type receiver struct{ pid string }

// startReceiver starts a program that listens on port 8888 of all addresses.
func startReceiver(b *testing.B, args []string) receiver {
	b.Helper()
	output, input := io.Pipe()
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- exec.Run(ctx, exec.Cmd{Args: append([]string{"unshare", "--net", "sh", "-c", `echo $$; ip link set lo up; exec "$@"`, "sh"}, args...), Stdout: input, Stderr: io.Discard})
		_ = input.Close()
	}()
	b.Cleanup(func() { cancel(); <-ended })
	lines := bufio.NewReader(output)
	pid, err := lines.ReadString('\n')
	if err != nil {
		b.Fatalf("start %s: %v", args[0], err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	r := receiver{strings.TrimSpace(pid)}
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		conn, err := r.dial()
		if err == nil {
			_ = conn.Close()
			return r
		}
		if time.Since(begin) > 30*time.Second {
			b.Fatalf("%s does not listen: %v", args[0], err)
		}
	}
}

// dial connects from within the receiver's network: a socket stays where it was made.
func (r receiver) dial() (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		file, e := os.Open("/proc/" + r.pid + "/ns/net")
		if err = e; err != nil {
			return
		}
		defer func() { _ = file.Close() }()
		if err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err == nil {
			conn, err = net.Dial("tcp", "127.0.0.1:8888")
		}
	}()
	<-done
	return conn, err
}

// drive sends webhooks, each connection one after the other.
func (r receiver) drive(b *testing.B, request []byte) (took time.Duration, waits []time.Duration) {
	b.Helper()
	all := make([][]time.Duration, connections)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range all {
		wg.Go(func() {
			var err error
			if all[i], err = r.send(bytes.Clone(request), webhooks/connections); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	return time.Since(begin), slices.Concat(all...)
}

func (r receiver) send(request []byte, count int) ([]time.Duration, error) {
	conn, err := r.dial()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	at := bytes.Index(request, []byte("X-GitHub-Delivery: ")) + len("X-GitHub-Delivery: ")
	answers := bufio.NewReader(conn)
	waits := make([]time.Duration, 0, count)
	for range count {
		copy(request[at:at+guidLength], rand.Text()+rand.Text())
		begin := time.Now()
		if _, err := conn.Write(request); err != nil {
			return waits, err
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return waits, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		waits = append(waits, time.Since(begin))
		if err != nil || resp.StatusCode != http.StatusOK {
			return waits, fmt.Errorf("the webhook was answered %s, %v", resp.Status, err)
		}
	}
	return waits, nil
}

// memory is what the server has of the machine's, in MiB.
func (r receiver) memory(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + r.pid + "/status")
	if err != nil {
		b.Fatal(err)
	}
	_, text, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(text, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// commentRequest is the request by which hook passes on a comment of usual size.
func commentRequest(b *testing.B) []byte {
	b.Helper()
	user := map[string]any{"login": "maintainer-one", "id": 1, "type": "User", "url": "https://git.example.com/api/v3/users/maintainer-one"}
	links := map[string]any{}
	for i := range 60 {
		links[fmt.Sprintf("link_%02d_url", i)] = fmt.Sprintf("https://git.example.com/api/v3/repos/example/guest-agent/link-%02d{/sha}", i)
	}
	links["full_name"], links["name"], links["owner"] = "example/guest-agent", "guest-agent", map[string]any{"login": "example"}
	payload, err := json.Marshal(map[string]any{
		"action": "created", "sender": user, "repository": links,
		"issue":   map[string]any{"number": 1, "state": "open", "user": user, "body": strings.Repeat("It does this and that. ", 100), "links": links, "pull_request": map[string]any{"url": "x"}},
		"comment": map[string]any{"id": 1, "user": user, "body": strings.Repeat("Please look at this line again.\r\n", 30)},
	})
	if err != nil {
		b.Fatal(err)
	}
	one, two := hmac.New(sha1.New, []byte(hmacSecret)), hmac.New(sha256.New, []byte(hmacSecret))
	one.Write(payload)
	two.Write(payload)
	b.Logf("each payload has %d bytes", len(payload))
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: plugin\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-GitHub-Event: issue_comment\r\n"+
		"X-GitHub-Delivery: %s\r\nX-Hub-Signature: sha1=%x\r\nX-Hub-Signature-256: sha256=%x\r\n\r\n%s",
		len(payload), strings.Repeat("0", guidLength), one.Sum(nil), two.Sum(nil), payload)
}

// pluginArgs are the arguments of the server with every plugin at work, as in a cluster.
func pluginArgs(b *testing.B, dir string) []string {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"config.yaml": "prowjob_namespace: prow\n", "hmac": hmacSecret, "token": "token",
		"jobs.yaml":  `postsubmits: {slipway/slipway: [{name: slipway-promote, branches: ["^ $"], spec: {containers: [{image: a}]}}]}`,
		"key":        string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"kubeconfig": `{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}], contexts: [{name: a, context: {cluster: a}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"--dry-run=false", "--config-path", at("config.yaml"), "--job-config-path", at("jobs.yaml"), "--config-repo", "slipway/slipway",
		"--hmac-secret-file", at("hmac"), "--github-token-path", at("token"), "--github-endpoint", "http://127.0.0.1:1", "--git-dir", dir,
		"--kubeconfig", at("kubeconfig"), "--store", at("store"), "--key-file", at("key"),
	}
}

package local

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/internal/podman"
)

func podOf(init []string, containers ...string) *corev1.Pod {
	pod := &corev1.Pod{}
	for _, name := range init {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: name})
	}
	for _, name := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name})
	}
	return pod
}

func TestLogs(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(&out, podOf([]string{"clonerefs"}, "test", "sidecar"))
	test, sidecar := logs.Container("test"), logs.Container("sidecar")
	fmt.Fprint(logs.Container("clonerefs"), "cloning\n")
	fmt.Fprint(test, "one\ntwo")
	fmt.Fprint(test, " and three\nprogress 1%\rprogress 2%\r\n")
	fmt.Fprint(test, "half")
	fmt.Fprint(sidecar, "uploading\n")
	fmt.Fprint(test, " rest\n\n\xff\xfe")
	logs.Say("still running after %s", time.Minute)
	fmt.Fprint(test, "end")
	logs.End()
	want := "clonerefs   cloning\n" +
		"test      | one\n" +
		"test      | two and three\n" +
		"test      | progress 1%\rprogress 2%\r\n" +
		"test      | half\n" +
		"sidecar     uploading\n" +
		"test      |  rest\n" +
		"test      | \n" +
		"test      | \xff\xfe\n" +
		"slipway     still running after 1m0s\n" +
		"test      | end\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// conmonLog is what conmon writes of text: a record for each line, and one for each
// part of a long line.
func conmonLog(text string, part int) string {
	var records strings.Builder
	for line := range strings.Lines(text) {
		content, whole := strings.CutSuffix(line, "\n")
		for len(content) > part {
			fmt.Fprintf(&records, "2026-11-21T16:14:54.065780360+00:00 stdout P %s\n", content[:part])
			content = content[part:]
		}
		kind := "P"
		if whole {
			kind = "F"
		}
		fmt.Fprintf(&records, "2026-11-21T16:14:54.065780360+00:00 stdout %s %s\n", kind, content)
	}
	return records.String()
}

// Whatever a container says comes out byte for byte, in whatever pieces the file grows.
func TestLogFileKeepsEveryByte(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		text := make([]byte, random.IntN(3000))
		for i := range text {
			text[i] = "\n\n\r P F\x00\xffabcdef"[random.IntN(15)]
		}
		records := conmonLog(string(text), 1+random.IntN(100))
		path := filepath.Join(t.TempDir(), "ctr.log")
		var got bytes.Buffer
		followed := &logFile{path: path, stdout: &got}
		if err := followed.read(); err != nil {
			t.Fatalf("a log that is not there yet: %v", err)
		}
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for len(records) > 0 {
			n := 1 + random.IntN(len(records))
			file.WriteString(records[:n])
			records = records[n:]
			if err := followed.read(); err != nil {
				t.Fatal(err)
			}
		}
		file.Close()
		followed.close()
		if diff := cmp.Diff(string(text), got.String()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if want := text[max(0, len(text)-tailSize):]; !bytes.Equal(followed.tail, want) {
			t.Fatalf("the tail is %q, want %q", followed.tail, want)
		}
	}
}

func TestParseRecord(t *testing.T) {
	tests := []struct {
		record, said  string
		whole, stderr bool
	}{
		{"2026-11-21T16:14:54.06+00:00 stdout F said", "said", true, false},
		{"2026-11-21T16:14:54.06+00:00 stderr P sa ", "sa ", false, true},
		{"2026-11-21T16:14:54.06+00:00 stdout F ", "", true, false},
		{"no record", "no record", true, false},
		{"a b c d", "a b c d", true, false},
	}
	for _, tt := range tests {
		said, whole, stderr := parseRecord([]byte(tt.record))
		if string(said) != tt.said || whole != tt.whole || stderr != tt.stderr {
			t.Errorf("%q: got %q, %v, %v", tt.record, said, whole, stderr)
		}
	}
}

// What a container said last is shown although nobody looked since, and although the
// storage's index did not tell where its log is.
func TestFollowShowsTheRest(t *testing.T) {
	t.Setenv("CONTAINER_HOST", "ssh://elsewhere") // whose storage nobody can read
	var out bytes.Buffer
	r := newPodmanRun(NewPodman(&podman.Podman{}, PodmanConfig{}), Plan{Local: podOf(nil, "test")}, "pod", NewLogs(&out, podOf(nil, "test")))
	var c podman.Container
	c.Name = "pod-test"
	c.HostConfig.LogConfig.Path = newFile(t, "ctr.log", []byte(conmonLog("last words\n", 100)))
	stop := r.follow(t.Context())
	stop([]podman.Container{c})
	if diff := cmp.Diff("test | last words\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

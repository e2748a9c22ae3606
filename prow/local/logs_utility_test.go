package local

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// What a pod utility writes for machines reaches people as a sentence; what the job
// itself writes is never touched, JSON or not.
func TestUtilityLog(t *testing.T) {
	entry := `{"component":"sidecar","dest":"/output/x","file":"a.go:1","func":"f","level":"info","msg":"Finished upload","severity":"info","time":"2026-11-21T16:55:21Z"}` + "\n"
	failed := `{"component":"clonerefs","error":"exit status 128","level":"error","msg":"Error executing command\n","time":"t"}` + "\n"
	debug := `{"component":"sidecar","level":"debug","msg":"Censoring file."}` + "\n"
	tests := []struct{ name, container, said, want string }{
		{"a message", "sidecar", entry, "sidecar   Finished upload dest=/output/x\n"},
		{"an error", "sidecar", failed, "sidecar   error: Error executing command error=exit status 128\n"},
		{"debug", "sidecar", debug, ""},
		{"plain text", "sidecar", "panic: no\n", "sidecar   panic: no\n"},
		{"JSON that is no entry", "sidecar", "{\"a\":1}\n", "sidecar   {\"a\":1}\n"},
		{"the job's own", "test", entry, "test    | " + entry},
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "test"}, {Name: "sidecar"}}}}
	pod.Spec.InitContainers = []corev1.Container{{Name: "sidecar"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewLogs(&out, pod).Container(tt.container)
			half := len(tt.said) / 2
			_, _ = w.Write([]byte(tt.said[:half]))
			_, _ = w.Write([]byte(tt.said[half:]))
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

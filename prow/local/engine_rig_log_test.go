package local

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// buffer is a log that is written and read at once.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until the log holds text.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(b.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q:\n%s", text, b)
		}
	}
}

// said is what one container said in a log.
func said(log, container string) string {
	var text strings.Builder
	for line := range strings.Lines(log) {
		if rest, found := strings.CutPrefix(line, container+" "); found {
			text.WriteString(strings.TrimLeft(rest, " ")[len("| "):])
		}
	}
	return text.String()
}

func codes(r Result) map[string]int {
	codes := map[string]int{}
	for _, c := range r.Containers {
		codes[c.Name] = c.ExitCode
	}
	return codes
}

func files(t *testing.T, plan Plan) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(plan.Output, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, plan.Output+"/"))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(names)
	return names
}

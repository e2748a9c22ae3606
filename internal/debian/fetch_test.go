package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const helloText = "the bytes of a package"

// locked is a lock of one package with the text.
func locked(text string) (Lock, Package) {
	p := hello
	digest := sha256.Sum256([]byte(text))
	p.SHA256, p.Size = hex.EncodeToString(digest[:]), int64(len(text))
	p.Pool = "debian-security/pool/updates/main/h/hello/hello_2.10-3+deb12u1_amd64.deb"
	return Lock{
		Snapshot: time.Date(2026, 11, 21, 16, 1, 2, 0, time.UTC),
		Packages: map[string][]Package{"amd64": {p}},
	}, p
}

const (
	onMirror   = "/mirror/debian-security/pool/updates/main/h/hello/hello_2.10-3+deb12u1_amd64.deb"
	inSnapshot = "/snapshot/archive/debian-security/20261121T160102Z/pool/updates/main/h/hello/hello_2.10-3+deb12u1_amd64.deb"
	dayAfter   = "/snapshot/archive/debian-security/20261122T160102Z/pool/updates/main/h/hello/hello_2.10-3+deb12u1_amd64.deb"
)

func serveText(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// serveCut promises more than it sends.
func serveCut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(helloText)))
	fmt.Fprint(w, helloText[:5])
}

// firstThen is one handler for the first request, and another for all others.
func firstThen(first, then http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			first(w, r)
			return
		}
		then(w, r)
	}
}

func stalls(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// stallsInside sends the beginning, and then nothing.
func stallsInside(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, helloText[:5])
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// dribbles takes longer than the archive's patience, but never stops for as long.
func dribbles(w http.ResponseWriter, _ *http.Request) {
	for _, letter := range helloText {
		fmt.Fprint(w, string(letter))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

// archiveOf is an archive of which mirror and snapshot service are these handlers.
func archiveOf(t *testing.T, serve map[string]http.HandlerFunc) Archive {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, ok := serve[r.URL.Path]; ok {
			handler(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return Archive{
		Mirror: server.URL + "/mirror", Snapshot: server.URL + "/snapshot", Cache: t.TempDir(),
		patience: 200 * time.Millisecond,
	}
}

func TestFetch(t *testing.T) {
	good := serveText(helloText)
	tests := []struct {
		name  string
		serve map[string]http.HandlerFunc
		errs  []string // all of them in the error
	}{
		{"from the mirror", map[string]http.HandlerFunc{onMirror: good}, nil},
		{"dropped by the mirror", map[string]http.HandlerFunc{inSnapshot: good}, nil},
		{"not yet seen by the service when locked", map[string]http.HandlerFunc{dayAfter: good}, nil},
		{"mirror cuts it short once", map[string]http.HandlerFunc{onMirror: firstThen(serveCut, good)}, nil},
		{"mirror has other bytes", map[string]http.HandlerFunc{onMirror: serveText(strings.ToUpper(helloText)), inSnapshot: good}, nil},
		{"mirror stalls", map[string]http.HandlerFunc{onMirror: stalls, inSnapshot: good}, nil},
		{"mirror stalls in the middle", map[string]http.HandlerFunc{onMirror: stallsInside, inSnapshot: good}, nil},
		{"mirror is slow", map[string]http.HandlerFunc{onMirror: dribbles}, nil},
		{"nobody has it", nil, []string{"fetch package hello 1:2.10-3 (amd64)", onMirror, inSnapshot, dayAfter, "404 Not Found"}},
		{"cut short everywhere", map[string]http.HandlerFunc{onMirror: serveCut, inSnapshot: serveCut}, []string{onMirror + ": unexpected EOF"}},
		{"other bytes everywhere", map[string]http.HandlerFunc{onMirror: serveText(strings.ToUpper(helloText))}, []string{"it has sha256", "the lock says"}},
		{"too long", map[string]http.HandlerFunc{onMirror: serveText(helloText + "!")}, []string{"it has not the 22 bytes that the lock names"}},
		{"stalls everywhere", map[string]http.HandlerFunc{onMirror: stalls, inSnapshot: stalls, dayAfter: stalls}, []string{"the server said nothing for 200ms"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			archive := archiveOf(t, tt.serve)
			lock, p := locked(helloText)
			err := archive.Fetch(t.Context(), lock, "amd64")
			for _, want := range tt.errs {
				refuted(t, err, want)
			}
			if tt.errs != nil {
				checkFiles(t, archive.Cache, nil)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkFiles(t, archive.Cache, map[string]string{archive.Path(p): helloText})
		})
	}
}

// checkFiles compares all files below dir.
func checkFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[path] = string(data)
	}
	if want == nil {
		want = map[string]string{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFetchAsksOnce(t *testing.T) {
	var asked atomic.Int32
	archive := archiveOf(t, map[string]http.HandlerFunc{onMirror: func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, helloText)
	}})
	lock, _ := locked(helloText)
	for range 2 {
		if err := archive.Fetch(t.Context(), lock, "amd64"); err != nil {
			t.Fatal(err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("the mirror was asked %d times, want once", got)
	}
}

func TestFetchEndsInTime(t *testing.T) {
	lock, _ := locked(helloText)
	archive := archiveOf(t, map[string]http.HandlerFunc{onMirror: stalls})
	archive.patience, archive.Timeout = time.Minute, 50*time.Millisecond
	refuted(t, archive.Fetch(t.Context(), lock, "amd64"), "fetch 1 Debian packages (1 MB): it took longer than 50ms")

	archive.Timeout = time.Minute
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("a person pressed Ctrl-C"))
	refuted(t, archive.Fetch(ctx, lock, "amd64"), "a person pressed Ctrl-C")
}

package gerrit

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
)

// Whatever Gerrit answers to whichever question, the poll says so, and the next one
// starts what this one did not, once.
func TestFaults(t *testing.T) {
	faults := map[string]func(http.ResponseWriter, *http.Request){
		"500": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Internal server error", http.StatusInternalServerError)
		},
		"429":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", http.StatusTooManyRequests) },
		"stalls":  func(http.ResponseWriter, *http.Request) { time.Sleep(500 * time.Millisecond) },
		"resets":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"sign in": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Sign in</html>")) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(")]}'\n{")) },
		"prefix":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(")]}'")) },
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(")]}'\n["))
		},
	}
	for fault, serve := range faults {
		for _, path := range []string{"/a/accounts/self", "/a/changes/", "/a/projects/crostini-guest/branches/master", "/a/changes/crostini-guest~1", "/review"} {
			t.Run(fault+path, func(t *testing.T) { oneFault(t, path, serve, fault) })
		}
	}
}

func oneFault(t *testing.T, path string, serve http.HandlerFunc, fault string) {
	w := newWorld(t)
	w.RequestTimeout = 100 * time.Millisecond
	w.add(1).vote("Trybot-Ready", 1, 1)
	w.fake.fault = func(rw http.ResponseWriter, r *http.Request) bool {
		hit := r.URL.Path == path || strings.HasSuffix(r.URL.Path, path)
		if hit {
			serve(rw, r)
		}
		return hit
	}
	begin := time.Now()
	err := w.Poll(t.Context())
	acceptable := path == "/review" && r200(fault) // nobody reads what a review answers
	if (err == nil) != acceptable || w.Ready() != acceptable {
		t.Errorf("err = %v, ready = %v", err, w.Ready())
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the poll took %v", took)
	}
	w.fake.fault = nil
	w.RequestTimeout = 0
	w.poll(t)
	if len(w.created) != 1 || !w.Ready() {
		t.Errorf("created %v, ready = %v", w.created, w.Ready())
	}
}

// r200 names the faults that look like success to who needs no answer.
func r200(fault string) bool {
	return fault == "sign in" || fault == "garbage" || fault == "prefix" || fault == "nothing"
}

func TestGerritIsDown(t *testing.T) {
	w := newWorld(t)
	up := w.HTTP
	w.HTTP = &http.Client{Transport: broken{}}
	if err := w.Poll(t.Context()); err == nil || !strings.Contains(err.Error(), instance) {
		t.Errorf("err = %v, which does not name %s", err, instance)
	}
	w.HTTP = up
	w.add(1).vote("Trybot-Ready", 1, 1)
	w.poll(t)
	if len(w.created) != 1 {
		t.Errorf("created %v", w.created)
	}
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connect: connection refused")
}

// One change that cannot be read leaves the others alone.
func TestBrokenChangeIsSetAside(t *testing.T) {
	w := newWorld(t)
	for number := range 5 {
		w.add(number+1).vote("Trybot-Ready", 1, 1)
	}
	w.fake.fault = func(rw http.ResponseWriter, r *http.Request) bool {
		broken := strings.HasSuffix(r.URL.Path, "~3")
		if broken {
			http.Error(rw, "Internal server error", http.StatusInternalServerError)
		}
		return broken
	}
	if err := w.Poll(t.Context()); err == nil || !strings.Contains(err.Error(), "change 3: ") {
		t.Errorf("err = %v, which does not name change 3", err)
	}
	if len(w.created) != 4 {
		t.Errorf("created %v", w.created)
	}
}

// A start that could not be recorded is no start more: it is recorded by the next poll.
func TestRecordFails(t *testing.T) {
	w := newWorld(t)
	w.add(1).vote("Trybot-Ready", 1, 1).vote("Code-Review", 2, 2)
	w.fail = func(job *prowapi.ProwJob) error {
		if job.Spec.Job == "presubmit" {
			return errors.New("etcdserver: request timed out")
		}
		return nil
	}
	w.fake.fault = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			http.Error(rw, "Internal server error", http.StatusInternalServerError)
		}
		return r.Method == http.MethodPost
	}
	if err := w.Poll(t.Context()); err == nil || len(w.created) != 1 || len(w.reviews) != 0 {
		t.Errorf("err = %v, created %v, recorded %v", err, w.created, w.reviews)
	}
	w.fail, w.fake.fault = nil, nil
	w.poll(t)
	w.poll(t)
	if len(w.created) != 2 || len(w.reviews) != 1 || strings.Count(w.reviews[0].Message, "* ") != 2 {
		t.Errorf("created %v, recorded %v", w.created, w.reviews)
	}
}

// Five hundred changes come in pages; when all are started, a poll is a few requests.
func TestManyChanges(t *testing.T) {
	w := newWorld(t)
	for number := range 500 {
		w.add(number+1).vote("Trybot-Ready", 1, 1)
	}
	w.add(501)
	begin := time.Now()
	w.poll(t)
	t.Logf("started 500 jobs in %.1f s", time.Since(begin).Seconds())
	if len(w.created) != 500 {
		t.Errorf("created %d ProwJobs", len(w.created))
	}
	w.calls = nil
	w.poll(t)
	if len(w.calls) != 7 || len(w.created) != 500 { // who we are, five pages, an empty one
		t.Errorf("the second poll asked %d times: %v", len(w.calls), w.calls)
	}
}

// A poll that Gerrit makes slow ends at its deadline, and has said what it was at.
func TestPollHasADeadline(t *testing.T) {
	w := newWorld(t)
	for number := range 300 {
		w.add(number+1).vote("Trybot-Ready", 1, 1)
	}
	w.PollDeadline = 300 * time.Millisecond
	w.fake.fault = func(http.ResponseWriter, *http.Request) bool { time.Sleep(20 * time.Millisecond); return false }
	begin := time.Now()
	if err := w.Poll(t.Context()); err == nil || !strings.Contains(fmt.Sprint(err), "deadline exceeded") {
		t.Errorf("err = %.300v", err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the poll took %v", took)
	}
}

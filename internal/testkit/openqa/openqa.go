// Package openqa is an openQA for tests: one in this process that does as it is told, and
// a real one of Debian's packages.
//
// The one in this process is as strict as the real one where a client can be wrong: it
// checks each signature as openQA does, makes jobs only of settings that openQA takes,
// and serves what it has. How its jobs go is a script, and Intercept makes it fail.
package openqa

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Look is what a client sees of a job when it looks at it. Each look is the next of a
// script, and the last one stays.
type Look struct {
	State, Result, Reason string
	Modules               []Module
	BlockedBy             int64
	Restart               bool // the job is restarted: what follows in the script is seen of the new one
	Gone                  bool // openQA has forgotten the job
}

// Module is a module of a job's test, as openQA lists them.
type Module struct {
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Result   string   `json:"result"`
	Flags    []string `json:"flags"`
}

// Done is a script whose job runs and ends with a result.
func Done(result string) []Look {
	return []Look{
		{State: "scheduled", Result: "none"},
		{State: "running", Result: "none", Modules: []Module{{Name: "boot", Result: "running"}, {Name: "login", Result: "none"}}},
		{State: "done", Result: result, Modules: []Module{{Name: "boot", Result: "passed"}, {Name: "login", Result: result}}},
	}
}

// Server is the openQA of this process.
type Server struct {
	URL         string
	Key, Secret string
	Folder      string            // its disks: share/factory/hdd
	Script      map[string][]Look // by test; Done("passed") where there is none
	Now         func() time.Time  // its clock

	// Intercept answers a request instead of the server, and says that it did.
	Intercept func(w http.ResponseWriter, r *http.Request) bool

	t    testing.TB
	mu   sync.Mutex
	jobs []*job
	log  []string
}

type job struct {
	id, clone int64
	test      string
	settings  map[string]string
	script    []Look
	looks     int
	cancelled string // why
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{
		t: t, Key: "1234567890ABCDEF", Secret: "FEDCBA0987654321", Folder: t.TempDir(),
		Script: map[string][]Look{}, Now: time.Now,
	}
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	s.URL = listener.URL
	return s
}

// ServeHTTP answers as openQA does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, r.Method+" "+r.URL.RequestURI())
	intercept := s.Intercept
	s.mu.Unlock()
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	if intercept != nil && intercept(w, r) {
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/jobs", s.list)
	mux.HandleFunc("POST /api/v1/jobs", s.operator(s.create))
	mux.HandleFunc("POST /api/v1/jobs/{id}/cancel", s.operator(s.cancel))
	mux.HandleFunc("POST /api/v1/assets", s.operator(s.register))
	mux.HandleFunc("GET /api/v1/jobs/{id}/details", s.details)
	mux.HandleFunc("GET /tests/{id}/file/{name}", s.file)
	mux.Handle("GET /assets/hdd/", http.StripPrefix("/assets/hdd/", http.FileServer(http.Dir(s.Folder))))
	mux.ServeHTTP(w, r)
}

// Requests are the requests so far that begin with prefix, as in "POST /api/v1/jobs".
func (s *Server) Requests(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, request := range s.log {
		if strings.HasPrefix(request, prefix) {
			found = append(found, request)
		}
	}
	return found
}

// Job is a job as the server has it now.
type Job struct {
	ID        int64
	Test      string
	Settings  map[string]string
	Cancelled string // why it was cancelled
}

// Jobs are all jobs, in the order in which they were made.
func (s *Server) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var jobs []Job
	for _, j := range s.jobs {
		jobs = append(jobs, Job{j.id, j.test, j.settings, j.cancelled})
	}
	return jobs
}

// operator lets a request pass that is signed by an operator's key, and refuses others
// in openQA's words.
func (s *Server) operator(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, stamp := r.Header.Get("X-API-Key"), r.Header.Get("X-API-Microtime")
		mac := hmac.New(sha1.New, []byte(s.Secret))
		mac.Write([]byte(strings.ReplaceAll(r.RequestURI, "%20", "+") + stamp))
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		switch {
		case key == "":
			fail(w, http.StatusForbidden, "no api key")
		case key != s.Key:
			fail(w, http.StatusForbidden, "Not authorized")
		case err != nil || s.Now().Unix()-seconds > 300:
			fail(w, http.StatusForbidden, "timestamp mismatch")
		case r.Header.Get("X-API-Hash") != hex.EncodeToString(mac.Sum(nil)):
			fail(w, http.StatusForbidden, "unknown error (wrong secret?)")
		default:
			next(w, r)
		}
	}
}

func fail(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": reason})
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = json.NewEncoder(w).Encode(value)
}

// register knows a disk that lies in the folder.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if _, err := os.Stat(filepath.Join(s.Folder, name)); err != nil || r.FormValue("type") != "hdd" || name == "" {
		fail(w, http.StatusBadRequest, "registering asset failed")
		return
	}
	answer(w, map[string]int{"id": 1})
}

// file is a log or a screenshot; it holds its name and its job's.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	known := s.find(r) != nil
	s.mu.Unlock()
	if !known || strings.HasPrefix(r.PathValue("name"), "missing") {
		http.NotFound(w, r)
		return
	}
	fmt.Fprintf(w, "%s of %s\n", r.PathValue("name"), r.PathValue("id"))
}

package openqa

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slipway.dev/slipway/internal/openqa"
	"slipway.dev/slipway/internal/testkit/netns"
)

// server is what the contract is about: either openQA.
type server struct{ url, key, secret, folder string }

// The openQA of this process answers as the real one does, where our client can tell.
func TestContract(t *testing.T) {
	s := Start(t)
	s.Script["a"] = []Look{{State: "scheduled", Result: "none"}}
	contract(t, server{s.URL, s.Key, s.Secret, s.Folder})
}

// The real one comes up, and keeps the same contract.
func TestContractOfReal(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("an openQA of Debian's packages takes a while; run: make e2e-os")
	}
	if !netns.Alone(t) {
		return
	}
	s := StartReal(t, "testdata/slipway")
	contract(t, server{s.URL, s.Key, s.Secret, s.Folder})
}

func contract(t *testing.T, s server) {
	t.Run("keys", s.keys)
	t.Run("jobs", s.jobs)
	t.Run("disks", s.disks)
	t.Run("what is not there", s.absent)
}

func (s server) client(t *testing.T, change func(*openqa.Config)) *openqa.Client {
	t.Helper()
	config := openqa.Config{Host: s.url, Credentials: openqa.Credentials{Key: s.key, Secret: s.secret}}
	change(&config)
	c, err := openqa.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func usual(*openqa.Config) {}

func (s server) keys(t *testing.T) {
	const other = "0000000000000000"
	tests := []struct {
		name   string
		change func(*openqa.Config)
		want   error
	}{
		{"the right key", usual, nil},
		{"no key", func(c *openqa.Config) { c.Credentials = openqa.Credentials{} }, openqa.ErrKey},
		{"another key", func(c *openqa.Config) { c.Credentials.Key = other }, openqa.ErrKey},
		{"another secret", func(c *openqa.Config) { c.Credentials.Secret = other }, openqa.ErrKey},
		{"a clock behind by 4 minutes", func(c *openqa.Config) { c.Now = ahead(-4 * time.Minute) }, nil},
		{"a clock behind by 6 minutes", func(c *openqa.Config) { c.Now = ahead(-6 * time.Minute) }, openqa.ErrClock},
		{"a clock ahead by an hour, which openQA lets through", func(c *openqa.Config) { c.Now = ahead(time.Hour) }, nil},
	}
	for _, tt := range tests {
		if err := s.client(t, tt.change).CheckKey(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func ahead(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }

// jobs are submitted together, found by their build, and cancelled for a reason.
func (s server) jobs(t *testing.T) {
	const text = `
settings: {DISTRI: slipway, VERSION: "1", FLAVOR: disk, ARCH: x86_64, BACKEND: "null", WORKER_CLASS: nobody, NOTE: "a b/c:d%&+ü"}
jobs: [{name: a}, {name: b.1, after: [a]}]`
	suite, err := openqa.ParseSuite([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := openqa.NewPlan(suite, openqa.Disk{Digest: "sha256:ab", Format: "qcow2"}, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	c := s.client(t, usual)
	ids, err := c.Submit(t.Context(), plan)
	if err != nil || len(ids) != 2 {
		t.Fatalf("got %v, %v", ids, err)
	}
	again, err := c.Submit(t.Context(), plan)
	if err != nil || again["a"] != ids["a"] || again["b.1"] != ids["b.1"] {
		t.Errorf("again: %v, %v; want %v", again, err, ids)
	}
	jobs, err := c.Jobs(t.Context(), []int64{ids["a"], 999})
	a := jobs[ids["a"]]
	if err != nil || len(jobs) != 1 || a.State != "scheduled" || a.Result != "none" || a.Test != "a" || a.Settings["BUILD"] != plan.Build || a.Settings["NOTE"] != "a b/c:d%&+ü" {
		t.Errorf("got %+v, %v", jobs, err)
	}
	if n, err := c.Cancel(t.Context(), plan, "the test is over"); n < 1 || err != nil {
		t.Errorf("cancelled %d, %v", n, err)
	}
	jobs, err = c.Jobs(t.Context(), []int64{ids["a"], ids["b.1"]})
	if a := jobs[ids["a"]]; err != nil || a.State != "cancelled" || a.Result != "user_cancelled" || a.Reason != "the test is over" || !jobs[ids["b.1"]].Ended() {
		t.Errorf("got %+v, %v", jobs, err)
	}
}

// A disk is registered if it lies in the folder, and read back as it is.
func (s server) disks(t *testing.T) {
	c, file := s.client(t, usual), filepath.Join(t.TempDir(), "disk.qcow2")
	if err := os.WriteFile(file, []byte("a disk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	digest, err := openqa.DigestFile(t.Context(), file, nil)
	if err != nil {
		t.Fatal(err)
	}
	disk := openqa.Disk{Digest: digest, Format: "qcow2"}
	if err := c.Place(t.Context(), disk, file, t.TempDir()); !errors.Is(err, openqa.ErrRefused) {
		t.Errorf("in another folder: got %v", err)
	}
	for range 2 {
		if err := errors.Join(c.Place(t.Context(), disk, file, s.folder), c.VerifyDisk(t.Context(), disk)); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.folder, disk.Asset()), []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyDisk(t.Context(), disk); err == nil {
		t.Error("other bytes were taken for the disk")
	}
}

func (s server) absent(t *testing.T) {
	c := s.client(t, usual)
	if err := c.VerifyDisk(t.Context(), openqa.Disk{Digest: "sha256:00", Format: "raw"}); !errors.Is(err, openqa.ErrAbsent) {
		t.Errorf("disk: got %v", err)
	}
	for _, path := range []string{"/api/v1/jobs/999/details", "/tests/999/file/x"} {
		response, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
}

package openqa

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// Real is an openQA of Debian's packages: database, web pages, websockets, scheduler,
// background tasks and one worker.
type Real struct {
	URL, Key, Secret string
	Folder           string // its disks: share/factory/hdd

	dir   string
	user  *syscall.Credential
	stops []func()
}

// Where Debian has openQA, and which port the web pages are at unless told otherwise.
const (
	scripts = "/usr/share/openqa/script/"
	port    = 9526
)

// WorkerClass is what the worker's jobs must ask for, or nothing.
const WorkerClass = "qemu_x86_64"

// StartReal starts one for a test, with the tests that the distributions hold, folders
// named as DISTRI says. It listens on fixed ports, so the test must be alone
// (netns.Alone). It ends with the test and leaves nothing.
func StartReal(t testing.TB, distributions ...string) *Real {
	t.Helper()
	need.Root(t)
	for program, pkg := range programs {
		need.Tool(t, program, pkg)
	}
	r, err := Launch(t.Context(), distributions...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.said())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// programs are what it needs, and Debian's package of each.
var programs = map[string]string{
	"openqa-cli": "openqa-client", scripts + "openqa": "openqa", scripts + "worker": "openqa-worker", "isotovideo": "os-autoinst",
}

// Launch is StartReal for who is no test. Close ends it.
func Launch(ctx context.Context, distributions ...string) (_ *Real, err error) {
	r := &Real{URL: fmt.Sprintf("http://localhost:%d", port), Key: key(), Secret: key()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start openQA: %w\n%s", err, r.said()), r.Close())
		}
	}()
	if err := r.free(); err != nil {
		return nil, err
	}
	if err := r.folders(distributions); err != nil {
		return nil, err
	}
	if err := r.database(ctx); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{scripts + "initdb", "--init_database"},
		{scripts + "create_admin", "tester", "--key", r.Key, "--secret", r.Secret},
	} {
		if err := r.runOnce(ctx, args...); err != nil {
			return nil, err
		}
	}
	return r, r.services(ctx)
}

// key is one in openQA's form: 16 digits in base 16.
func key() string {
	var bytes [8]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return fmt.Sprintf("%X", bytes)
}

// services starts what stays.
func (r *Real) services(ctx context.Context) error {
	for name, args := range map[string][]string{
		"webui":      {scripts + "openqa", "daemon", "-m", "production", "-l", fmt.Sprintf("http://127.0.0.1:%d", port)},
		"websockets": {scripts + "openqa-websockets", "daemon", "-m", "production"},
		"scheduler":  {scripts + "openqa-scheduler", "daemon", "-m", "production"},
		"gru":        {scripts + "openqa", "gru", "-m", "production", "run"},
	} {
		if err := r.serve(name, args...); err != nil {
			return err
		}
	}
	if err := await(ctx, "the web pages", func() bool { return r.get("/api/v1/workers", nil) == nil }); err != nil {
		return err
	}
	if err := r.serve("worker", scripts+"worker", "--instance", "1", "--verbose"); err != nil {
		return err
	}
	return await(ctx, "the worker", r.workerIdle)
}

// free says whether another openQA has the ports.
func (r *Real) free() error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("its port is taken, perhaps by another openQA: %w", err)
	}
	return listener.Close()
}

// Close ends all of it and removes its folder.
func (r *Real) Close() error {
	for _, stop := range slices.Backward(r.stops) {
		stop()
	}
	r.stops = nil
	if r.dir == "" {
		return nil
	}
	return os.RemoveAll(r.dir)
}

// said is the end of what each program said.
func (r *Real) said() string {
	var b strings.Builder
	logs, _ := filepath.Glob(filepath.Join(r.dir, "*.log")) // the pattern is right
	for _, log := range logs {
		data, err := os.ReadFile(log)
		fmt.Fprintf(&b, "%s said:\n%s\n", filepath.Base(log), data[max(0, len(data)-8<<10):])
		if err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	return b.String()
}

// folders are those of openQA below one of its own, and its configuration.
func (r *Real) folders(distributions []string) error {
	account, err := user.Lookup("geekotest")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "openqa-"); err != nil {
		return err
	}
	r.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	base := filepath.Join(r.dir, "openqa")
	r.Folder = filepath.Join(base, "share", "factory", "hdd")
	for _, folder := range []string{
		r.Folder, filepath.Join(base, "share", "tests"), filepath.Join(base, "share", "factory", "tmp"), filepath.Join(base, "testresults"),
		filepath.Join(base, "images"), filepath.Join(base, "pool", "1"), filepath.Join(base, "db"), filepath.Join(r.dir, "etc"),
	} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	for _, distribution := range distributions {
		if err := os.CopyFS(filepath.Join(base, "share", "tests", filepath.Base(distribution)), os.DirFS(distribution)); err != nil {
			return err
		}
	}
	if err := r.configure(); err != nil {
		return err
	}
	return filepath.WalkDir(r.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

func (r *Real) configure() error {
	for name, text := range map[string]string{
		"openqa.ini":   "[global]\ndownload_domains = localhost 127.0.0.1\naudit_enabled = 0\n[auth]\nmethod = Fake\n[logging]\nlevel = info\n",
		"database.ini": "[production]\ndsn = dbi:Pg:dbname=postgres;host=" + r.dir + "\n",
		"client.conf":  "[localhost]\nkey = " + r.Key + "\nsecret = " + r.Secret + "\n",
		"workers.ini":  "[global]\nHOST = " + r.URL + "\nWORKER_HOSTNAME = localhost\n[1]\nWORKER_CLASS = " + WorkerClass + "\nQEMU_NO_KVM = 1\n", // os-autoinst takes KVM wherever its device is
	} {
		if err := os.WriteFile(filepath.Join(r.dir, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(r.dir, 0o755)
}

// database starts PostgreSQL at a socket in the folder, and nowhere else.
func (r *Real) database(ctx context.Context) error {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return errors.New("there is no PostgreSQL; run: apt-get install --no-install-recommends postgresql")
	}
	bin, data := filepath.Dir(found[len(found)-1]), filepath.Join(r.dir, "postgres")
	if err := r.runOnce(ctx, filepath.Join(bin, "initdb"), "--pgdata", data, "--auth", "trust", "--username", "geekotest", "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"); err != nil {
		return err
	}
	if err := r.serve("postgres", filepath.Join(bin, "postgres"), "-D", data, "-k", r.dir, "-c", "listen_addresses=", "-c", "fsync=off"); err != nil {
		return err
	}
	return await(ctx, "the database", func() bool {
		return exec.Run(ctx, r.command(filepath.Join(bin, "pg_isready"), "--quiet", "--host", r.dir)) == nil
	})
}

// command is a program of openQA's user.
func (r *Real) command(args ...string) exec.Cmd {
	return exec.Cmd{
		Args: args, Dir: r.dir, Attr: &syscall.SysProcAttr{Credential: r.user}, Grace: 5 * time.Second,
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "LANG=C.UTF-8", "USER=geekotest", "TMPDIR=" + os.TempDir(),
			"OPENQA_CONFIG=" + filepath.Join(r.dir, "etc"), "OPENQA_BASEDIR=" + r.dir, "PGHOST=" + r.dir, "OPENQA_SCHEDULER_SCHEDULE_TICK_MS=500",
		},
	}
}

func (r *Real) runOnce(ctx context.Context, args ...string) error {
	var said bytes.Buffer
	c := r.command(args...)
	c.Stdout, c.Stderr = &said, &said
	if err := exec.Run(ctx, c); err != nil {
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	return nil
}

// serve keeps a program running until Close.
func (r *Real) serve(name string, args ...string) error {
	ctx, cancel := context.WithCancel(context.Background())
	log, err := os.Create(filepath.Join(r.dir, name+".log"))
	if err != nil {
		cancel()
		return err
	}
	c := r.command(args...)
	c.Stdout, c.Stderr = log, log
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = exec.Run(ctx, c) // it is ended by a signal; what it said is in its log
	}()
	r.stops = append(r.stops, func() {
		cancel()
		<-done
		_ = log.Close()
	})
	return nil
}

// startDeadline is for each part of it.
const startDeadline = 2 * time.Minute

// await waits for what has no event that could be waited for.
func await(ctx context.Context, what string, there func() bool) error {
	for deadline := time.Now().Add(startDeadline); !there(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not come up within %v", what, startDeadline)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func (r *Real) get(path string, into any) error {
	response, err := http.Get(r.URL + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (r *Real) workerIdle() bool {
	var answer struct {
		Workers []struct {
			Status    string `json:"status"`
			Connected any    `json:"connected"`
			Websocket any    `json:"websocket"`
		} `json:"workers"`
	}
	if r.get("/api/v1/workers", &answer) != nil || len(answer.Workers) == 0 {
		return false
	}
	return answer.Workers[0].Status == "idle" && fmt.Sprint(answer.Workers[0].Connected) == "1"
}

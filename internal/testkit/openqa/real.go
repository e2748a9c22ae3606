package openqa

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
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

	t    testing.TB
	dir  string
	user *syscall.Credential
}

// Where Debian has openQA, and which port the web pages are at unless told otherwise.
const (
	scripts = "/usr/share/openqa/script/"
	port    = 9526
)

// WorkerClass is what the worker's jobs must ask for, or nothing.
const WorkerClass = "qemu_x86_64"

// StartReal starts one, with the tests that the distributions hold, folders named as
// DISTRI says. It listens on fixed ports, so the test must be alone (netns.Alone). It ends with
// the test and leaves nothing.
func StartReal(t testing.TB, distributions ...string) *Real {
	need.Root(t)
	for program, pkg := range map[string]string{"openqa-cli": "openqa-client", scripts + "openqa": "openqa", scripts + "worker": "openqa-worker", "isotovideo": "os-autoinst"} {
		need.Tool(t, program, pkg)
	}
	r := &Real{
		t: t, URL: fmt.Sprintf("http://localhost:%d", port), Key: "1234567890ABCDEF", Secret: "FEDCBA0987654321",
	}
	r.folders(distributions)
	r.database()
	r.runOnce("initdb", scripts+"initdb", "--init_database")
	r.runOnce("create_admin", scripts+"create_admin", "tester", "--key", r.Key, "--secret", r.Secret)
	for name, args := range map[string][]string{
		"webui":      {scripts + "openqa", "daemon", "-m", "production", "-l", fmt.Sprintf("http://127.0.0.1:%d", port)},
		"websockets": {scripts + "openqa-websockets", "daemon", "-m", "production"},
		"scheduler":  {scripts + "openqa-scheduler", "daemon", "-m", "production"},
		"gru":        {scripts + "openqa", "gru", "-m", "production", "run"},
	} {
		r.serve(name, args...)
	}
	r.await("the web pages", func() bool { return r.get("/api/v1/workers", nil) == nil })
	r.serve("worker", scripts+"worker", "--instance", "1", "--verbose")
	r.await("the worker", r.workerIdle)
	return r
}

// folders are those of openQA below one of the test, and its configuration.
func (r *Real) folders(distributions []string) {
	dir, err := os.MkdirTemp("", "openqa-")
	r.check(err)
	r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	account, err := user.Lookup("geekotest")
	r.check(err)
	uid, err := strconv.Atoi(account.Uid)
	r.check(err)
	gid, err := strconv.Atoi(account.Gid)
	r.check(err)
	r.dir, r.user = dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	r.Folder = filepath.Join(dir, "openqa", "share", "factory", "hdd")
	for _, folder := range []string{
		r.Folder, filepath.Join(dir, "openqa", "share", "tests"), filepath.Join(dir, "openqa", "share", "factory", "tmp"), filepath.Join(dir, "openqa", "testresults"),
		filepath.Join(dir, "openqa", "images"), filepath.Join(dir, "openqa", "pool", "1"), filepath.Join(dir, "openqa", "db"), filepath.Join(dir, "etc"),
	} {
		r.check(os.MkdirAll(folder, 0o755))
	}
	for _, distribution := range distributions {
		tests := filepath.Join(dir, "openqa", "share", "tests", filepath.Base(distribution))
		r.check(os.CopyFS(tests, os.DirFS(distribution)))
	}
	for name, text := range map[string]string{
		"openqa.ini":   "[global]\ndownload_domains = localhost 127.0.0.1\naudit_enabled = 0\n[auth]\nmethod = Fake\n[logging]\nlevel = info\n",
		"database.ini": "[production]\ndsn = dbi:Pg:dbname=postgres;host=" + dir + "\n",
		"client.conf":  "[localhost]\nkey = " + r.Key + "\nsecret = " + r.Secret + "\n",
		"workers.ini":  "[global]\nHOST = " + r.URL + "\nWORKER_HOSTNAME = localhost\n[1]\nWORKER_CLASS = " + WorkerClass + "\nQEMU_NO_KVM = 1\n", // os-autoinst takes KVM wherever its device is
	} {
		r.check(os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644))
	}
	r.check(os.Chmod(dir, 0o755))
	r.check(filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	}))
}

// database starts PostgreSQL at a socket in the folder, and nowhere else.
func (r *Real) database() {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	r.check(err)
	if len(found) == 0 {
		need.Tool(r.t, "/usr/lib/postgresql/15/bin/postgres", "postgresql")
	}
	bin, data := filepath.Dir(found[len(found)-1]), filepath.Join(r.dir, "postgres")
	r.runOnce("initdb of PostgreSQL", filepath.Join(bin, "initdb"), "--pgdata", data, "--auth", "trust", "--username", "geekotest", "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8")
	r.serve("postgres", filepath.Join(bin, "postgres"), "-D", data, "-k", r.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	r.await("the database", func() bool {
		return exec.Run(r.t.Context(), r.command(filepath.Join(bin, "pg_isready"), "--quiet", "--host", r.dir)) == nil
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

func (r *Real) runOnce(name string, args ...string) {
	var said bytes.Buffer
	c := r.command(args...)
	c.Stdout, c.Stderr = &said, &said
	if err := exec.Run(r.t.Context(), c); err != nil {
		r.t.Fatalf("%s: %v\n%s", name, err, said.String())
	}
}

// serve keeps a program running until the test ends, and shows what it said if that failed.
func (r *Real) serve(name string, args ...string) {
	ctx, cancel := context.WithCancel(context.Background())
	log, err := os.Create(filepath.Join(r.dir, name+".log"))
	r.check(err)
	c := r.command(args...)
	c.Stdout, c.Stderr = log, log
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = exec.Run(ctx, c) // it is ended by a signal; what it said is in its log
	}()
	r.t.Cleanup(func() {
		cancel()
		<-done
		_ = log.Close()
		if r.t.Failed() {
			data, _ := os.ReadFile(log.Name())
			r.t.Logf("%s said:\n%s", name, data[max(0, len(data)-8<<10):])
		}
	})
}

// await waits for what has no event that could be waited for.
func (r *Real) await(what string, there func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !there(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s of openQA did not come up", what)
		}
	}
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

func (r *Real) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

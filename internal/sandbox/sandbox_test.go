package sandbox

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// run runs c, and returns what it printed.
func run(t *testing.T, c Config) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := Run(ctx, c)
	return out.String(), err
}

func mustRun(t *testing.T, c Config) string {
	t.Helper()
	out, err := run(t, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// TestNotPermitted lists what must fail inside, with the words of its failure, so
// that a missing program is not taken for a refusal. Each would leave the machine as
// it is if it did succeed: this test is for the day when something is broken.
func TestNotPermitted(t *testing.T) {
	need.Root(t)
	for _, test := range []struct{ name, script, says string }{
		{"mount", "mount -t tmpfs none /mnt", "permission denied"},
		{"remount", "mount -o remount,rw /proc/sys", "permission denied"},
		{"make a disk", "mknod /disk b 8 0", "Operation not permitted"},
		{"change the clock", "date -s @$(date +%s)", "Operation not permitted"},
		{"set the program of crashes", "cat $core > /tmp/core; cat /tmp/core > $core", "Read-only file system"},
		{"rename the machine", "hostname $(hostname)", "you must be root"},
		{"change a device", "chmod 666 /dev/null", "Read-only file system"},
		{"look at the init process's environment", "cat /proc/1/environ", "Permission denied"},
		{"leave by the init process's root", "ls /proc/1/root/", "Permission denied"},
		{"get at the host's slipway", "cat /proc/1/exe", "Permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, profile := range []Profile{Build, Install} {
				c := hostConfig(t.TempDir(), "core=/proc/sys/kernel/core_pattern; "+test.script)
				c.Profile = profile
				out, err := run(t, c)
				if exec.ExitCode(err) <= 0 || !strings.Contains(out, test.says) {
					t.Errorf("profile %d: got %v and %q, want it to fail with %q", profile, err, out, test.says)
				}
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	need.Root(t)
	const script = "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)' /proc/self/status; umask"
	for profile, want := range map[Profile]string{
		Build:   "CapInh:0000000000000000 CapPrm:00000000000000fb CapEff:00000000000000fb CapBnd:00000000000000fb CapAmb:0000000000000000 NoNewPrivs:1 0022",
		Install: "CapInh:0000000000000000 CapPrm:00000000800401fb CapEff:00000000800401fb CapBnd:00000000800401fb CapAmb:0000000000000000 NoNewPrivs:0 0022",
	} {
		c := hostConfig(t.TempDir(), script)
		c.Profile = profile
		got := strings.Join(strings.Fields(strings.ReplaceAll(mustRun(t, c), ":\t", ":")), " ")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("profile %d (-want +got):\n%s", profile, diff)
		}
	}
}

func TestNetwork(t *testing.T) {
	need.Root(t)
	need.Tool(t, "bash", "bash")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	dial := []string{"bash", "-c", "echo > /dev/tcp/127.0.0.1/" + port}

	c := hostConfig(t.TempDir(), "")
	c.Args = dial
	if out, err := run(t, c); err == nil || !strings.Contains(out, "Connection refused") {
		t.Errorf("without network: got %v and %q, want its own loopback to refuse", err, out)
	}
	c.Network = true
	mustRun(t, c)
}

// TestWorld checks that what is inside is what was given, and no more.
func TestWorld(t *testing.T) {
	need.Root(t)
	t.Setenv("SLIPWAY_TEST_TOKEN", "do-not-leak")
	held, err := os.Open("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, test := range []struct{ name, script, want string }{
		{"environment", "exec env", "A=b c\nPATH=/usr/bin:/bin\n"},
		{"descriptors", "exec ls /proc/self/fd", "0\n1\n2\n3\n"}, // 3 is the listing itself
		{"processes", "set -- /proc/[0-9]*; echo $#", "2\n"},     // the init process, and the shell
		{"devices", "exec ls -m /dev", "fd, full, null, ptmx, pts, random, shm, stderr, stdin, stdout, tty, urandom,\nzero\n"},
		{"networks", "ls /proc/self/net/dev_snmp6", "lo\n"},
		{"hardware", "ls /sys", ""},
		{"hostname and folder", "cat /proc/sys/kernel/hostname; pwd", "builder\n/usr\n"},
		{"run", "ls /run", "lock\n"},
		{"terminal", "test -t 0 || echo none; cat", "none\n"},
		{"reaping", "(sh -c 'sleep 0.1 & exec true' &) ; sleep 0.4; set -- /proc/[0-9]*; echo $#", "2\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := hostConfig(t.TempDir(), test.script)
			c.Env = []string{"A=b c", "PATH=/usr/bin:/bin"}
			c.Args[0] = "/bin/dash"
			c.Hostname, c.Dir = "builder", "/usr"
			got := strings.ReplaceAll(mustRun(t, c), "PWD=/usr\n", "") // dash's own doing
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMasksAndBinds(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "do-not-leak")
	write(t, filepath.Join(dir, "source/main.c"), "code")
	write(t, filepath.Join(dir, "source/.git/config"), "do-not-leak")
	c := hostConfig(dir, strings.Join([]string{
		"cat $D/secret", "ls -A /root", "ls -A $D/hidden", "cat $D/hidden/in/main.c", "ls $D/hidden/in/.git",
		"echo more > $D/hidden/in/made", "touch $D/hidden/out/made 2>/dev/null || echo read-only", "touch /root/kept && ls /root",
	}, ";"))
	c.Env = append(c.Env, "D="+dir)
	write(t, filepath.Join(dir, "hidden/other"), "do-not-leak")
	c.Masks = []string{"/root", dir + "/secret", dir + "/hidden", dir + "/hidden/in/.git", dir + "/missing/file"}
	c.Binds = []Bind{
		{Source: dir + "/source", Target: dir + "/hidden/in"},
		{Source: dir + "/source", Target: dir + "/hidden/out", ReadOnly: true},
	}
	if diff := cmp.Diff("in\nout\ncoderead-only\nkept\n", mustRun(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := read(t, dir+"/source/made"); got != "more\n" {
		t.Errorf("a bind's changes: got %q", got)
	}
	if _, err := os.Stat("/root/kept"); err == nil {
		t.Errorf("a masked folder's changes reached the host")
	}
}

// TestLayers checks that changes go to Upper alone, that upper layers win, and
// that a link in a layer leads no mount out of it.
func TestLayers(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	upper, top, bottom := dir+"/upper", dir+"/top,1:a\\", dir+"/bottom"
	write(t, top+"/etc/who", "top")
	write(t, bottom+"/etc/who", "bottom")
	write(t, bottom+"/etc/where", "bottom")
	write(t, dir+"/outside/x", "host")
	write(t, bottom+dir+"/outside/y", "bottom")
	for link, to := range map[string]string{
		bottom + "/bin": "usr/bin", bottom + "/lib": "usr/lib", bottom + "/lib64": "usr/lib64", top + "/link": dir + "/outside",
	} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(upper, 0o755); err != nil {
		t.Fatal(err)
	}
	c := hostConfig(dir, "cat /etc/who /etc/where /link/x; echo changed > /etc/who; echo changed > /etc/where; rm /link")
	c.Lower, c.Upper = []string{top, bottom}, upper
	c.Binds = []Bind{{"/usr", "/usr", true}, {dir + "/outside/x", "/link/x", true}}
	if diff := cmp.Diff("topbottomhost", mustRun(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := []string{read(t, top+"/etc/who"), read(t, bottom+"/etc/where"), read(t, upper+"/etc/who"), read(t, upper+"/etc/where")}
	if diff := cmp.Diff([]string{"top", "bottom", "changed\n", "changed\n"}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(upper + dir + "/outside/x"); err != nil {
		t.Errorf("the link was not followed inside: %v", err)
	}
	left, _ := filepath.Glob(dir + "/sandbox-*")
	if len(left) > 0 {
		t.Errorf("scratch is left: %v", left)
	}
}

func TestErrors(t *testing.T) {
	need.Root(t)
	for _, test := range []struct {
		name   string
		change func(*Config)
		code   int
		says   string
	}{
		{"exit code", func(c *Config) { c.Args = []string{"sh", "-c", "exit 7"} }, 7, "sh -c exit 7: exit status 7"},
		{"signal", func(c *Config) { c.Args = []string{"sh", "-c", "kill -9 $$"} }, 137, "exit status 137"},
		{"end of stderr", func(c *Config) { c.Args = []string{"sh", "-c", "echo oh >&2; exit 1"} }, 1, ": oh"},
		{"no such program", func(c *Config) { c.Args = []string{"no-such-program"} }, -1, "no-such-program is not in the sandbox's PATH"},
		{"not a program", func(c *Config) { c.Args = []string{"/etc/passwd"} }, -1, "permission denied"},
		{"no such folder", func(c *Config) { c.Dir = "/no-such-folder" }, -1, "no such file"},
		{"no such layer", func(c *Config) { c.Lower = []string{"/no-such-layer"} }, -1, "/no-such-layer"},
		{"no such bind", func(c *Config) { c.Binds = []Bind{{Source: "/no-such-file", Target: "/x"}} }, -1, "/no-such-file"},
		{"nothing to run", func(c *Config) { c.Args = nil }, -1, "must not be empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := hostConfig(t.TempDir(), "true")
			test.change(&c)
			err := Run(t.Context(), c)
			if err == nil || exec.ExitCode(err) != test.code && test.code > 0 || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v (code %d), want code %d and %q", err, exec.ExitCode(err), test.code, test.says)
			}
			if errors.Is(err, ErrUnavailable) {
				t.Errorf("%v is taken for a machine without sandboxes", err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestProgramThatIsNotThere(t *testing.T) {
	need.Root(t)
	err := Run(t.Context(), Config{Lower: []string{"/"}, Work: t.TempDir(), Args: []string{"no-such-program"}, Env: []string{"PATH=/usr/bin"}})
	if !exec.IsNotFound(err) {
		t.Errorf("got error %v, want one that says it is not installed", err)
	}
}

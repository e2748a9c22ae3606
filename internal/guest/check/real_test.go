package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/internal/testkit/need"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Exit(m.Run())
}

// local is this machine's own system as a guest: its programs over an overlay that keeps
// what they change, and its network.
type local struct{ folder string }

func newLocal(t *testing.T) local {
	t.Helper()
	need.Root(t)
	l := local{t.TempDir()}
	for _, folder := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(l.folder, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l local) Run(ctx context.Context, c guest.Command) (guest.Output, error) {
	var stdout, stderr bytes.Buffer
	err := sandbox.Run(ctx, sandbox.Config{
		Lower: []string{"/"}, Upper: filepath.Join(l.folder, "upper"), Work: filepath.Join(l.folder, "work"),
		Network: true, Profile: sandbox.Install, Args: append([]string{"/usr/bin/env", "--"}, c.Args...),
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, Stdin: bytes.NewReader(c.Stdin), Stdout: &stdout, Stderr: &stderr,
	})
	code := max(0, exec.ExitCode(err))
	if code == 127 {
		return guest.Output{}, guest.ErrNoProgram
	}
	if err != nil && exec.ExitCode(err) < 0 {
		return guest.Output{}, err
	}
	return guest.Output{Code: code, Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
}

func (l local) Dial(ctx context.Context, port int) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// sh changes the guest.
func (l local) sh(t *testing.T, script string) {
	t.Helper()
	out, err := l.Run(t.Context(), guest.Command{Args: []string{"sh", "-euc", script}})
	if err != nil || out.Code != 0 {
		t.Fatalf("%v, code %d: %s%s", err, out.Code, out.Stdout, out.Stderr)
	}
}

// read reads a check as a plan does.
func read[T any](t *testing.T, text string) *T {
	t.Helper()
	var c T
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if v, ok := any(&c).(Check); ok {
		if err := v.Validate(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return &c
}

func wants(t *testing.T, c Check, g guest.Guest, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(c.Check(ctx, g), "\n")); diff != "" {
		t.Errorf("%+v (-want +got):\n%s", c, diff)
	}
}

func TestFiles(t *testing.T) {
	g := newLocal(t)
	g.sh(t, `mkdir -p '/opt/a b'; echo hello world >'/opt/a b/file'; chown 1234:daemon '/opt/a b/file'; chmod 4750 '/opt/a b/file'
		ln -s '/opt/a b/file' /opt/link; ln -s nowhere /opt/dangling; chmod 700 '/opt/a b'`)
	for text, want := range map[string]string{
		`[{path: /opt/a b/file, mode: "4750", owner: "1234:1", contains: lo wo, matches: "^hello", type: file}]`: "",
		`[{path: /opt/a b/file, owner: "UNKNOWN:daemon"}]`:                                                       "",
		`[{path: /opt/link, mode: "04750", type: file, contains: hello}]`:                                        "",
		`[{path: /opt/link, type: link, target: /opt/a b/file}]`:                                                 "",
		`[{path: /opt/dangling, target: nowhere}]`:                                                               "",
		`[{path: /opt/a b, type: dir, mode: "0700", owner: "root:root"}, {path: /opt/none, absent: true}]`:       "",
		`[{path: /opt/dangling}]`:                            "/opt/dangling is not there",
		`[{path: /opt/dangling, absent: true}]`:              "/opt/dangling is there, want it absent",
		`[{path: /opt/none, mode: "0644"}]`:                  "/opt/none is not there",
		`[{path: /opt/a b/file, mode: "0750"}]`:              "/opt/a b/file has mode 4750, want 0750",
		`[{path: /opt/a b/file, owner: "root:root"}]`:        "/opt/a b/file belongs to UNKNOWN:daemon (1234:1), want root:root",
		`[{path: /opt/a b/file, contains: bye}]`:             `/opt/a b/file holds "hello world", want "bye" in it`,
		`[{path: /opt/a b/file, matches: "^world"}]`:         `/opt/a b/file is "hello world", want it to match "^world"`,
		`[{path: /opt/a b/file, type: dir}]`:                 "/opt/a b/file is a file, want a dir",
		`[{path: /opt/a b, contains: x}]`:                    "/opt/a b is a dir, want a file to read",
		`[{path: /opt/a b/file, target: x}]`:                 "/opt/a b/file is a file, want a link\nreadlink /opt/a b/file ended with code 1: \"\"",
		`[{path: /opt/link, target: x}]`:                     "/opt/link leads to /opt/a b/file, want x",
		`[{path: /dev/null, type: socket}]`:                  "/dev/null has mode 20666, want a socket",
		`[{path: /opt/none}, {path: /opt/a b, type: "dir"}]`: "/opt/none is not there",
	} {
		wants(t, read[Files](t, text), g, want)
	}
}

func TestRun(t *testing.T) {
	g := newLocal(t)
	for text, want := range map[string]string{
		`{args: [sh, -c, "echo out; echo err >&2; exit 3"], exit: 3, stdout: "^out$", stderr: ^err}`: "",
		`{args: [cat], stdin: hello, stdout: "^hello$"}`:                                             "",
		`{args: ["false"]}`: `false ended with code 1, want 0; it said "" and ""`,
		`{args: [echo, a], exit: 1, stdout: b, stderr: c}`: "echo ended with code 0, want 1; it said \"a\" and \"\"\necho's standard output is \"a\", want it to match \"b\"\necho's standard error is \"\", want it to match \"c\"",
		`{args: [no-such-program]}`:                        "the guest has no no-such-program: the guest has no such program",
	} {
		wants(t, read[Run](t, text), g, want)
	}
}

func TestKernel(t *testing.T) {
	g := newLocal(t)
	wants(t, read[Kernel](t, `">= 2.6.32, < 99"`), g)
	c := read[Kernel](t, `"> 99"`)
	if got := c.Check(t.Context(), g); len(got) != 1 || !strings.HasPrefix(got[0], "the kernel is ") || !strings.HasSuffix(got[0], ", want > 99") {
		t.Errorf("got %q", got)
	}
}

func TestUsers(t *testing.T) {
	g := newLocal(t)
	g.sh(t, "groupadd -g 4711 testers; useradd -u 4712 -N -g daemon -G testers,adm tester")
	for text, want := range map[string]string{
		`[{name: root, uid: 0, groups: [root]}, {name: tester, uid: 4712, groups: [testers, adm]}]`: "",
		`[{name: tester, uid: 1, groups: [root, adm]}]`:                                             "user tester is 4712, want 1\nuser tester is in daemon, adm, testers, want it in root too",
		`[{name: nobody-here}]`: "there is no user nobody-here",
	} {
		wants(t, read[Users](t, text), g, want)
	}
}

func TestSockets(t *testing.T) {
	g := newLocal(t)
	folder := t.TempDir()
	stream, datagram := filepath.Join(folder, "stream"), filepath.Join(folder, "datagram")
	listener, err := net.Listen("unix", stream)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	bound, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: datagram})
	if err != nil {
		t.Fatal(err)
	}
	defer bound.Close()
	abstract := fmt.Sprintf("@slipway-test-%d", os.Getpid())
	hidden, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer hidden.Close()
	wants(t, &Sockets{stream, datagram, abstract}, g)
	// A file of a socket at which nobody listens any more.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	listener.Close()
	wants(t, &Sockets{stream}, g, "nobody listens at "+stream)
	// A socket that has the name, and does not listen.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	deaf := filepath.Join(folder, "deaf")
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: deaf}); err != nil {
		t.Fatal(err)
	}
	wants(t, &Sockets{deaf}, g, "nobody listens at "+deaf)
}

// serve answers each connection, on a port of its own.
func serve(t *testing.T, answer func(net.Conn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestPort(t *testing.T) {
	g := newLocal(t)
	silent := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	speaks := serve(t, func(c net.Conn) {
		for _, word := range []string{"SSH", "-2.0-Open", "SSH\r\n"} {
			fmt.Fprint(c, word)
			time.Sleep(10 * time.Millisecond) // so that they come one by one
		}
		_, _ = io.Copy(io.Discard, c)
	})
	answers := serve(t, func(c net.Conn) {
		asked := make([]byte, 5)
		if _, err := io.ReadFull(c, asked); err == nil && string(asked) == "hello" {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
		}
	})
	slams := serve(t, func(net.Conn) {})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	refused := fmt.Sprintf("dial tcp 127.0.0.1:%d: connect: connection refused", closed)
	for _, test := range []struct {
		port int
		rest string
		want string
	}{
		{silent, "from: outside", ""},
		{silent, "from: inside", ""},
		{silent, "from: outside, closed: true", "port %d is open from outside, want it closed"},
		{silent, "from: inside, closed: true", "port %d is open from inside, want it closed"},
		{speaks, "from: outside, banner: ^SSH-2.0-OpenSSH", ""},
		{speaks, "from: outside", ""},
		{answers, "from: outside, send: hello, banner: ^HTTP/1.1 200", ""},
		{answers, "from: outside, send: hullo, banner: ^HTTP/1.1 200", `port %d from outside: what the server says is "", want it to match "^HTTP/1.1 200"`},
		{slams, "from: outside", "port %d is closed from outside (the connection was closed at once), want it open"},
		{slams, "from: outside, closed: true", ""},
		{closed, "from: outside, closed: true", ""},
		{closed, "from: inside, closed: true", ""},
		{closed, "from: inside", "port %d is closed from inside (nobody listens at it), want it open"},
		{closed, "from: outside", "port %d is closed from outside (" + refused + "), want it open"},
		{closed, "from: outside, banner: x", "port %d is closed from outside (" + refused + "), want it open"},
	} {
		want := test.want
		if want != "" {
			want = fmt.Sprintf(want, test.port)
		}
		wants(t, read[Port](t, fmt.Sprintf("{number: %d, %s}", test.port, test.rest)), g, want)
	}
}

// A guest that is not there at all has no closed ports.
func TestNothingIsClosedWhereNobodyAnswers(t *testing.T) {
	gone := errors.New("the guest is gone")
	for _, text := range []string{"{number: 1, from: outside, closed: true}", "{number: 1, from: inside, closed: true}"} {
		c := read[Port](t, text)
		if got := c.Check(t.Context(), absent{gone}); len(got) != 1 || !strings.Contains(got[0], "the guest is gone") {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// absent is a guest that does not answer.
type absent struct{ err error }

func (a absent) Run(context.Context, guest.Command) (guest.Output, error) {
	return guest.Output{}, a.err
}
func (a absent) Dial(context.Context, int) (net.Conn, error) { return nil, a.err }

func TestPackagesOfDpkg(t *testing.T) {
	need.Tool(t, "dpkg-deb", "dpkg")
	g := newLocal(t)
	g.sh(t, `for v in hello-guest_20261121.100 epoch_1:1.0-3; do
			n=${v%%_*}; mkdir -p /tmp/$n/DEBIAN
			printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: M <m@example.com>\nDescription: d\n' $n ${v#*_} >/tmp/$n/DEBIAN/control
			dpkg-deb -b /tmp/$n /tmp/$n.deb; dpkg -i /tmp/$n.deb
		done
		dpkg --unpack /tmp/epoch.deb; dpkg --configure epoch
		sed 's/^Package:.*/Package: half/' /tmp/epoch/DEBIAN/control >/tmp/c; mv /tmp/c /tmp/epoch/DEBIAN/control
		dpkg-deb -b /tmp/epoch /tmp/half.deb; dpkg --unpack /tmp/half.deb`)
	packages(t, g, map[string]string{
		`{present: ["hello-guest >= 20261121.99", hello-guest = 20261121.100, dpkg], absent: [no-such-package, half]}`: "",
		`{present: [epoch >= 1.0]}`:                                     "",
		`{present: [epoch < 1:1.0-10]}`:                                 "",
		`{present: ["epoch > 1:1.0~rc1-1"]}`:                            "",
		`{present: [epoch >= 2:0]}`:                                     "epoch is 1:1.0-3, want >= 2:0",
		`{present: [hello-guest < 20261121.99, no-such-package, half]}`: "hello-guest is 20261121.100, want < 20261121.99\nno-such-package is not installed\nhalf is not installed",
		`{absent: [hello-guest]}`:                                       "hello-guest 20261121.100 is installed, want it absent",
	})
}

func TestPackagesOfRpm(t *testing.T) {
	need.Tool(t, "rpmbuild", "rpm")
	g := newLocal(t)
	g.sh(t, `rm -f /usr/bin/dpkg-query; rpm --initdb
		package() {
			printf 'Name: %s\n%s\nVersion: %s\nRelease: %s\nSummary: s\nLicense: l\nBuildArch: noarch\n%%description\nd\n%%files\n' "$1" "$4" "$2" "$3" >/tmp/$1.spec
			rpmbuild -bb --define '_topdir /tmp/rpm' --define '_buildshell /bin/bash' /tmp/$1.spec
		}
		package hello-guest 20261121.100 1 ""
		package epoch 1.0 3 "Epoch: 2"
		package early 1.0~rc1 1 ""
		package kernel 5.14 1 ""; package kernel 5.14 2 ""
		rpm -i --nodeps --justdb /tmp/rpm/RPMS/noarch/*.rpm`)
	packages(t, g, map[string]string{
		`{present: ["hello-guest >= 20261121.99", "hello-guest = 20261121.100", "hello-guest = 20261121.100-1", epoch], absent: [no-such-package]}`: "",
		`{present: ["epoch >= 2:1.0", "epoch > 99", "early < 1.0", "early >= 0.9", "kernel = 5.14-2", "kernel >= 5.9"]}`:                            "",
		`{present: ["hello-guest = 20261121.100-2"]}`: "hello-guest is 20261121.100-1, want = 20261121.100-2",
		`{present: ["early >= 1.0"]}`:                 "early is 1.0~rc1-1, want >= 1.0",
		`{present: ["epoch < 3", "kernel > 5.14"]}`:   "epoch is 2:1.0-3, want < 3\nkernel is 5.14-1, 5.14-2, want > 5.14",
		`{absent: [early]}`:                           "early 1.0~rc1-1 is installed, want it absent",
	})
}

func packages(t *testing.T, g guest.Guest, tests map[string]string) {
	t.Helper()
	for text, want := range tests {
		wants(t, read[Packages](t, text), g, want)
	}
}

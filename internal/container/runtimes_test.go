package container

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestOtherRuntimes starts the same root by the other runtimes.
func TestOtherRuntimes(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("LXD and podman take a while; run: SLIPWAY_E2E=os go test ./internal/container")
	}
	need.Tool(t, "podman", "podman")
	need.Tool(t, "lxd", "lxd")
	need.Tool(t, "lxc", "lxd-client")
	for _, runtime := range []Runtime{LXD{}, Podman{}} {
		t.Run(runtime.Name(), func(t *testing.T) {
			with, err := runtime.Try(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Log(with)
			c := machineConfig(t)
			c.Scratch = t.TempDir()
			out := &console{}
			m, err := runtime.Starter(c).Start(t.Context(), out)
			if err != nil {
				t.Fatalf("%v\n%v", err, out)
			}
			t.Cleanup(func() { _ = m.Close() })
			checkMachine(t, m)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(out.String(), "Debian GNU/Linux") {
				t.Errorf("the console has %q", out)
			}
			checkKilled(t, runtime, 5*time.Second)
			if left, _ := filepath.Glob(c.Scratch + "/*"); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// LXD reads an image's file again: another one than was opened is not tested for it.
func TestLXDChanged(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "os" {
		t.Skip("LXD takes a while; run: SLIPWAY_E2E=os go test ./internal/container")
	}
	need.Tool(t, "lxd", "lxd")
	need.Tool(t, "lxc", "lxd-client")
	metadata := "architecture: x86_64\ncreation_date: 1700000000\n"
	file := writeFile(t, archive(t, map[string]string{"metadata.yaml": metadata, "rootfs/sbin/init": "one"}), "a.tar")
	o, err := Cache{Folder: filepath.Join(t.TempDir(), "roots"), Say: func(string) {}}.Open(t.Context(), "lxd:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := os.WriteFile(file, archive(t, map[string]string{"metadata.yaml": metadata, "rootfs/sbin/init": "two"}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = LXD{}.Starter(Config{Root: o.Root, Boot: 5 * time.Second}).Start(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "nothing may write to it meanwhile") {
		t.Errorf("got %v", err)
	}
}

// TestMachine is what every runtime's machine does.
func TestMachine(t *testing.T) {
	checkMachine(t, start(t, machineConfig(t), &console{}))
}

// machineConfig has a file of this machine in it, and a port to connect to.
func machineConfig(t *testing.T) Config {
	c := config(t)
	c.Binds = slices.Concat(bound(t, "bound", "/srv/bound"),
		bound(t, "[Socket]\nListenStream=127.0.0.1:7777\nAccept=yes\n", "/etc/systemd/system/hello.socket"),
		bound(t, "[Service]\nExecStart=echo hello\nStandardOutput=socket\n", "/etc/systemd/system/hello@.service"))
	return c
}

func checkMachine(t *testing.T, m guest.Machine) {
	t.Helper()
	if got := run(t, m, "sh", "-c", "systemctl is-system-running; cat /srv/bound; ls -1 /sys/class/net; id -u"); got != "running\nboundlo\n0" {
		t.Errorf("state, bind, interfaces, user: %q", got)
	}
	checkRun(t, m)
	checkDial(t, m)
	checkReboot(t, m)
}

func checkRun(t *testing.T, m guest.Machine) {
	t.Helper()
	for _, test := range []struct {
		args []string
		want int
	}{{[]string{"sh", "-c", "exit 3"}, 3}, {[]string{"sh", "-c", "kill -TERM $$"}, 143}, {[]string{"sh", "-c", "exit 127"}, 127}} {
		got, err := m.Run(t.Context(), guest.Command{Args: test.args})
		if err != nil || got.Code != test.want {
			t.Errorf("%q: %d, %v", test.args, got.Code, err)
		}
	}
	if _, err := m.Run(t.Context(), guest.Command{Args: []string{"no-such-program"}}); !errors.Is(err, guest.ErrNoProgram) {
		t.Errorf("no such program: %v", err)
	}
	got, err := m.Run(t.Context(), guest.Command{Args: []string{"sh", "-c", "cat; head -c 2000000 /dev/zero"}, Stdin: []byte("hello")})
	if err != nil || !bytes.HasPrefix(got.Stdout, []byte("hello\x00")) || len(got.Stdout) != guest.MaxOutput {
		t.Errorf("%d bytes, %v", len(got.Stdout), err)
	}
}

func checkDial(t *testing.T, m guest.Machine) {
	t.Helper()
	run(t, m, "systemctl", "start", "hello.socket")
	conn, err := m.Dial(t.Context(), 7777)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	said, err := io.ReadAll(conn)
	if err != nil || string(said) != "hello\n" {
		t.Errorf("the port says %q, %v", said, err)
	}
	if _, err := m.Dial(t.Context(), 7778); err == nil {
		t.Error("a port answers that nobody listens on")
	}
}

func checkReboot(t *testing.T, m guest.Machine) {
	t.Helper()
	id := run(t, m, "sh", "-c", "touch /var/marker; cat /proc/1/stat | cut -d' ' -f22")
	err := m.Reboot(t.Context())
	if errors.Is(err, guest.ErrUnsupported) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, m, "test", "-e", "/var/marker")
	if again := run(t, m, "sh", "-c", "cat /proc/1/stat | cut -d' ' -f22"); again == id {
		t.Error("the first process is the one from before the reboot")
	}
}

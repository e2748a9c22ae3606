// Package netns runs a test in a network namespace of its own.
//
// Prow's programs listen at every address of a machine, on fixed ports. In a namespace
// that is loopback alone, where nobody else is; and all that a test starts there ends
// with it, whatever becomes of the test.
package netns

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

const inside = "SLIPWAY_TEST_NETNS"

// Alone says whether the test runs in a namespace of its own. Where it does not, Alone
// runs it again in one, reports how that went, and the caller returns. hosts are names
// of the loopback there.
func Alone(t *testing.T, hosts ...string) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		return true
	}
	need.Root(t)
	need.Tool(t, "unshare", "util-linux")
	need.Tool(t, "ip", "iproute2")
	file := filepath.Join(t.TempDir(), "hosts")
	text := "127.0.0.1 localhost " + strings.Join(hosts, " ") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	deadline, ok := t.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Hour)
	}
	const script = `ip link set lo up && mount --bind "$1" /etc/hosts && shift && exec "$@"`
	var out bytes.Buffer
	err := exec.Run(t.Context(), exec.Cmd{
		Args: []string{
			"unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", file,
			os.Args[0], "-test.run=^" + t.Name() + "$", "-test.v", fmt.Sprintf("-test.timeout=%s", time.Until(deadline).Round(time.Second)),
		},
		Env: append(os.Environ(), inside+"="+t.Name()), Stdout: &out, Stderr: &out,
	})
	if err != nil {
		t.Fatalf("in a network namespace: %v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Fatalf("in a network namespace it did not pass:\n%s", out.String())
	}
	t.Log(out.String())
	return false
}

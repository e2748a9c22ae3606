package containercmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// Whichever of the two is at fault, the boot fails, says why, and is evidence about both.
func TestPairFails(t *testing.T) {
	nothingLeft(t)
	for _, tt := range []struct {
		name, vm, boot, init, suites string
		reason                       []string
	}{
		{"the machine is silent", tinyguest.Silent, "3s", goodInit, "", []string{"no virtual machine to run in", "did not answer within"}},
		{"the container ends at once", tinyguest.OK, "20s", "#!/bin/sh\nexit 1\n", "", []string{"did not start within", "of which its virtual machine took", "pidof httpd exited with 1"}},
		{"a step fails", tinyguest.OK, "90s", goodInit, "start: [[sh, -c, 'echo no luck {root}; exit 7']]", []string{"could not be started", "exited with 7: no luck /run/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			p.write("plan.yaml", strings.Replace(pairPlan, "90s", tt.boot, 1))
			if tt.suites != "" {
				begin, rest, _ := strings.Cut(pairSuites, "start:\n")
				_, rest, _ = strings.Cut(rest, "\n")
				p.write("suites.yaml", begin+tt.suites+"\n"+rest)
			}
			p.hold("guest/live", tinyContainer(t, tt.init))
			p.hold("machine/live", tinyVM(t, tt.vm))
			c := call(t.Context(), t, Test, p.args("bvt-cq")...)
			got := c.status(t, "boot")
			if c.code != cli.ExitFailed || got.Status != guest.Failed {
				t.Errorf("exit code %d, %+v", c.code, got)
			}
			for _, reason := range tt.reason {
				if !strings.Contains(got.Reason, reason) {
					t.Errorf("the reason is %q, want %q in it", got.Reason, reason)
				}
			}
			if other := c.status(t, "service").Status; other != guest.Skipped {
				t.Errorf("another test is %s", other)
			}
			if about := p.evidence("bvt-cq"); len(about) != 2 || !strings.Contains(c.stderr, "evidence: failed") {
				t.Errorf("evidence is about %q", about)
			}
		})
	}
}

// What keeps a suite from being tested is no verdict on anything.
func TestPairRefused(t *testing.T) {
	p := newPair(t)
	p.hold("machine/staging", []byte("a disk"))
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a channel that holds nothing", p.args("pfq"), cli.ExitFailed, "guest/staging holds nothing yet"},
		{"unknown suite", p.args("cq"), cli.ExitMisused, `no suite "cq" in ` + p.dir + "/suites.yaml; it has bvt-cq, pfq"},
		{"no suites", []string{"--suite", "pfq", "--ledger", "x"}, cli.ExitMisused, "--suites is missing"},
		{"no ledger", []string{"--suite", "pfq", "--suites", p.dir + "/suites.yaml"}, cli.ExitMisused, "--ledger is missing"},
		{"a root too", p.args("pfq", "rootfs:x"), cli.ExitMisused, "leave rootfs:x out"},
		{"a plan too", p.args("pfq", "--plan", "x"), cli.ExitMisused, "--plan, --runtime"},
		{"no such accelerator", p.args("pfq", "--accel", "hax"), cli.ExitMisused, "--accel hax"},
		{"no suites' file", p.args("pfq", "--suites", "/nothing.yaml"), cli.ExitMisused, "/nothing.yaml"},
		{"not for a root", []string{"rootfs:x", "--plan", "x", "--suites", "x"}, cli.ExitMisused, "--suites, --ledger and --accel are for --suite"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c := call(t.Context(), t, Test, tt.args...); c.code != tt.code || !strings.Contains(c.stderr, tt.want) {
				t.Errorf("exit code %d, want %d and %q", c.code, tt.code, tt.want)
			}
		})
	}
	digest := p.hold("guest/live", tinyContainer(t, goodInit))
	p.hold("machine/live", []byte("a disk"))
	blob := filepath.Join(p.dir, "files/blobs/sha256", digest)
	if err := errors.Join(os.Remove(blob), os.WriteFile(blob, tinyContainer(t, "#!/bin/sh\necho evil\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if c := call(t.Context(), t, Test, p.args("bvt-cq")...); c.code != cli.ExitFailed || !strings.Contains(c.stderr, "its bytes have sha256") {
		t.Errorf("other bytes than the digest's: exit code %d", c.code)
	}
	p.write("suites.yaml", strings.Replace(pairSuites, "guest/staging", "gues/staging", 1))
	if c := call(t.Context(), t, Test, p.args("pfq")...); c.code != cli.ExitMisused || !strings.Contains(c.stderr, "did you mean guest/staging") {
		t.Errorf("a channel that is not there: exit code %d", c.code)
	}
	if about := append(p.evidence("pfq"), p.evidence("bvt-cq")...); len(about) > 0 {
		t.Errorf("evidence is about %q", about)
	}
}

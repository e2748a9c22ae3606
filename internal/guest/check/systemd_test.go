package check

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/container"
	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/guest"
)

// scripted is a guest that answers with the next of its outputs, and then with the last.
type scripted struct {
	outputs []string
	asked   int
}

func (s *scripted) Run(ctx context.Context, _ guest.Command) (guest.Output, error) {
	if ctx.Err() != nil {
		return guest.Output{}, context.Cause(ctx)
	}
	out := s.outputs[min(s.asked, len(s.outputs)-1)]
	s.asked++
	return guest.Output{Stdout: []byte(out)}, nil
}

func (s *scripted) Dial(context.Context, int) (net.Conn, error) { return nil, guest.ErrUnsupported }

// What systemd says in the middle of things. A bubble's clock jumps over the waiting.
func TestSystemdAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		check   Check
		outputs []string
		want    string
		asked   int
	}{
		{"already up", read[System](t, "running"), []string{"running\n"}, "", 1},
		{"does not wait", read[System](t, "running"), []string{"offline\n", "", "initializing\n", "starting\n", "running\n"}, "", 5},
		{"never up", read[System](t, "running"), []string{"starting\n"}, "the system is still starting: context deadline exceeded", 0},
		{"allowed", read[System](t, "degraded"), []string{"degraded\n"}, "", 1},
		{"degraded", read[System](t, "running"), []string{"degraded\n", "a.service loaded failed failed A\nb.mount loaded failed failed B\n"},
			"the system is degraded, want running; failed: a.service, b.mount", 2},
		{"maintenance", read[System](t, "running"), []string{"maintenance\n", ""}, "the system is maintenance, want running", 2},
		{"none failed", read[FailedUnits](t, "none"), []string{""}, "", 1},
		{"failed with a dot", read[FailedUnits](t, "none"), []string{"● a.service loaded failed failed A\n"}, "a.service failed", 1},
		{"some allowed", read[FailedUnits](t, "{allow: ['a*.service']}"), []string{"a.service x\nab.service x\nb.service x\n"}, "b.service failed", 1},
		{"active", &Services{"a", "b"}, []string{"active\nactive\n"}, "", 1},
		{"inactive", &Services{"a", "b", "c"}, []string{"active\ninactive\nfailed\n"}, "b is inactive, want active\nc is failed, want active", 1},
		{"activating", &Services{"a", "b"}, []string{"activating\nactive\n", "reloading\nactivating\n", "active\nactive\n"}, "", 3},
		{"activating for ever", &Services{"a"}, []string{"activating\n"}, "a is activating, want active\nrun systemctl is-active a in the guest: context deadline exceeded", 0},
		{"one failed and one is activating", &Services{"a", "b"}, []string{"activating\nfailed\n"}, "a is activating, want active\nb is failed, want active", 1},
		{"too few states", &Services{"a", "b"}, []string{"active\n"}, `systemctl gave 1 states for 2 units: "active"`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				g := &scripted{outputs: test.outputs}
				if diff := cmp.Diff(test.want, strings.Join(test.check.Check(ctx, g), "\n")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if test.asked > 0 && g.asked != test.asked {
					t.Errorf("asked %d times, want %d", g.asked, test.asked)
				}
			})
		})
	}
}

// A guest that does not answer is a finding of every check, and none hides it.
func TestEveryCheckTellsOfAGuestThatIsGone(t *testing.T) {
	gone := absent{errors.New("the guest is gone")}
	for _, c := range []Check{
		read[Kernel](t, "'> 1'"), read[System](t, "running"), read[FailedUnits](t, "none"), &Services{"a"},
		read[Port](t, "{number: 1, from: inside}"), read[Port](t, "{number: 1, from: outside}"),
		read[Files](t, "[{path: /a, absent: true}]"), read[Files](t, "[{path: /a}]"), read[Run](t, "{args: [a]}"),
		read[Packages](t, "{absent: [a]}"), read[Users](t, "[{name: a}]"), &Sockets{"/a"},
	} {
		if got := c.Check(t.Context(), gone); len(got) == 0 || !strings.Contains(got[0], "the guest is gone") {
			t.Errorf("%T: got %q", c, got)
		}
		none := absent{guest.ErrNoProgram}
		if _, ok := c.(*Port); ok {
			continue
		}
		if got := c.Check(t.Context(), none); len(got) == 0 || !strings.Contains(got[0], "the guest has no ") {
			t.Errorf("%T: got %q", c, got)
		}
	}
}

// The same with a real systemd.
func TestRealSystemd(t *testing.T) {
	root := container.Root{Name: "test", Tree: containertest.Root(t), Init: "/sbin/init"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g, err := container.Nspawn{}.Starter(container.Config{Root: root}).Start(ctx, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	running, degraded, none := read[System](t, "running"), read[System](t, "degraded"), read[FailedUnits](t, "none")
	wants(t, running, g)
	wants(t, none, g)
	wants(t, &Services{"dbus", "systemd-journald", "multi-user.target"}, g)
	wants(t, &Sockets{"/run/dbus/system_bus_socket"}, g)
	wants(t, &Services{"no-such-unit", "dbus"}, g, "no-such-unit is inactive, want active")
	wants(t, read[Packages](t, "{present: [systemd >= 200, dbus], absent: [telnetd]}"), g)
	unit := "[Service]\nType=oneshot\nExecStart=/bin/false\n"
	for _, c := range []guest.Command{
		{Args: []string{"tee", "/run/systemd/system/broken.service"}, Stdin: []byte(unit)},
		{Args: []string{"systemctl", "start", "broken.service"}},
	} {
		if _, err := g.Run(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, none, g, "broken.service failed")
	wants(t, running, g, "the system is degraded, want running; failed: broken.service")
	wants(t, degraded, g)
	wants(t, read[FailedUnits](t, "{allow: [broken.*]}"), g)
	wants(t, &Services{"broken"}, g, "broken is failed, want active")
}

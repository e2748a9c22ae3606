package runner

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// The whole way on a real virtual machine: boot, snapshot, tests on restored machines, a
// reboot, and a test that fails.
func TestTinyGuest(t *testing.T) {
	c := tinyguest.Config(t, tinyguest.OK)
	p := parse(t,
		fmt.Sprintf("{name: kernel, kernel: '= %s'}", strings.SplitN(tinyguest.KernelVersion(t), "-", 2)[0]),
		"{name: running, system: running}",
		"{name: units, failed-units: none}",
		"{name: services, services: [ssh]}",
		"{name: ssh, port: {number: 22, from: outside, banner: ^SSH-2.0}}",
		"{name: ssh-inside, port: {number: 22, from: inside}}",
		"{name: web, port: {number: 80, from: outside, closed: true}}",
		"{name: files, files: [{path: /etc/passwd, contains: 'root:', owner: 'root:root', type: file}, {path: /no, absent: true}]}",
		"{name: user, users: [{name: root, uid: 0}]}",
		"{name: fails, run: {args: ['false']}}",
		"{name: reboot, reboot: {stateless: true, then: [running, ssh]}}",
	)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := Run(ctx, Config{
		Plan: p, Starter: c, Available: qemu.Available, Artifacts: t.TempDir(), Say: func(message string) { t.Log(message) },
		Event: func(e Event) {
			if e.Result != nil {
				t.Log(e.Test, e.Result.Status, e.Result.Time, e.Result.Reason)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "boot:passed kernel:passed running:passed units:passed services:passed ssh:passed ssh-inside:passed web:passed " +
		"files:passed user:passed fails:failed reboot:passed console:passed"
	if got := statuses(r); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, test := range r.Tests {
		if test.Status != guest.Passed {
			t.Log(test.Name, test.Reason, test.Detail, test.Files)
		}
	}
	t.Log(r.Timings, r.Files, r.Finished.Sub(r.Started))
}

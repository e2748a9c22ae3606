package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const whole = `name: hello-os
machine: {memory: 512Mi, cpus: 2, firmware: [uefi, bios], boot: 3m}
timeout: 90s
console:
  ignore: [{pattern: selinux-denied, reason: the policy is permissive}]
tests:
- {name: kernel, kernel: ">= 6.1, < 7"}
- {name: running, system: running}
- {name: units, failed-units: none}
- {name: most-units, failed-units: {allow: ["systemd-*.service"]}}
- {name: services, services: [ssh, hello-guest.timer], timeout: 10s}
- {name: sshd-outside, port: {number: 22, from: outside, banner: "^SSH-2.0"}}
- {name: closed, port: {number: 80, from: outside, closed: true}}
- {name: web, port: {number: 8080, from: outside, send: "GET / HTTP/1.0\r\n\r\n", banner: "^HTTP/1.[01] 200"}}
- {name: inside, port: {number: 25, from: inside}}
- name: files
  files:
  - {path: /etc/os-release, contains: ID=hello-os, mode: 0644, owner: "root:root", type: file}
  - {path: /etc/machine-id, matches: "^[0-9a-f]{32}$"}
  - {path: /root/.ssh/authorized_keys, absent: true}
  - {path: /etc/os-release, type: link, target: ../usr/lib/os-release}
- {name: hello, run: {args: [hello-guest, --version], exit: 0, stdout: "^hello", stderr: "^$"}}
- {name: packages, packages: {present: ["hello-guest >= 20261121.00", libc6], absent: [telnetd]}}
- {name: users, users: [{name: root, uid: 0, groups: [root]}]}
- {name: sockets, sockets: [/run/dbus/system_bus_socket]}
- {name: changes, changes: true, run: {args: [rm, /etc/motd]}}
- {name: reboot, reboot: {then: [running, units]}}
- {name: upgrade, upgrade: {version: [cat, /etc/version], command: [up], rollback: [down], then: [running]}}
`

func TestParse(t *testing.T) {
	p, err := Parse("plan.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if p.Machine.Memory != 512<<20 || p.Machine.Boot != 3*time.Minute || p.Timeout != 90*time.Second || !slices.Contains(p.Console.Names(), "selinux-denied") {
		t.Errorf("got %+v", p)
	}
	var names, alone []string
	for i := range p.Tests {
		test := &p.Tests[i]
		names = append(names, test.Name)
		if test.Alone() {
			alone = append(alone, test.Name)
		}
		if want := 1; len(test.Checks()) != want && !test.Alone() {
			t.Errorf("%s: %d checks, want %d", test.Name, len(test.Checks()), want)
		}
	}
	if len(names) != 17 || strings.Join(alone, " ") != "changes reboot upgrade" || !p.Upgrades() {
		t.Errorf("got %q, of which %q change the guest", names, alone)
	}
	for name, want := range map[string]time.Duration{"kernel": 90 * time.Second, "services": 10 * time.Second, "reboot": 270 * time.Second, "upgrade": 810 * time.Second} {
		if got := p.Deadline(p.Test(name)); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
	if got := p.Test("files").Checks()[0]; !strings.Contains(cmp.Diff(nil, got), `Mode:     "0644"`) {
		t.Errorf("the mode is not as written: %+v", got)
	}
}

func TestDefaults(t *testing.T) {
	p, err := Parse("plan.yaml", []byte("name: a\ntests: [{name: b, system: running}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Machine{Memory: 1 << 30, CPUs: 2, Firmware: []string{"uefi"}, Boot: 5 * time.Minute}
	if diff := cmp.Diff(want, p.Machine); diff != "" || p.Timeout != time.Minute {
		t.Errorf("(-want +got):\n%s, timeout %s", diff, p.Timeout)
	}
}

func TestBadPlans(t *testing.T) {
	const head = "name: a\ntests:\n"
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "parse plan.yaml: it is empty"},
		{"no mapping", "- a", "parse plan.yaml: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into plan.Plan"},
		{"two documents", head + "- {name: b, system: running}\n---\nname: c\n", "parse plan.yaml: it holds more than one document"},
		{"unknown field", head + "- {name: b, system: running, systme: x}", "line 3: field systme not found in type plan.Test"},
		{"unknown field of a check", head + "- {name: b, port: {number: 1, from: inside, bannner: x}}", "line 3: field bannner not found in type check.Port"},
		{"field twice", head + "- {name: b, system: running, system: degraded}", `line 3: mapping key "system" already defined at line 3`},
		{"no name", "tests: [{name: b, system: running}]", `plan.yaml: name "": want letters`},
		{"no test", "name: a\n", "plan.yaml: it has no test: add one to tests"},
		{"no name of a test", head + "- system: running", "plan.yaml: line 3: test 1: name: want letters"},
		{"name that is a path", head + "- {name: ../b, system: running}", "plan.yaml: line 3: test ../b: name: want letters"},
		{"reserved", head + "- {name: console, system: running}", "line 3: test console: each run has a test of this name already"},
		{"twice", head + "- {name: b, system: running}\n- {name: b, system: running}", "plan.yaml: line 4: test b: line 3 has a test of this name"},
		{"nothing", head + "- {name: b}", "line 3: test b: it checks nothing: add a check"},
		{"null", head + "- {name: b, services: null}", "it checks nothing"},
		{"no service", head + "- {name: b, services: []}", "test b: names no service"},
		{"option for a service", head + "- {name: b, services: [--all]}", `"--all" is no name of a service`},
		{"kernel", head + "- {name: b, kernel: new}", `line 3: kernel "new" bounds no version`},
		{"system", head + "- {name: b, system: up}", `system "up": want running or degraded`},
		{"failed units", head + "- {name: b, failed-units: {alow: [x]}}", "line 3: failed-units: want none, or {allow: [units]}"},
		{"pattern", head + "- {name: b, run: {args: [a], stdout: '('}}", "line 3: error parsing regexp"},
		{"no program", head + "- {name: b, run: {exit: 1}}", "run: args names no program"},
		{"exit", head + "- {name: b, run: {args: [a], exit: 256}}", "run: exit 256"},
		{"port", head + "- {name: b, port: {number: 70000, from: inside}}", "port: number 70000"},
		{"port from", head + "- {name: b, port: {number: 22}}", `port 22: from "": want outside or inside`},
		{"closed with a banner", head + "- {name: b, port: {number: 22, from: outside, closed: true, banner: x}}", "port 22: a banner is seen from outside"},
		{"send alone", head + "- {name: b, port: {number: 22, from: outside, send: x}}", "port 22: send without banner"},
		{"path", head + "- {name: b, files: [{path: etc}]}", `file "etc": want a clean path`},
		{"absent and more", head + "- {name: b, files: [{path: /a, absent: true, mode: '0644'}]}", `file "/a": what is absent has nothing else`},
		{"mode", head + "- {name: b, files: [{path: /a, mode: rw}]}", `mode "rw": want it as in "0644"`},
		{"owner", head + "- {name: b, files: [{path: /a, owner: root}]}", `owner "root": want USER:GROUP`},
		{"type", head + "- {name: b, files: [{path: /a, type: fifo}]}", `type "fifo"`},
		{"content of a dir", head + "- {name: b, files: [{path: /a, type: dir, contains: x}]}", "a dir is not read"},
		{"target of a file", head + "- {name: b, files: [{path: /a, type: file, target: x}]}", "a file has no target"},
		{"package", head + "- {name: b, packages: {present: ['a >> 1']}}", `package "a >> 1": want NAME, or NAME >= VERSION`},
		{"package's version is code", head + "- {name: b, packages: {present: ['a >= 1\")']}}", "want NAME, or NAME >= VERSION"},
		{"absent version", head + "- {name: b, packages: {absent: ['a >= 1']}}", "what is absent has no version"},
		{"no package", head + "- {name: b, packages: {}}", "names no package"},
		{"user", head + "- {name: b, users: [{groups: [a]}]}", `"" is no name of a user`},
		{"socket", head + "- {name: b, sockets: [run/x]}", `socket "run/x": want a path`},
		{"timeout without a unit", "name: a\ntimeout: 60\ntests:\n- {name: b, system: running}", "line 2: cannot unmarshal !!int `60` into time.Duration"},
		{"timeout of a test", head + "- {name: b, system: running, timeout: 1ms}", "test b: timeout 1ms"},
		{"short timeout", "name: a\ntimeout: 60ms\ntests:\n- {name: b, system: running}", "timeout 60ms: want 1s to 24h, with its unit"},
		{"boot", "name: a\nmachine: {boot: 0.1s}\ntests:\n- {name: b, system: running}", "machine: boot 100ms"},
		{"memory", "name: a\nmachine: {memory: 512}\ntests:\n- {name: b, system: running}", `line 2: "512" is no size; write it as in 512Mi`},
		{"memory too large", "name: a\nmachine: {memory: 99999999Ti}\ntests:\n- {name: b, system: running}", `"99999999Ti" is too large`},
		{"cpus", "name: a\nmachine: {cpus: -1}\ntests:\n- {name: b, system: running}", "machine: cpus -1"},
		{"firmware", "name: a\nmachine: {firmware: [efi]}\ntests:\n- {name: b, system: running}", `machine: firmware "efi": want uefi or bios`},
		{"firmware twice", "name: a\nmachine: {firmware: [bios, bios]}\ntests:\n- {name: b, system: running}", "firmware bios is there twice"},
		{"no firmware", "name: a\nmachine: {firmware: []}\ntests:\n- {name: b, system: running}", "firmware names none"},
		{"ignored pattern", "name: a\nconsole: {ignore: [{pattern: x, reason: y}]}\ntests:\n- {name: b, system: running}", `there is no pattern "x"`},
		{"no reason", "name: a\nconsole: {ignore: [{pattern: kernel-panic}]}\ntests:\n- {name: b, system: running}", "kernel-panic has no reason"},
		{"then", head + "- {name: b, reboot: {then: [c]}}", `test b: reboot: then: there is no test "c"`},
		{"then itself", head + "- {name: b, reboot: {then: [b]}}", "reboot: then: b reboots itself"},
		{"both", head + "- {name: b, reboot: {}, upgrade: {version: [a], command: [b], rollback: [c]}}", "reboot and upgrade are two tests"},
		{"no rollback", head + "- {name: b, upgrade: {version: [a], command: [b]}}", "upgrade: rollback names no program"},
		{"upgrade and more", head + "- {name: b, system: running, upgrade: {version: [a], command: [b], rollback: [c]}}", "an upgrade has no other checks"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := Parse("plan.yaml", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "plan.yaml") || p != nil {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// One look at the error is to be enough.
func TestErrorNamesAllThatIsWrong(t *testing.T) {
	_, err := Parse("plan.yaml", []byte("name: a\ntests:\n- {name: b}\n- {name: c, system: up}\n- {name: c, services: []}\n"))
	want := `plan.yaml: line 3: test b: it checks nothing: add a check, as in system: running
plan.yaml: line 4: test c: system "up": want running or degraded
plan.yaml: line 5: test c: line 4 has a test of this name: choose another
plan.yaml: line 5: test c: names no service`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if _, err := Load(file); err == nil || !strings.HasPrefix(err.Error(), "read the test plan: open "+file) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(file); err != nil || p.File != file {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"1Ki": 1 << 10, "512Mi": 512 << 20, "1Gi": 1 << 30, "2Ti": 2 << 40} {
		if got, err := ParseSize(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	if got := Size(1000).String(); got != "1000 bytes" {
		t.Errorf("got %s", got)
	}
}

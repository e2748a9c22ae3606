package runner

import (
	"context"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/plan"
)

// observe runs the checks of a test, and its reboot if what was seen before it is good.
func (s *session) observe(ctx context.Context, m *machine, t *plan.Test) []string {
	ctx, stop := m.until(ctx)
	defer stop()
	problems := look(ctx, m, t)
	if t.Reboot != nil && len(problems) == 0 {
		problems = s.reboot(ctx, m, t.Reboot)
	}
	return ending(ctx, problems)
}

// ending adds why ctx ended, if it did: then what was seen is not all there is to see.
func ending(ctx context.Context, problems []string) []string {
	cause := context.Cause(ctx)
	if cause == nil || len(problems) > 0 && strings.Contains(problems[len(problems)-1], cause.Error()) {
		return problems
	}
	return append(problems, cause.Error())
}

// look runs the checks of a test.
func look(ctx context.Context, g guest.Guest, t *plan.Test) []string {
	var problems []string
	for _, c := range t.Checks() {
		problems = append(problems, c.Check(ctx, g)...)
	}
	return problems
}

// then runs tests that have to hold after something.
func (s *session) then(ctx context.Context, m *machine, after string, names []string) []string {
	var problems []string
	for _, name := range names {
		for _, problem := range look(ctx, m, s.Plan.Test(name)) {
			problems = append(problems, fmt.Sprintf("after the %s, %s: %s", after, name, problem))
		}
	}
	return problems
}

// marker is the file that has to survive a reboot.
const marker = "/var/lib/slipway-marker"

// reboot lets the guest reboot, and sees that it came back with its files.
func (s *session) reboot(ctx context.Context, m *machine, r *plan.Reboot) []string {
	text := "slipway: " + m.name + "\n"
	if !r.Stateless {
		if _, problem := run(ctx, m, text, "tee", marker); problem != "" {
			return []string{problem}
		}
	}
	if problem := s.restart(ctx, m); problem != "" {
		return []string{problem}
	}
	var problems []string
	if !r.Stateless {
		if have, problem := run(ctx, m, "", "cat", marker); problem != "" || have != text {
			problems = append(problems, fmt.Sprintf("%s did not survive the reboot%s", marker, colon(problem)))
		}
	}
	return append(problems, s.then(ctx, m, "reboot", r.Then)...)
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// restart reboots the guest, lets it settle, and sees that it is another boot.
func (s *session) restart(ctx context.Context, m *machine) (problem string) {
	before, problem := bootOf(ctx, m)
	if problem != "" {
		return problem
	}
	if err := m.Reboot(ctx); err != nil {
		return "reboot: " + err.Error()
	}
	after, problem := bootOf(ctx, m)
	if problem != "" {
		return "after the reboot: " + problem
	}
	if after == before {
		return "it did not reboot: the boot and its first process are the same as before"
	}
	s.settle(ctx, m)
	return ""
}

// bootOf names a boot: by the kernel's name for it, and by when the first process began,
// since containers share the kernel's.
func bootOf(ctx context.Context, m *machine) (name, problem string) {
	const started = 22 // field of stat; the second one, in parentheses, may hold spaces
	out, problem := run(ctx, m, "", "cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat")
	if problem != "" {
		return "", problem
	}
	id, stat, _ := strings.Cut(out, "\n")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < started-2 {
		return "", fmt.Sprintf("/proc/1/stat is %q", stat)
	}
	return id + " " + fields[started-3], ""
}

// run runs a program that has to succeed.
func run(ctx context.Context, m *machine, stdin string, args ...string) (stdout, problem string) {
	out, err := m.Run(ctx, guest.Command{Args: args, Stdin: []byte(stdin)})
	if err != nil {
		return "", fmt.Sprintf("run %s: %v", strings.Join(args, " "), err)
	}
	if out.Code != 0 {
		return "", oneLine(fmt.Sprintf("%s ended with code %d: %s %s", strings.Join(args, " "), out.Code, out.Stdout, out.Stderr))
	}
	return string(out.Stdout), ""
}

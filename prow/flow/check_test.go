package flow

import (
	"strings"
	"testing"
)

// Each mistake is one replacement in the example, and is named.
func TestMistakesAreNamed(t *testing.T) {
	tests := []struct {
		name, old, new, want string
		also                 []string
	}{
		{"unknown field", "owner:", "owmer: x\nowner:", `unknown field "owmer"`, nil},
		{"no owner", "owner: guest-maintainers\n", "", "owner is missing", nil},
		{"project", "project: crostini-guest", "project: Crostini", "project is missing or no plain name", nil},
		{"repository", "  repo: crostini-guest\n", "", "repository needs org and repo", nil},
		{"track twice", "    72: release", "    71: release-R71.B\n    72: release", "key 71 already set", nil},
		{"branch twice", "72: release-R72-11316.B", "72: release-R71-11151.B", "tracks 71 and 72 are both on branch", nil},
		{"track on main", "72: release-R72-11316.B", "72: master", "which is the branch of the track after the newest", nil},
		{"track without branch", "72: release-R72-11316.B", `72: ""`, "track 72 has no branch", nil},
		{"track 0", "72: release", "0: release", "0 is no number of a track", nil},
		{"name twice", "[canary, dev,", "[canary, canary,", `name "canary" is not a word of its own`, nil},
		{"no main", "  main: master\n", "", "main is missing", nil},
		{"image without digest", "/guest-tools@", "/guest-tools:latest # ", "is not named by digest", nil},
		{"later with digest", "    command: [apt-signer]", "    later: soon\n    command: [apt-signer]", "comes later and must be named without digest", nil},
		{"unknown identity", "identity: signer", "identity: nobody", `identity "nobody" is not among identities`, nil},
		{"no command", "    command: [apt-repo]\n", "", "build apt_repo: command is missing", nil},
		{"unknown brace", "{unsigned_repo}\", --key", "{unsigned}\", --key", "{unsigned} is no input, output, track or branch", nil},
		{"output twice", "outputs: [unsigned_repo]", "outputs: [unsigned_repo, signed_repo]", "both output signed_repo", nil},
		{"output that is an input", "outputs: [mesa_packages]", "outputs: [mesa_packages, mesa_packages]", "is no name of its own", nil},
		{"unused build", "      mesa: {}\n", "", "build mesa is in no flow", nil},
		{"reserved name", "  mesa:\n", "  take:\n", "build take: it needs another name", nil},
		{"unknown build", "      mesa: {}\n", "      mesa: {}\n      coffee: {}\n", "build coffee is not among builds", nil},
		{"unknown input", "apt_signer: {}", "apt_signer: {inputs: {beans: signed_repo}}", "build apt_signer has no input beans", nil},
		{"input nobody outputs", "      guest_tools: {}\n      apt_repo: {}\n", "      guest_tools: {}\n", "lxd_container needs unsigned_repo, which no build of it outputs", nil},
		{"bound to nothing", "      apt_signer: {}", "      apt_signer: {inputs: {unsigned_repo: beans}}", "needs beans, which no build of it outputs", nil},
		{"required input from a later track", "    optional: [mesa_packages]\n", "", "{mesa_packages} is no input", nil},
		{"missing in an old track", "    inputs: [guest_packages]\n    optional: [mesa_packages]", "    inputs: [guest_packages, mesa_packages]", "flow crostini-guest/71: apt_repo needs mesa_packages", nil},
		{"cycle", "      guest_tools: {args: [--version=20000101.00]}", "      guest_tools: {inputs: {base: container}}", "its builds wait for each other: ", []string{"    outputs: [guest_packages]", "    optional: [base]\n    outputs: [guest_packages]"}},
		{"presubmit that publishes", "      lxd_container: {inputs: {repo: unsigned_repo}}\n\n", "      lxd_container: {inputs: {repo: unsigned_repo}}\n      publish_lxd_staging: {}\n\n", "build publish_lxd_staging is of identity publisher, which holds credentials", nil},
		{"presubmit that signs", "      apt_repo: {}\n      lxd_container: {inputs: {repo: unsigned_repo}}\n\n", "      apt_repo: {}\n      apt_signer: {}\n      lxd_container: {}\n\n", "build apt_signer is of identity signer", nil},
		{"presubmit of two identities", "  apt_repo:\n    identity: builder", "  apt_repo:\n    identity: other", "a presubmit has no store to hand over in", []string{"  builder: {", "  other: {cluster: build}\n  builder: {"}},
		{"no trigger", "trigger: {periodic: {interval: 6h}}", "trigger: {}", "trigger must be one of", nil},
		{"two triggers", "trigger: {periodic: {interval: 6h}}", "trigger: {periodic: {interval: 6h}, postsubmit: {}}", "trigger must be one of", nil},
		{"interval", "interval: 6h", "interval: often", `interval "often" is no time`, nil},
		{"interval and cron", "interval: 6h", "interval: 6h, cron: 0 1 * * *", "periodic needs interval or cron", nil},
		{"vote", "Code-Review+2", "Code-Review", `vote "Code-Review" is not a label and a value`, nil},
		{"no store", "store: flows", "#", "takes what another identity left in the store", nil},
		{"no step", "step: registry", "# registry", "the image of flow-step by digest under step", nil},
		{"long name", "project: crostini-guest", "project: " + strings.Repeat("crostini", 8), "is longer than the 63 characters", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := complete(t)
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the example does not hold %q", tt.old)
			}
			if tt.also != nil {
				text = strings.Replace(text, tt.also[0], tt.also[1], 1)
			}
			_, err := Parse([]byte(strings.Replace(text, tt.old, tt.new, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

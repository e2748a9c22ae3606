package configcheck

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func check(t *testing.T, o Options) Report {
	t.Helper()
	report, err := Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestFixtureIsClean(t *testing.T) {
	report := check(t, Options{Checkout: write(t), Folders: sources(t)})
	if len(report.Findings) > 0 || len(report.Unseen) > 0 {
		t.Errorf("found %v, could not see %v", report.Findings, report.Unseen)
	}
	if report.Jobs != 6 || report.Rules != len(rules) {
		t.Errorf("looked at %d jobs by %d rules", report.Jobs, report.Rules)
	}
}

// pod is where os-test's pod ends.
const pod = "      volumes: []\n"

// container is where os-test's container ends.
const container = "        resources: {requests: {cpu: \"1\", memory: 1Gi}}\n      volumes: []\n"

// edit replaces a text of the jobs.
func edit(before, after string) []string { return []string{"jobs/os.yaml", before, after} }

// Each row breaks the fixture in one place, and one rule alone must find it, with words
// that name what is wrong.
var broken = []struct {
	rule, what, says string
	edits            []string
}{
	{"decorated", "a bare pod", "decorate: true", edit("decorate: true\n    cluster: build\n    annotations: {slipway.dev/owner: maintainer-three", "cluster: build\n    annotations: {slipway.dev/owner: maintainer-three")},
	{"name", "a periodic named as a presubmit", "a presubmit of jobs/os.yaml has its name", edit("os-audit", "os-test")},
	{"name", "a postsubmit named as a presubmit", "has its name", edit("os-next", "os-test")},
	{"owner", "none", "it has no owner", edit("slipway.dev/owner: maintainer-one", "a: b")},
	{"owner", "a stranger", "its owner somebody is neither", edit("slipway.dev/owner: maintainer-one", "slipway.dev/owner: somebody")},
	{"image", "another registry", `image "busybox" is not of registry.example.com/images`, edit("image: TOOL", "image: busybox")},
	{"image", "a tag", "is not named by digest", edit("image: TOOL", "image: registry.example.com/images/tool:latest")},
	{"image", "a digest of zeros", "a digest of zeros", edit("image: TOOL", "image: registry.example.com/images/tool@sha256:"+strings.Repeat("0", 64))},
	{"image", "one that is gone", "image tool is not in images/", []string{"images/tool/Dockerfile", "", ""}},
	{"image", "one outside of images/", "is not in images/", edit("image: TOOL", "image: registry.example.com/images/../images/tool"+fixtureDigest)},
	{"image", "Prow's own", `image "busybox" is not`, []string{"config/config.yaml", "sidecar: UTILITY", "sidecar: busybox"}},
	{"program", "sh -c", "runs a script of sh", edit("command: [tool]", "command: [/bin/sh, -c, 'tool | tail']")},
	{"program", "bash in args", "runs a script of bash", edit("command: [tool]", "command: [bash]\n        args: [-ec, tool]")},
	{"program", "bash with its flags apart", "runs a script of bash", edit("command: [tool]", "command: [bash, -o, pipefail, -e, -c, tool]")},
	{"program", "sh behind env", "runs a script of sh", edit("command: [tool]", "command: [/usr/bin/env, A=b, sh, -c, tool]")},
	{"program", "busybox", "runs a script of busybox", edit("command: [tool]", "command: [busybox, sh, -c, tool]")},
	{"command", "a program of another image", "container test starts fixer, which image tool does not hold", []string{
		"images/fixer/main.go", "", "package main\n", "jobs/os.yaml", "command: [tool]", "command: [fixer]"}},
	{"command", "behind another program", "container test starts fixer, which image tool does not hold", []string{
		"images/fixer/main.go", "", "package main\n", "jobs/os.yaml", "command: [tool]", "command: [tool, run, --, /fixer]"}},
	{"resources", "none", "asks for no cpu or no memory", edit("        resources: {requests: {cpu: \"1\", memory: 1Gi}}\n      volumes: []", "      volumes: []")},
	{"resources", "no memory", "asks for no cpu or no memory", edit(`{requests: {cpu: "1", memory: 1Gi}}`, `{requests: {cpu: "1"}}`)},
	{"timeout", "longer than plank's", "it may take 5h0m15s", edit("decorate: true\n", "decorate: true\n    decoration_config: {timeout: 5h}\n")},
	{"cluster", "a misspelt one", "lists no cluster bild", edit("cluster: build", "cluster: bild")},
	{"cluster", "Prow's own, by default", "lists no cluster default", edit("    cluster: build\n", "")},
	{"cluster", "a presubmit beside secrets", "it is a presubmit on cluster trusted", edit("cluster: build", "cluster: trusted")},
	{"cluster", "publishing from the untrusted one", "it publishes (it has the secret registry-writer) on cluster build", edit("cluster: trusted", "cluster: build")},
	{"board", "two tabs", "board os has a tab os-test for os-test", edit("testgrid-tab-name: try", "testgrid-tab-name: os-test")},
	{"branches", "none", "names no branches", edit("    branches: [^main$, \"^release-[0-9]+$\"]\n", "")},
	{"branches", "no end", "branch ^main matches more than it says; write ^main$", edit("[^main$,", "[^main,")},
	{"branches", "an alternative without", "matches more", edit("[^main$,", "[^main|next$,")},
	{"branches", "of a presubmit", "branch main matches more", edit("run_if_changed: ^boot/", "run_if_changed: ^boot/\n    branches: [main]")},
	{"branches", "left out without anchors", "branch release matches more", edit("run_if_changed: ^boot/", "run_if_changed: ^boot/\n    skip_branches: [release]")},
	{"branches", "a version's tag", "a pushed tag such as 20261121.00", edit(`"^release-[0-9]+$"`, `'^[0-9.]+$'`)},
	{"changed-files", "run on none", "run_if_changed ^bot/ matches no file of example/os", edit("^boot/", "^bot/")},
	{"changed-files", "skip on none", "skip_if_only_changed ^doc/ matches no file", edit("^docs/", "^doc/")},
	{"changed-files", "skip on all", "skip_if_only_changed .* matches all files", edit("^docs/", ".*")},
	{"in-repo", "one repository", "lets example/os bring jobs", []string{"config/config.yaml", "\ntide:", "\nin_repo_config: {enabled: {example/os: true}}\ntide:"}},
	{"comment", "in a line", "in the midst of a line", edit("run_if_changed: ^boot/", "run_if_changed: ^boot/\n    trigger: /boot\n    rerun_command: /boot")},
	{"trigger", "a label that is not there", `has no label "trybot"`, edit("trigger-label: trybot-ready", "trigger-label: trybot")},
	{"trigger", "no labels at all", `has no label "trybot-ready"`, []string{"config/labels.yaml", "", ""}},
	{"trigger", "a review that is none", `no review is "good"`, edit("trigger-label: trybot-ready", "trigger-review: good")},
	{"trigger", "a vote that is none", `"Code-Review 2" is no vote`, edit("trigger-label: trybot-ready", "trigger-vote: Code-Review 2")},
	{"trigger", "it starts by itself", "starts by itself", edit("always_run: false", "always_run: true")},
	{"trigger", "Tide starts it", "starts by itself", edit("always_run: false", "always_run: false\n    run_before_merge: true")},
	{"trigger", "no presubmit", "is no presubmit", edit("slipway.dev/owner: maintainer-one", "slipway.dev/owner: maintainer-one, slipway.dev/trigger-label: area/boot")},
	{"merge", "no query", "no query of Tide covers example/os", []string{"config/config.yaml", "orgs: [example], labels", "orgs: [other], labels"}},
	{"presubmit", "a secret", "it mounts the volume v", edit(pod, "      volumes: [{name: v, secret: {secretName: logs-reader}}]\n")},
	{"presubmit", "a claim", "it mounts the volume v", edit(pod, "      volumes: [{name: v, persistentVolumeClaim: {claimName: cache}}]\n")},
	{"presubmit", "a folder of the host", "it mounts the volume v", edit(pod, "      volumes: [{name: v, hostPath: {path: /}}]\n")},
	{"presubmit", "a projected token", "it mounts the volume v", edit(pod, "      volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]\n")},
	{"presubmit", "what a driver brings", "it mounts the volume v", edit(pod, "      volumes: [{name: v, csi: {driver: secrets-store.csi.k8s.io}}]\n")},
	{"presubmit", "a secret of a variable", "the secret s in its environment", edit(container, "        env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n"+container)},
	{"presubmit", "a secret of all variables", "the secret s in its environment", edit(container, "        envFrom: [{secretRef: {name: s}}]\n"+container)},
	{"presubmit", "privilege", "has privileged: true", edit(container, "        securityContext: {privileged: true}\n"+container)},
	{"presubmit", "escalation", "has allowPrivilegeEscalation", edit(container, "        securityContext: {allowPrivilegeEscalation: true}\n"+container)},
	{"presubmit", "a capability", "has more capabilities", edit(container, "        securityContext: {capabilities: {add: [SYS_ADMIN]}}\n"+container)},
	{"presubmit", "a port of the host", "has a port of the host", edit(container, "        ports: [{containerPort: 1, hostPort: 1}]\n"+container)},
	{"presubmit", "the host's network", "has hostNetwork", edit(pod, "      hostNetwork: true\n")},
	{"presubmit", "the host's processes", "has hostPID", edit(pod, "      hostPID: true\n")},
	{"presubmit", "the host's memory", "has hostIPC", edit(pod, "      hostIPC: true\n")},
	{"presubmit", "a service account", "the service account publisher", edit(pod, "      serviceAccountName: publisher\n")},
	{"presubmit", "a token", "a service account's token", edit(pod, "      automountServiceAccountToken: true\n")},
	{"presubmit", "a key for its logs that publishes", "its decoration has the secret registry-writer", edit("decorate: true\n", "decorate: true\n    decoration_config: {gcs_credentials_secret: registry-writer}\n")},
	{"presubmit", "a secret of a preset", "it mounts the volume p", []string{
		"jobs/os.yaml", "\npresubmits:", "\npresets:\n- labels: {preset-key: \"true\"}\n  volumes: [{name: p, secret: {secretName: logs-reader}}]\npresubmits:",
		"jobs/os.yaml", "decorate: true\n", "decorate: true\n    labels: {preset-key: \"true\"}\n"}},
	{"presubmit", "a service account by decoration", "runs as publisher", edit("decorate: true\n", "decorate: true\n    decoration_config: {default_service_account_name: publisher}\n")},
	{"secret", "an unknown one", "config/check.yaml does not know the secret other", edit("registry-writer}", "other}")},
	{"publishing", "two at once", "two of it may run at once", edit("max_concurrency: 1", "max_concurrency: 2")},
	{"publishing", "of a claim alone", "it writes to the volume claim releases) and two", []string{
		"jobs/os.yaml", "{name: key, secret: {secretName: registry-writer}}", "{name: key, emptyDir: {}}", "jobs/os.yaml", "max_concurrency: 1", "max_concurrency: 3"}},
	{"publishing", "no branch protected", "from main of example/os, which is not protected", []string{"config/config.yaml", "example: {protect: true}", "other: {protect: true}"}},
	{"publishing", "an excluded branch", "from dependabot1 of example/os, which branch-protection leaves out", edit(`"^release-[0-9]+$"`, `"^dependabot[0-9]$"`)},
	{"publishing", "a branch beside those included", "from release-1 of example/os, which branch-protection leaves out", []string{"config/config.yaml", "exclude: [^dependabot]", "include: [^main$]"}},
	{"publishing", "the commit of a pull request", "from pull requests of example/os", edit("base_ref: main}", "base_ref: main, pulls: [{number: 1, author: somebody, sha: a}]}")},
	{"publishing", "a ref that is no branch", `from "refs/changes/1" of example/os`, edit("base_ref: main", "base_ref: refs/changes/1")},
	{"publishing", "a foreign repository", "from main of other/os, which is not protected", edit("org: example, repo: os, base_ref: main", "org: other, repo: os, base_ref: main")},
	{"rerun", "by the job", "its rerun_auth_config lets", edit(`branches: ["^ $"]`, "branches: [\"^ $\"]\n    rerun_auth_config: {github_users: [maintainer-one]}")},
	{"rerun", "by deck", "default_rerun_auth_configs let somebody", []string{"config/config.yaml", "cluster: trusted, rerun_auth_configs: {}", "cluster: trusted, rerun_auth_configs: {allow_anyone: true}"}},
	{"promoter", "on a push", "a push starts it", edit("os/next@sha256:1", "os/stable@sha256:1")},
	{"promoter", "with no channel named", "a push starts it", edit(`, "os/next@sha256:1"`, "")},
	{"promoter", "with no arguments", "a push starts it", edit(`args: [apply, "os/next@sha256:1"], `, "")},
	{"promoter", "by the clock", "the clock starts it", edit("args: [audit]", "args: [apply, os/stable]")},
	{"promoter", "with its verb beside the program", "the clock starts it", edit("command: [promoter], args: [audit]", "command: [promoter, apply], args: [audit]")},
	{"promoter", "by another program of its image", "the clock starts it", edit("command: [promoter], args: [audit]", "command: [flow-step], args: [audit]")},
	{"promoter", "of a pull request", "a pull request starts it", []string{
		"jobs/os.yaml", "image: TOOL\n        command: [tool]", "image: PROMOTER\n        command: [promoter]\n        args: [apply, os/next]",
		"config/config.yaml", "{github_orgs: [example]}", "{}"}},
	{"promoter", "by a label", "has the annotation slipway.dev/trigger-label", edit("os/stable}", "os/stable, slipway.dev/trigger-label: trybot-ready}")},
	{"release-tag", "no expression", "error parsing regexp", edit(`'^v[0-9]+\.[0-9]+$'`, `'^v($'`)},
	{"release-tag", "no anchors", "matches more than it says", edit(`'^v[0-9]+\.[0-9]+$'`, `'^v[0-9]+'`)},
	{"release-tag", "a channel without approvers", "nobody may push its tags", []string{"config/channels.yaml", "approvals: {count: 2, signers: [unit], path: config/stable}", "tests: [{name: unit, signers: [unit]}]", "config/channels.yaml", ", override: maintainers", ""}},
	{"release-tag", "no channel", "one of the annotations", edit(", slipway.dev/channel: os/stable", "")},
	{"release-tag", "an unknown channel", "no channel os/stabel", edit("slipway.dev/channel: os/stable", "slipway.dev/channel: os/stabel")},
	{"release-tag", "another channel than it moves", "do not move os/stable alone", edit("args: [apply, os/stable]", "args: [apply, os/next]")},
	{"release-tag", "of two jobs", "tag v1.1 starts os-stable, too", edit("\nperiodics:", `
  - name: os-other
    branches: ["^ $"]
    max_concurrency: 1
    decorate: true
    cluster: trusted
    annotations: {slipway.dev/owner: maintainers, slipway.dev/release-tag: '^v[0-9.]+$', slipway.dev/channel: os/stable}
    spec:
      containers:
      - {image: PROMOTER, command: [promoter], args: [apply, os/stable], resources: {requests: {cpu: "1", memory: 1Gi}}}
periodics:`)},
	{"release-tag", "on each push", "Prow's trigger starts it", []string{
		"jobs/os.yaml", "{slipway.dev/owner: maintainer-one}", "{slipway.dev/owner: maintainer-one, slipway.dev/release-tag: '^r1$', slipway.dev/channel: os/stable}",
		"jobs/os.yaml", "spec: &push\n      containers:\n      - image: TOOL\n", "spec: &push\n      containers:\n      - image: TOOL\n        args: [os/stable]\n"}},
	{"approvers", "no path", "names no path whose approvers", []string{"config/channels.yaml", ", path: config/stable", ""}},
	{"approvers", "no file", "there is no config/stable/OWNERS", []string{"config/stable/OWNERS", "", ""}},
	{"approvers", "nobody", "names no approvers", []string{"config/stable/OWNERS", "approvers", "reviewers"}},
	{"approvers", "too few", "wants 2 approvals, and config/stable/OWNERS names 1 approvers", []string{"config/stable/OWNERS", "maintainers", "maintainer-one"}},
	{"approvers", "the parents'", "approvers of the folders above", []string{"config/stable/OWNERS", "options: {no_parent_owners: true}\n", ""}},
	{"approvers", "an override by nobody", "override nobody is no alias", []string{"config/channels.yaml", "override: maintainers", "override: nobody"}},
	{"aliases", "within another", "chiefs has the alias maintainers as a member", []string{"OWNERS_ALIASES", "{maintainers", "{chiefs: [maintainers], maintainers"}},
	{"aliases", "nobody", "chiefs has no members", []string{"OWNERS_ALIASES", "{maintainers", "{chiefs: [], maintainers"}},
	{"config-updater", "a job's file", "no map of config_updater has it", []string{"config/plugins.yaml", "jobs/**/*.yaml", "jobs/other/*.yaml"}},
	{"config-updater", "not enabled", "is not enabled for slipway/slipway", []string{"config/plugins.yaml", "plugins: [config-updater]", "plugins: [size]"}},
	{"generated", "a flow that is gone", "its flow is gone", edit("\npresubmits:", "# Made by `slipway job generate`.\npresubmits:")},
}

// Every rule is broken by some row, and by each row of its name alone.
func TestRules(t *testing.T) {
	folders := sources(t)
	tried := map[string]bool{}
	for _, tt := range broken {
		tried[tt.rule] = true
		t.Run(tt.rule+"/"+tt.what, func(t *testing.T) {
			report := check(t, Options{Checkout: write(t, tt.edits...), Folders: folders})
			if len(report.Findings) == 0 {
				t.Fatal("nothing was found")
			}
			if !slices.ContainsFunc(report.Findings, func(f Finding) bool { return strings.Contains(f.String(), tt.says) }) {
				t.Errorf("no finding says %q", tt.says)
			}
			for _, f := range report.Findings {
				if f.Rule != tt.rule {
					t.Errorf("rule %s found it, too", f.Rule)
				}
				if f.File == "" || f.Problem == "" || f.Cure == "" {
					t.Errorf("%+v leaves something out", f)
				}
				t.Log(f)
			}
		})
	}
	for _, r := range rules {
		if !tried[r.name] && r.name != "track" { // TestTracks
			t.Errorf("no row breaks rule %s", r.name)
		}
	}
}

// An image holds what its Dockerfile copies, and what its parent's does.
func TestImagesHoldTheirPrograms(t *testing.T) {
	for _, tt := range []struct {
		dockerfile string
		found      int
	}{
		{"FROM scratch\nCOPY other /usr/bin/\n", 2}, // both jobs of the pod,
		{"FROM scratch\nCOPY fixer /usr/bin/\n", 0},
		{"FROM slipway.dev/images/utility\nCOPY --from=slipway.dev/images/fixer /fixer /usr/bin/fixer\n", 0},
		{"FROM slipway.dev/images/base\n", 0},
	} {
		report := check(t, Options{Folders: sources(t), Checkout: write(t, "images/fixer/main.go", "", "package main\n",
			"images/base/Dockerfile", "", "FROM scratch\nCOPY fixer /\n", "images/tool/Dockerfile", "", tt.dockerfile, "jobs/os.yaml", "command: [tool]", "command: [fixer]")})
		if len(report.Findings) != tt.found {
			t.Errorf("%s: found %v, want %d", tt.dockerfile, report.Findings, tt.found)
		}
	}
}

// A script in a file of the repository is tested with it.
func TestScriptOf(t *testing.T) {
	for _, line := range []string{"tool -c config", "sh test.sh -c config", "env A=b tool", "env", "bash --rcfile x", "busybox cat -c"} {
		if got := scriptOf(strings.Fields(line)); got != "" {
			t.Errorf("%s: a script of %s", line, got)
		}
	}
}

// What cannot be loaded is said, all of it, and no rule is asked.
func TestUnreadable(t *testing.T) {
	report := check(t, Options{Checkout: write(t,
		"jobs/os.yaml", "always_run: false", "always_run: false\n    always_ran: true",
		"config/plugins.yaml", "plugins:", "plugins: 5 #",
		"config/channels.yaml", "from: next", "from: nexd",
		"OWNERS_ALIASES", "{", "[",
		"config/check.yaml", "repository:", "repositry:")})
	for _, want := range []string{
		"config/config.yaml", `unknown field "always_ran"`, "config/plugins.yaml", "config/channels.yaml", "nexd", "OWNERS", "config/check.yaml", `"repositry"`,
	} {
		if !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Rule == ruleLoads && strings.Contains(f.String(), want) }) {
			t.Errorf("nothing says %s: %v", want, report.Findings)
		}
	}
	if report.Rules != 0 || len(report.Findings) != 5 {
		t.Errorf("%d rules, %d findings", report.Rules, len(report.Findings))
	}
}

// A repository that is not here is named, with what to do, and not guessed at.
func TestUnseen(t *testing.T) {
	report := check(t, Options{Checkout: write(t, "config/plugins.yaml", "", "")})
	want := []string{"--repo example/os=FOLDER", "no config/plugins.yaml"}
	for _, text := range want {
		if !strings.Contains(strings.Join(report.Unseen, "\n"), text) {
			t.Errorf("%q does not say %s", report.Unseen, text)
		}
	}
	if len(report.Findings) > 0 || len(report.Unseen) != len(want) {
		t.Errorf("%v, unseen %q", report.Findings, report.Unseen)
	}
}

// The files of the configuration repository itself need no flag.
func TestOwnFiles(t *testing.T) {
	jobs := strings.ReplaceAll(fixture["jobs/os.yaml"], "example/os:", "slipway/slipway:")
	jobs = strings.ReplaceAll(jobs, "^docs/", "^config/")
	report := check(t, Options{Checkout: write(t, "jobs/os.yaml", "", jobs,
		"config/config.yaml", "orgs: [example], labels", "repos: [slipway/slipway], labels")})
	if len(report.Findings) != 1 || !strings.Contains(report.Findings[0].String(), "^boot/ matches no file of slipway/slipway") {
		t.Errorf("found %v", report.Findings)
	}
}

func TestGenerated(t *testing.T) {
	const text = "# Made by `slipway job generate`.\nperiodics: []\n"
	for _, tt := range []struct{ have, want, says string }{
		{text, text, ""},
		{text, text + "\n", "it is not what its flow gives"},
		{"", text, "it is generated, and not there"},
	} {
		report := check(t, Options{
			Checkout: write(t, "jobs/made.yaml", "", tt.have), Folders: sources(t),
			Generated: func(context.Context, string) (map[string][]byte, error) {
				return map[string][]byte{"jobs/made.yaml": []byte(tt.want)}, nil
			},
		})
		if found := len(report.Findings); found != min(1, len(tt.says)) || found == 1 && report.Findings[0].Problem != tt.says {
			t.Errorf("found %v, want %q", report.Findings, tt.says)
		}
	}
}

// A job of a track that its project has no more is found, whoever wrote it.
func TestTracks(t *testing.T) {
	job := func(name string) string {
		return strings.Replace(fixture["jobs/os.yaml"][strings.Index(fixture["jobs/os.yaml"], "periodics:"):], "os-audit", name, 1)
	}
	checkout := write(t, "jobs/made.yaml", "", "# Made by `slipway job generate`.\n"+job("os.74.tools"), "jobs/old.yaml", "", job("os.71.tools"), "jobs/same.yaml", "", job("os.74.more"), "jobs/new.yaml", "", job("other.71.tools"))
	made, err := os.ReadFile(filepath.Join(checkout, "jobs", "made.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	report := check(t, Options{Checkout: checkout, Folders: sources(t), Generated: func(context.Context, string) (map[string][]byte, error) {
		return map[string][]byte{"jobs/made.yaml": made}, nil
	}})
	if len(report.Findings) != 1 || report.Findings[0].Job != "os.71.tools" || report.Findings[0].Rule != "track" {
		t.Errorf("found %v", report.Findings)
	}
}

// A field that is missing would be a rule that finds nothing.
func TestSettingsAreComplete(t *testing.T) {
	report := check(t, Options{Checkout: write(t, "config/check.yaml", "", "repository: slipway/slipway\n")})
	want := "it does not say images, tags, clusters.untrusted, clusters.trusted, publishing.secrets, promoter.image"
	if len(report.Findings) != 1 || report.Findings[0].Problem != want {
		t.Errorf("found %v", report.Findings)
	}
}

// What Prow's libraries warn of while they load is no finding; what checkconfig says is.
func TestProwFindings(t *testing.T) {
	for _, tt := range []struct {
		log, want string
		passed    bool
	}{
		{`{"func":"main.main","level":"info","msg":"checkconfig passes without any error!"}`, "", true},
		{`{"func":"config.load","level":"warning","msg":"deprecated"}`, "", false},
		{`{"func":"main.reportWarning","level":"warning","msg":"a job"}` + "\n" + `{"func":"main.reportWarning","level":"fatal","msg":"Strict is set and there were warnings"}`, "a job", false},
		{`{"func":"main.main","level":"fatal","msg":"Validation failed","error":"no file"}`, "Validation failed: no file", false},
		{"panic: no JSON", "", false},
	} {
		findings, passed := prowFindings([]byte(tt.log))
		got := ""
		for _, f := range findings {
			got += f.Problem
		}
		if got != tt.want || passed != tt.passed {
			t.Errorf("%s: found %q, passed %v", tt.log, got, passed)
		}
	}
}

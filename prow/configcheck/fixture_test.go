package configcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/git"
)

// fixture is a configuration against which no rule has anything. Its jobs are one of
// each kind that rules speak of.
var fixture = map[string]string{
	"config/check.yaml": `
repository: slipway/slipway
images: registry.example.com/images
tags: ["20261121.00", v1.2.3, v1.2.3-test]
clusters: {untrusted: [build], trusted: [trusted]}
publishing: {secrets: [registry-writer], claims: [releases], service_accounts: [publisher]}
harmless_secrets: [logs-reader]
promoter: {image: promoter, harmless: [audit]}
`,
	"config/config.yaml": `
prowjob_namespace: prow
pod_namespace: test-pods
plank:
  pod_running_timeout: 4h
  default_decoration_config_entries:
  - config:
      timeout: 2h
      grace_period: 15s
      utility_images: {clonerefs: UTILITY, initupload: UTILITY, entrypoint: UTILITY, sidecar: UTILITY}
      gcs_configuration: {bucket: logs, path_strategy: explicit}
      gcs_credentials_secret: logs-writer
tide:
  queries:
  - {orgs: [example], labels: [lgtm]}
branch-protection:
  protect-tested-repos: true
  exclude: [^dependabot]
  orgs:
    example: {protect: true}
    slipway: {protect: true}
deck:
  default_rerun_auth_configs:
  - {repo: "*", rerun_auth_configs: {github_orgs: [example]}}
  - {cluster: trusted, rerun_auth_configs: {}}
`,
	"config/plugins.yaml": `
plugins:
  slipway/slipway: {plugins: [config-updater]}
config_updater:
  maps:
    config/config.yaml: {name: config, clusters: {default: [prow]}}
    config/plugins.yaml: {name: plugins, clusters: {default: [prow]}}
    jobs/**/*.yaml: {name: jobs, clusters: {default: [prow]}}
`,
	"config/labels.yaml":   "default: {labels: [{name: trybot-ready}]}\nrepos: {example/os: {labels: [{name: area/boot}]}}\n",
	"config/keys/key.pub":  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
	"config/stable/OWNERS": "options: {no_parent_owners: true}\napprovers: [maintainers]\n",
	"config/channels.yaml": `
signers:
  unit: {key: keys/key.pub}
channels:
  os:
  - name: next
    gate: {tests: [{name: unit, signers: [unit]}]}
  - name: stable
    from: next
    gate:
      approvals: {count: 2, signers: [unit], path: config/stable}
      freeze: [{reason: night, weekly: "Fri 16:00 - Mon 08:00", override: maintainers}]
artifacts:
- {name: os, kind: image, location: registry.example.com/os, channels: os}
`,
	"OWNERS":                 "approvers: [maintainers, maintainer-three]\n",
	"OWNERS_ALIASES":         "aliases: {maintainers: [maintainer-one, Maintainer-Two]}\n",
	"images/tool/Dockerfile": "FROM scratch\n", "images/promoter/Dockerfile": "FROM scratch\n", "images/utility/Dockerfile": "FROM scratch\n",
	"jobs/os.yaml": `
presubmits:
  example/os:
  - name: os-test
    run_if_changed: ^boot/
    decorate: true
    cluster: build
    annotations: {slipway.dev/owner: maintainers, testgrid-dashboards: "os, all"}
    spec: &pod
      containers:
      - image: TOOL
        command: [tool]
        resources: {requests: {cpu: "1", memory: 1Gi}}
      volumes: []
  - name: os-try
    always_run: false
    decorate: true
    cluster: build
    annotations: {slipway.dev/owner: maintainer-three, slipway.dev/trigger-label: trybot-ready, testgrid-dashboards: os, testgrid-tab-name: try}
    spec: *pod
postsubmits:
  example/os:
  - name: os-push
    branches: [^main$, "^release-[0-9]+$"]
    skip_if_only_changed: ^docs/
    max_concurrency: 1
    decorate: true
    cluster: trusted
    annotations: {slipway.dev/owner: maintainer-one}
    spec: &push
      containers:
      - image: TOOL
        command: [tool]
        resources: {requests: {cpu: "1", memory: 1Gi}}
        volumeMounts: [{name: key, mountPath: /key}, {name: store, mountPath: /store}]
      volumes:
      - {name: key, secret: {secretName: registry-writer}}
      - {name: store, persistentVolumeClaim: {claimName: releases}}
  - name: os-next
    branches: [^main$]
    max_concurrency: 1
    decorate: true
    cluster: trusted
    annotations: {slipway.dev/owner: maintainers}
    spec:
      containers:
      - {image: PROMOTER, command: [promoter], args: [apply, "os/next@sha256:1"], resources: {requests: {cpu: "1", memory: 1Gi}}}
  - name: os-stable
    branches: ["^ $"]
    max_concurrency: 1
    decorate: true
    cluster: trusted
    annotations: {slipway.dev/owner: maintainers, slipway.dev/release-tag: '^v[0-9]+\.[0-9]+$', slipway.dev/channel: os/stable}
    spec:
      containers:
      - {image: PROMOTER, command: [promoter], args: [apply, os/stable], resources: {requests: {cpu: "1", memory: 1Gi}}}
periodics:
- name: os-audit
  interval: 24h
  max_concurrency: 1
  decorate: true
  cluster: trusted
  extra_refs: [{org: example, repo: os, base_ref: main}]
  annotations: {slipway.dev/owner: maintainers}
  spec:
    containers:
    - {image: PROMOTER, command: [promoter], args: [audit], resources: {requests: {cpu: "1", memory: 1Gi}}}
`,
}

const fixtureDigest = "@sha256:641dd704e7aeb91b82bb0fbec1650ac9d2009a883d4fafbcd24139a1d83f79ef"

// write writes a copy of the fixture after edits, which are FILE, OLD, NEW in turn; an
// empty OLD replaces the file, and an empty NEW with it deletes it.
func write(t *testing.T, edits ...string) string {
	t.Helper()
	checkout := t.TempDir()
	files := map[string]string{}
	for name, text := range fixture {
		files[name] = text
	}
	for ; len(edits) > 0; edits = edits[3:] {
		name, before, after := edits[0], edits[1], edits[2]
		if before != "" && !strings.Contains(files[name], before) {
			t.Fatalf("%s of the fixture has no %q", name, before)
		}
		if before != "" {
			after = strings.Replace(files[name], before, after, 1)
		}
		files[name] = after
	}
	for name, text := range files {
		if text != "" {
			writeFile(t, checkout, name, text)
		}
	}
	gitInit(t, checkout)
	return checkout
}

func writeFile(t *testing.T, folder, name, text string) {
	t.Helper()
	for _, image := range []string{"utility", "tool", "promoter"} {
		text = strings.ReplaceAll(text, strings.ToUpper(image), "registry.example.com/images/"+image+fixtureDigest)
	}
	path := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func gitInit(t *testing.T, folder string) {
	t.Helper()
	if _, err := git.Run(t.Context(), git.Command{Args: []string{"init", "--quiet", "--initial-branch=main"}, Dir: folder}); err != nil {
		t.Fatal(err)
	}
}

// sources is a checkout of example/os.
func sources(t *testing.T) map[string]string {
	t.Helper()
	folder := t.TempDir()
	writeFile(t, folder, "boot/loader.conf", "timeout 0\n")
	writeFile(t, folder, "docs/index.md", "# Index\n")
	gitInit(t, folder)
	return map[string]string{"example/os": folder}
}

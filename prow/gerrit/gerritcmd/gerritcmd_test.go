package gerritcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// What is missing is said before anything is asked of the network.
func TestMisuse(t *testing.T) {
	dir := t.TempDir()
	cookies, empty := filepath.Join(dir, "cookies"), filepath.Join(dir, "empty")
	for file, text := range map[string]string{cookies: "gerrit.example.com\tFALSE\t/\tTRUE\t1\to\tsecret\n", empty: "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"":                                    "--cookiefile is missing",
		"--cookiefile " + empty:               "is empty",
		"--cookiefile " + dir + "/none":       "no such file",
		"--cookiefile " + cookies:             "--config-path is mandatory",
		"--cookiefile " + cookies + " --what": "unknown flag",
		"poll":                                "unexpected argument",
	} {
		var stderr bytes.Buffer
		env := cli.Env{Args: strings.Fields(args), Stdout: &stderr, Stderr: &stderr, Getenv: os.Getenv}
		if code := cli.Run(t.Context(), env, Command(env)); code != cli.ExitMisused || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: code %d, %s, want %q", args, code, stderr.String(), want)
		}
		if strings.Contains(stderr.String(), "secret\n") {
			t.Errorf("%q says the cookie", args)
		}
	}
}

// The manifests are what Kubernetes takes, and what the command takes; nobody of them
// may do more than create ProwJobs.
func TestDeployment(t *testing.T) {
	need.Tool(t, "kubectl", "kubernetes-client")
	built, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"kubectl", "kustomize", "../../deploy/gerrit"}})
	if err != nil {
		t.Fatal(err)
	}
	args := map[string][]string{}
	for part := range bytes.SplitSeq(built, []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(part, &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Kind {
		case "Deployment":
			var d appsv1.Deployment
			if err := yaml.UnmarshalStrict(part, &d); err != nil {
				t.Errorf("%s: %v", part, err)
			}
			args[d.Name] = d.Spec.Template.Spec.Containers[0].Args
		case "Role":
			checkRole(t, part)
		}
	}
	for name, want := range map[string]string{"crier": "--gerrit-workers=1", "gerrit": "--cookiefile=/etc/gerrit/cookies", "gerrit-trigger": "--cookiefile=/etc/gerrit/cookies"} {
		if !strings.Contains(strings.Join(args[name], " "), want) {
			t.Errorf("%s has arguments %q, want %s", name, args[name], want)
		}
	}
	command := Command(cli.Env{})
	if err := command.ParseFlags(args["gerrit-trigger"]); err != nil {
		t.Error(err)
	}
}

func checkRole(t *testing.T, part []byte) {
	var role rbacv1.Role
	if err := yaml.UnmarshalStrict(part, &role); err != nil {
		t.Errorf("%s: %v", part, err)
	}
	if !strings.HasPrefix(role.Name, "gerrit") {
		return
	}
	for _, rule := range role.Rules {
		if strings.Join(rule.Verbs, " ") != "create" || strings.Join(rule.Resources, " ") != "prowjobs" {
			t.Errorf("%s may do %v with %v", role.Name, rule.Verbs, rule.Resources)
		}
	}
}

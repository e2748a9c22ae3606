package plugincmd

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"slipway.dev/slipway/internal/cli"
)

const manifests = "../deploy/plugin/slipway-plugin.yaml"

// read finds the one object of a kind.
func read(t *testing.T, kind string, into any) {
	t.Helper()
	data, err := os.ReadFile(manifests)
	if err != nil {
		t.Fatal(err)
	}
	for part := range bytes.SplitSeq(data, []byte("\n---\n")) {
		if bytes.Contains(part, []byte("\nkind: "+kind+"\n")) {
			if err := yaml.UnmarshalStrict(part, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s has no %s", manifests, kind)
}

// The command takes the Deployment's arguments, every file they name is mounted, and
// draining ends before the cluster loses patience.
func TestDeploymentFits(t *testing.T) {
	var d appsv1.Deployment
	read(t, "Deployment", &d)
	pod := d.Spec.Template.Spec
	container := pod.Containers[0]
	c := Command(cli.Env{})
	if err := c.ParseFlags(container.Args); err != nil {
		t.Fatal(err)
	}
	for _, arg := range container.Args {
		_, path, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(path, "/") && !slices.ContainsFunc(mounts(container.VolumeMounts), func(at string) bool { return path == at || strings.HasPrefix(path, at+"/") }) {
			t.Errorf("%s: nothing is mounted there", arg)
		}
	}
	drain, err := c.Flags().GetDuration("drain")
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; err != nil || drain+10*time.Second > grace {
		t.Errorf("draining takes %s of %s of grace: %v", drain, grace, err)
	}
	if dry, err := c.Flags().GetBool("dry-run"); err != nil || dry {
		t.Errorf("it would be a dry run: %v", err)
	}
	for _, name := range []string{"GIT_HTTP_LOW_SPEED_LIMIT", "GIT_HTTP_LOW_SPEED_TIME"} { // or a stalled git keeps all of it waiting for ever
		if !slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == name && e.Value > "0" }) {
			t.Errorf("%s is not set", name)
		}
	}
	security := container.SecurityContext
	if !*pod.SecurityContext.RunAsNonRoot || *security.AllowPrivilegeEscalation || !*security.ReadOnlyRootFilesystem || *d.Spec.Replicas != 1 {
		t.Errorf("security %+v, %d replicas", security, *d.Spec.Replicas)
	}
}

func TestItMayOnlyMakeAndReadProwJobs(t *testing.T) {
	var role rbacv1.Role
	read(t, "Role", &role)
	want := []rbacv1.PolicyRule{{APIGroups: []string{"prow.k8s.io"}, Resources: []string{"prowjobs"}, Verbs: []string{"create", "get"}}}
	if diff := cmp.Diff(want, role.Rules); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
}

func mounts(volumes []corev1.VolumeMount) []string {
	var paths []string
	for _, v := range volumes {
		paths = append(paths, v.MountPath)
	}
	return paths
}

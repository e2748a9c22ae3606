// Package deploy checks the manifests of this folder: a cluster would say the same,
// later and one at a time.
package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/tools"
)

// object is one resource of a file.
type object struct {
	metav1.TypeMeta
	Metadata metav1.ObjectMeta `json:"metadata"`
	data     []byte
	file     string
}

type kustomization struct {
	Resources []string
	Images    []struct{ Name, NewTag string }
}

// folder reads a kustomization and all that it names; every file of the folder must be named.
func folder(t *testing.T, dir string) (kustomization, []object) {
	t.Helper()
	var k kustomization
	data, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &k); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var objects []object
	for _, file := range files {
		name := filepath.Base(file)
		if name == "kustomization.yaml" {
			continue
		}
		if !slices.Contains(k.Resources, name) {
			t.Errorf("%s/kustomization.yaml does not name %s", dir, name)
		}
		objects = append(objects, parts(t, file)...)
	}
	if len(files) != len(k.Resources)+1 {
		t.Errorf("%s/kustomization.yaml names %d files of %d", dir, len(k.Resources), len(files)-1)
	}
	return k, objects
}

func parts(t *testing.T, file string) []object {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects []object
	for _, part := range bytes.Split(data, []byte("\n---\n")) {
		o := object{data: part, file: file}
		if err := yaml.Unmarshal(part, &o); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, o)
	}
	return objects
}

// Every resource is of a kind that Kubernetes has, with fields that the kind has.
func TestManifestsAreStrict(t *testing.T) {
	for _, dir := range []string{".", "build-cluster"} {
		_, objects := folder(t, dir)
		for _, o := range objects {
			into := map[string]any{
				"Namespace": &corev1.Namespace{}, "Service": &corev1.Service{}, "ServiceAccount": &corev1.ServiceAccount{}, "Secret": &corev1.Secret{},
				"Deployment": &appsv1.Deployment{}, "CronJob": &batchv1.CronJob{},
				"Role": &rbacv1.Role{}, "RoleBinding": &rbacv1.RoleBinding{}, "NetworkPolicy": &networkingv1.NetworkPolicy{},
			}[o.Kind]
			if into == nil {
				t.Errorf("%s: kind %s is not known to this test", o.file, o.Kind)
			} else if err := yaml.UnmarshalStrict(o.data, into); err != nil {
				t.Errorf("%s: %s %s: %v", o.file, o.Kind, o.Metadata.Name, err)
			}
			if dir == "." && o.Kind != "Namespace" && o.Metadata.Namespace != "prow" && o.Metadata.Namespace != "test-pods" {
				t.Errorf("%s: %s %s is in namespace %q", o.file, o.Kind, o.Metadata.Name, o.Metadata.Namespace)
			}
		}
	}
}

// programs are the pods that run Prow's programs.
func programs(t *testing.T, objects []object) map[string]corev1.PodSpec {
	t.Helper()
	specs := map[string]corev1.PodSpec{}
	for _, o := range objects {
		switch o.Kind {
		case "Deployment":
			var d appsv1.Deployment
			if err := yaml.Unmarshal(o.data, &d); err != nil {
				t.Fatal(err)
			}
			specs[d.Name] = d.Spec.Template.Spec
		case "CronJob":
			var c batchv1.CronJob
			if err := yaml.Unmarshal(o.data, &c); err != nil {
				t.Fatal(err)
			}
			specs[c.Name] = c.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	return specs
}

// What a program mounts is there: ConfigMaps that config-updater writes, secrets that
// the README makes, and the paths that its flags name.
func TestProgramsFindTheirFiles(t *testing.T) {
	_, objects := folder(t, ".")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	updater, err := os.ReadFile("../../../config/plugins.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, pod := range programs(t, objects) {
		for _, v := range pod.Volumes {
			if v.ConfigMap != nil && !bytes.Contains(updater, []byte("name: "+v.ConfigMap.Name+"\n")) {
				t.Errorf("%s mounts ConfigMap %s, which config-updater does not write", name, v.ConfigMap.Name)
			}
			if v.Secret != nil && !bytes.Contains(readme, []byte("`"+v.Secret.SecretName+"`")) {
				t.Errorf("%s mounts secret %s, of which README.md does not speak", name, v.Secret.SecretName)
			}
		}
		for _, arg := range pod.Containers[0].Args {
			_, path, _ := strings.Cut(arg, "=/etc/")
			if mount := "/etc/" + strings.Split(path, "/")[0]; path != "" && !mounts(pod, mount) {
				t.Errorf("%s: %s lies in no volume", name, arg)
			}
		}
		account := pod.ServiceAccountName
		found := slices.ContainsFunc(objects, func(o object) bool { return o.Kind == "ServiceAccount" && o.Metadata.Name == account })
		if account != "" && !found {
			t.Errorf("%s runs as %s, who is not there", name, account)
		}
	}
}

func mounts(pod corev1.PodSpec, path string) bool {
	return slices.ContainsFunc(pod.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path })
}

// Every program is of one version: that of go.mod, whose tests stand for it.
func TestOneVersionOfProw(t *testing.T) {
	k, objects := folder(t, ".")
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, image := range k.Images {
		tags[image.Name] = image.NewTag
		date, commit, _ := strings.Cut(strings.TrimPrefix(image.NewTag, "v"), "-")
		if !strings.Contains(string(mod), "sigs.k8s.io/prow v0.0.0-"+date) || !strings.Contains(string(mod), "-"+commit) {
			t.Errorf("%s is %s, and go.mod has another Prow", image.Name, image.NewTag)
		}
	}
	for name, pod := range programs(t, objects) {
		if image := pod.Containers[0].Image; image != "registry.example.com/prow/"+name || tags[image] == "" {
			t.Errorf("%s runs %s, which kustomization.yaml does not pin", name, image)
		}
	}
}

// Prow's own programs know every flag that they are given.
func TestProgramsKnowTheirFlags(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "prow" {
		t.Skip("building nine of Prow's programs takes minutes; run with SLIPWAY_E2E=prow")
	}
	_, objects := folder(t, ".")
	for name, pod := range programs(t, objects) {
		t.Run(name, func(t *testing.T) {
			command := exec.Cmd{Path: tools.Prow(t, strings.Replace(name, "needs-", "external-plugins/needs-", 1))}
			command.Args = append(append([]string{name}, pod.Containers[0].Args...), "--help")
			if err := exec.Run(t.Context(), command); err != nil {
				t.Error(err)
			}
		})
	}
}

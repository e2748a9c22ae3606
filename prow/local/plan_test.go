package local

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/yaml"
)

var rewrite = flag.Bool("update", false, "write the goldens again")

const output = "/work/out/jobs/run/1"

// options are those of a run at a fixed time.
func options() Options {
	return Options{
		ID: "0e0e2b9c-3d7b-4d35-8a86-2f4f0b3a9c11", BuildID: "1860000000000000000",
		Started: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Output: output,
		Images: []string{"gotest", "daisy-builder", "pod-utilities", "debian/bookworm"},
	}
}

// sources are what a job of example/guest sees.
func sources(job Job) []Source {
	guest := Source{Refs: prowapi.Refs{Org: "example", Repo: "guest", BaseRef: "main", BaseSHA: strings.Repeat("a", 40)}}
	if job.Type == prowapi.PresubmitJob {
		guest.Refs.Pulls = []prowapi.Pull{{Number: 12, Author: "you", SHA: strings.Repeat("b", 40)}}
	}
	all := []Source{guest}
	if job.Name == "nightly" {
		all = append(all, Source{Refs: prowapi.Refs{Org: "example", Repo: "tools", BaseRef: "v1", BaseSHA: strings.Repeat("c", 40), PathAlias: "tools"}})
	}
	for i := range all {
		all[i].Refs.CloneURI = "file://" + all[i].Mount()
	}
	return all
}

// goldens are runs of the three types of jobs.
func TestGoldens(t *testing.T) {
	tests := []struct {
		job  string
		with func(*Options)
	}{
		{"pull-test", func(o *Options) {
			o.Env = map[string]string{"REGION": "here", "EXTRA": "1"}
			o.More = []string{"--short"}
			o.Secrets = Secrets{Dir: filepath.Join("testdata", "secrets"), Hide: true}
		}},
		{"post-build", func(o *Options) {
			o.Args = []string{"--targets", "deb12"}
			o.Volumes = map[string]string{"store": "/"}
		}},
		{"nightly", func(*Options) {}},
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.job, func(t *testing.T) {
			o := options()
			tt.with(&o)
			job := find(t, tt.job)
			plan, err := NewPlan(job, sources(job), o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := plan.YAML()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.job+".yaml", strings.ReplaceAll(text, here, "/HERE"))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got (write it with -update):\n%s", diff)
	}
}

// plan plans a job whose pod is a YAML text: fields of a PodSpec, with a container
// that others may add to.
func plan(t *testing.T, spec string, o Options) (Plan, error) {
	t.Helper()
	job := find(t, "post-build")
	parsed := &corev1.PodSpec{}
	if err := yaml.UnmarshalStrict([]byte(spec), parsed); err != nil {
		t.Fatal(err)
	}
	ofJob := job.spec
	job.spec = func(refs prowapi.Refs) prowapi.ProwJobSpec {
		made := ofJob(refs)
		made.PodSpec = parsed
		return made
	}
	return NewPlan(job, sources(job), o)
}

const simple = "containers: [{image: busybox, command: [run], %s}]\n"

func TestPlanRefuses(t *testing.T) {
	pod := func(container, rest string) string { return fmt.Sprintf(simple, container) + rest }
	tests := []struct{ name, spec, want string }{
		{"table", pod("stdin: true", "hostPID: true"), "spec.containers[0].stdin: nobody is there to type; spec.hostPID: podman ignores it"},
		{"init container", "initContainers: [{name: i, image: x, restartPolicy: Always}]\n" + pod("", ""), "spec.initContainers[1].restartPolicy"},
		{"claim", pod("", "volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]"), "spec.volumes[0].persistentVolumeClaim: only a cluster has it; give the job a folder in its place: --volume v=FOLDER"},
		{"token", pod("", "volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]"), "serviceAccountToken"},
		{"gpu", pod("resources: {limits: {nvidia.com/gpu: 1}}", ""), "podman gives no nvidia.com/gpu"},
		{"perhaps root", pod("securityContext: {runAsNonRoot: true}", ""), "spec.containers[0].securityContext.runAsNonRoot"},
		{"root", pod("", "securityContext: {runAsNonRoot: true, runAsUser: 0}"), "spec.securityContext.runAsNonRoot"},
		{"profile", pod("", "securityContext: {seccompProfile: {type: Localhost}}"), "seccompProfile.type"},
		{"field of a node", pod("env: [{name: X, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]", ""), "status.hostIP is known in a cluster only"},
		{"unbounded", pod("env: [{name: X, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]", ""), "container test names no limits.cpu"},
		{"escape", pod("volumeMounts: [{name: v, mountPath: /v, subPath: ../x}]", "volumes: [{name: v, emptyDir: {}}]"), "../x leaves the volume"},
		{"secrets", pod("env: [{name: X, valueFrom: {secretKeyRef: {name: s, key: k}}}], envFrom: [{configMapRef: {name: c}}]", "volumes: [{name: v, secret: {secretName: t}}]"),
			"it needs --secrets FOLDER with config map c (spec.containers[0].envFrom[0]), secret s key k (variable X of container test), secret t (volume v); write each value into a file FOLDER/NAME/KEY"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plan(t, tt.spec, options())
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "post-build cannot run here") {
				t.Errorf("got error %v\nwant %s", err, tt.want)
			}
		})
	}
	o := options()
	o.Volumes = map[string]string{"stroe": t.TempDir()}
	if _, err := plan(t, pod("", ""), o); err == nil || !strings.Contains(err.Error(), "--volume stroe: it has no volume of that name, but logs, tools") {
		t.Errorf("got error %v", err)
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"forge/token": "s3cret", "forge/user": "me", "map/a": "1", "map/b": "2"} {
		write(t, dir, name, value)
	}
	o := options()
	o.Secrets.Dir = dir
	spec := fmt.Sprintf(simple, `
    env: [{name: T, valueFrom: {secretKeyRef: {name: forge, key: token}}}, {name: A, value: $(P_a)-$(T)-$$(T)-$(no)}, {name: no, valueFrom: {secretKeyRef: {name: none, key: k, optional: true}}}],
    envFrom: [{prefix: P_, configMapRef: {name: map}}],
    args: [$(A)]`) + `
volumes:
- {name: all, secret: {secretName: forge, defaultMode: 0400}}
- {name: one, configMap: {name: map, items: [{key: b, path: sub/B, mode: 0600}]}}
- {name: both, projected: {sources: [{secret: {name: forge}}, {configMap: {name: none, optional: true}}]}}
`
	p, err := plan(t, spec, o)
	if err != nil {
		t.Fatal(err)
	}
	got := environment(p.Local.Spec.Containers[0].Env)
	for name, want := range map[string]string{"T": "s3cret", "P_a": "1", "P_b": "2", "A": "1-s3cret-$(T)-$(no)"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if _, ok := got["no"]; ok {
		t.Error("an optional variable that is missing has a value")
	}
	if !strings.Contains(got["ENTRYPOINT_OPTIONS"], `"args":["run","1-s3cret-$(T)-$(no)"]`) {
		t.Errorf("the job's arguments are not expanded in %s", got["ENTRYPOINT_OPTIONS"])
	}
	files := map[string]string{}
	for _, f := range p.Files {
		if rest, ok := strings.CutPrefix(f.Path, output+"/scratch/"); ok && !f.Mode.IsDir() {
			files[rest] = fmt.Sprintf("%v %s", f.Mode, strings.TrimPrefix(f.From, dir))
		}
	}
	want := map[string]string{
		"all/token": "-r-------- /forge/token", "all/user": "-r-------- /forge/user", "one/sub/B": "-rw------- /map/b",
		"both/token": "-rw-r--r-- /forge/token", "both/user": "-rw-r--r-- /forge/user",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, change := range p.Changes {
		if strings.Contains(fmt.Sprint(change), "s3cret") {
			t.Errorf("a change tells a secret: %+v", change)
		}
	}
}

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "B": "$(A)", "": "empty"}
	for text, want := range map[string]string{
		"": "", "x": "x", "$(A)": "1", "x$(A)y$(A)": "x1y1", "$$(A)": "$(A)", "$$$(A)": "$1", "$(B)": "$(A)",
		"$(C)": "$(C)", "$A": "$A", "$": "$", "$(": "$(", "$(A": "$(A", "a$": "a$", "$$": "$", "é$(A)": "é1",
	} {
		if got := expand(text, values); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestTreeImage(t *testing.T) {
	names := []string{"builder", "daisy-builder", "debian/bookworm", "bookworm"}
	for reference, want := range map[string]string{
		"registry.example.com:5000/x/daisy-builder@sha256:00": "daisy-builder",
		"registry.example.com/x/debian/bookworm:v1":           "debian/bookworm",
		"other/bookworm":        "bookworm",
		"builder:latest":        "builder",
		"my-builder":            "",
		"localhost:5000":        "",
		"x/builder/y":           "",
		"debian:bookworm":       "",
		"x/builder:v1@sha256:0": "builder",
	} {
		if got, _ := treeImage(reference, names); got != want {
			t.Errorf("%s is image %q, want %q", reference, got, want)
		}
	}
}

func TestUseImages(t *testing.T) {
	p, err := plan(t, "containers: [{image: x/gotest@sha256:0, command: [a]}, {name: b, image: y/own:1, command: [b]}]", options())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.UseImages(map[string]string{}); err == nil {
		t.Error("an image that was not loaded is no error")
	}
	loaded := map[string]string{"gotest": "slipway.dev/images/gotest:abc", "pod-utilities": "slipway.dev/images/pod-utilities:def"}
	if err := p.UseImages(loaded); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range p.Local.Spec.Containers {
		got = append(got, c.Image)
	}
	want := []string{loaded["gotest"], "y/own:1", loaded["pod-utilities"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestForeign(t *testing.T) {
	o := options()
	o.Images = []string{"gotest"}
	p, err := plan(t, "containers: [{image: x/gotest@sha256:0, command: [a]}, {name: b, image: y/own:1, command: [b]}]", o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"utilities.example.com/tools/pod-utilities:v1", "y/own:1"}, p.Foreign()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDivide(t *testing.T) {
	for _, tt := range []struct{ q, by, want string }{
		{"64Mi", "0", "67108864"}, {"64Mi", "1Mi", "64"}, {"1500m", "0", "2"}, {"1500m", "1m", "1500"}, {"1", "3", "1"},
	} {
		if got := divide(resource.MustParse(tt.q), resource.MustParse(tt.by)); got != tt.want {
			t.Errorf("%s by %s is %s, want %s", tt.q, tt.by, got, tt.want)
		}
	}
}

// A part of an empty volume is made, and one of a secret is its file.
func TestFiles(t *testing.T) {
	o := options()
	o.Secrets.Dir = t.TempDir()
	write(t, o.Secrets.Dir, "s/key", "value")
	p, err := plan(t, fmt.Sprintf(simple, "volumeMounts: [{name: e, mountPath: /e, subPath: a/b}, {name: s, mountPath: /k, subPath: d/k}]")+
		"volumes: [{name: e, emptyDir: {}}, {name: s, secret: {secretName: s, items: [{key: key, path: d/k, mode: 0400}]}}]", o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Files {
		got = append(got, fmt.Sprintf("%v %s", f.Mode, strings.TrimPrefix(f.Path, output+"/scratch/")))
	}
	want := []string{"drwx------ " + output + "/scratch", "drwxrwxrwx e", "drwxr-xr-x s", "drwxr-xr-x s/d", "-r-------- s/d/k", "drwxrwxrwx logs", "drwxrwxrwx tools", "drwxrwxrwx clonerefs-tmp", "drwxrwxrwx code", "drwxrwxrwx e/a/b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	mounts := p.Local.Spec.Containers[0].VolumeMounts
	if mounts[0].SubPath != "" || mounts[0].Name != "slipway-part-1" || mounts[1].Name != "slipway-part-2" {
		t.Errorf("got mounts %+v", mounts)
	}
}

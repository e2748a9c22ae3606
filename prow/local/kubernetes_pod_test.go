package local

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/prow/local/ferry"
)

// clusterPlan is a plan as the planner makes it for this machine, where the job has
// a secret, a copy of a repository and a folder of its user.
func clusterPlan(t *testing.T) Plan {
	t.Helper()
	plan := planFor(t, `true`, func(p *Plan) {
		spec := &p.Pod.Spec
		spec.NodeSelector = map[string]string{"disk": "fast"}
		spec.Volumes = append(spec.Volumes,
			corev1.Volume{Name: "token", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "token"}}},
			corev1.Volume{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/dev/kvm"}}})
		test := &spec.Containers[0]
		test.VolumeMounts = append(test.VolumeMounts,
			corev1.VolumeMount{Name: "token", MountPath: "/token", ReadOnly: true}, corev1.VolumeMount{Name: "node", MountPath: "/dev/kvm"},
			corev1.VolumeMount{Name: "logs", MountPath: "/part", SubPath: "part"})
		test.Env = append(test.Env,
			corev1.EnvVar{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			corev1.EnvVar{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "key"}}})
	})
	write(t, plan.Output, "git/org/repo.git/HEAD", "ref")
	write(t, plan.Output, "git/config", "[safe]")
	write(t, plan.Scratch, "token/key", "secret")
	write(t, plan.Scratch, "logs/part/x", "")
	plan.Local = plan.Pod.DeepCopy()
	spec := &plan.Local.Spec
	spec.NodeSelector = nil
	for i, v := range spec.Volumes {
		if v.EmptyDir != nil || v.Secret != nil {
			spec.Volumes[i] = hostPath(v.Name, filepath.Join(plan.Scratch, v.Name))
		}
	}
	spec.Volumes = append(spec.Volumes, hostPath("slipway-git-0", plan.Output+"/git/org/repo.git"), hostPath("slipway-git-config", plan.Output+"/git/config"),
		hostPath("part", plan.Scratch+"/logs/part"))
	test := &spec.Containers[0]
	test.Image = "slipway.dev/images/gotest:aa"
	test.VolumeMounts = append(test.VolumeMounts,
		corev1.VolumeMount{Name: "slipway-git-0", MountPath: "/slipway/git/org/repo.git"},
		corev1.VolumeMount{Name: "slipway-git-config", MountPath: "/slipway/gitconfig", ReadOnly: true})
	at := slices.IndexFunc(test.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == "/part" })
	test.VolumeMounts[at] = corev1.VolumeMount{Name: "part", MountPath: "/part"} // podman mounts no part of a volume
	for i := range test.Env {
		if test.Env[i].ValueFrom != nil {
			test.Env[i] = corev1.EnvVar{Name: test.Env[i].Name, Value: "here"}
		}
	}
	return plan
}

func TestOnClusterNothingLiesOnThisMachine(t *testing.T) {
	plan := clusterPlan(t)
	pod, load, err := onCluster(plan)
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.EmptyDir != nil:
			sources[v.Name] = "empty " + string(v.EmptyDir.Medium)
		case v.HostPath != nil:
			sources[v.Name] = v.HostPath.Path
		}
	}
	want := map[string]string{
		"logs": "empty ", "tools": "empty ", "output": "empty ", "slipway-git-0": "empty ", "slipway-git-config": "empty ", ferryName: "empty ",
		"token": "empty Memory", "node": "/dev/kvm", // which the job itself asks its node for
	}
	if diff := cmp.Diff(want, sources); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	wantLoad := cargo{
		there:  map[string]string{"token": plan.Scratch + "/token", "slipway-git-0": plan.Output + "/git/org/repo.git", "slipway-git-config": plan.Output + "/git/config"},
		back:   map[string]string{"slipway-git-0": plan.Output + "/git/org/repo.git"},
		output: "output",
	}
	if diff := cmp.Diff(wantLoad, load, cmp.AllowUnexported(cargo{})); diff != "" {
		t.Errorf("cargo (-want +got):\n%s", diff)
	}
	if _, ok := load.packed()["slipway-git-config/config"]; !ok {
		t.Errorf("a file is packed as %v", load.packed())
	}
}

func TestOnClusterThePodIsProws(t *testing.T) {
	plan := clusterPlan(t)
	pod, _, err := onCluster(plan)
	if err != nil {
		t.Fatal(err)
	}
	test := pod.Spec.Containers[0]
	if test.Image != "slipway.dev/images/gotest:aa" || pod.Spec.NodeSelector["disk"] != "fast" {
		t.Errorf("image %s, node selector %v", test.Image, pod.Spec.NodeSelector)
	}
	for _, v := range test.Env {
		if v.Name == "POD_IP" && v.ValueFrom == nil || v.Name == "KEY" && v.Value != "here" {
			t.Errorf("variable %+v", v)
		}
	}
	mounts := map[string]string{}
	for _, m := range test.VolumeMounts {
		mounts[m.MountPath] = m.Name + "/" + m.SubPath
	}
	for path, want := range map[string]string{"/part": "logs/part", "/slipway/gitconfig": "slipway-git-config/config", "/token": "token/"} {
		if mounts[path] != want {
			t.Errorf("%s shows %s; want %s", path, mounts[path], want)
		}
	}
	if pod.Labels["created-by-prow"] != "" || pod.Labels[managedLabel] != "slipway" {
		t.Errorf("labels %v; Prow's sinker would remove the pod", pod.Labels)
	}
	loosen(&pod.Spec)
	if pod.Spec.NodeSelector != nil || *pod.Spec.AutomountServiceAccountToken {
		t.Errorf("a cluster of nobody's cannot run it: %+v", pod.Spec)
	}
}

func TestTheFerryComesFirst(t *testing.T) {
	pod, load, err := onCluster(clusterPlan(t))
	if err != nil {
		t.Fatal(err)
	}
	got := pod.Spec.InitContainers[0]
	if got.Name != ferryName || *got.RestartPolicy != corev1.ContainerRestartPolicyAlways || got.Image != utilitiesImage {
		t.Errorf("the first container is %+v", got)
	}
	if got.StartupProbe == nil || got.StartupProbe.Exec.Command[0] != ferry.Program {
		t.Errorf("nothing holds the others back until their folders are there: %+v", got.StartupProbe)
	}
	if len(got.VolumeMounts) != len(load.volumes())+1 {
		t.Errorf("it sees %+v", got.VolumeMounts)
	}
	if grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second; grace != 12*time.Second+unloading {
		t.Errorf("the pod has %s to end", grace)
	}
	if pod.Spec.ActiveDeadlineSeconds == nil {
		t.Error("the pod has no end if this program dies")
	}
}

func volume(pod *corev1.Pod, name string) *corev1.Volume {
	at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	return &pod.Spec.Volumes[at]
}

func TestOnClusterRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"no output", func(p *Plan) { volume(p.Local, "output").HostPath.Path = t.TempDir() }, "must be decorated"},
		{"no sidecar", func(p *Plan) {
			p.Pod.Spec.Containers, p.Local.Spec.Containers = p.Pod.Spec.Containers[:1], p.Local.Spec.Containers[:1]
		}, "it has no container sidecar"},
		{"in place", func(p *Plan) {
			volume(p.Local, "slipway-git-0").HostPath.Path = t.TempDir()
		}, "no --in-place"},
		{"gone", func(p *Plan) { volume(p.Local, "token").HostPath.Path = "/absent" }, "carry volume token to the cluster: stat /absent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := clusterPlan(t)
			tt.change(&plan)
			if _, _, err := onCluster(plan); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %s", err, tt.want)
			}
		})
	}
}

func TestObstacles(t *testing.T) {
	unscheduled := corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}}}
	of := func(states ...corev1.ContainerStatus) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: states}
	}
	tests := []struct {
		name   string
		status corev1.PodStatus
		final  bool
		want   string
	}{
		{"running", of(running("test")), false, ""},
		{"its turn has not come", of(waiting("test", "PodInitializing", "")), false, ""},
		{"being made", of(waiting("test", "ContainerCreating", "")), false, "container test: ContainerCreating"},
		{"first pull failed", of(waiting("test", "ErrImagePull", "no such host")), false, "container test: ErrImagePull: no such host; push the image"},
		{"pull failed again", of(waiting("test", "ImagePullBackOff", "")), true, "load example/test into them"},
		{"never pulled", of(waiting("test", "ErrImageNeverPull", "")), true, "slipway image push"},
		{"no such secret", of(waiting("test", "CreateContainerConfigError", `secret "x" not found`)), true, `secret "x" not found; make what it names`},
		{"no such program", of(waiting(ferryName, "RunContainerError", "exec: ferry: not found")), true, "whether image example/slipway-ferry has the program"},
		{"no node", unscheduled, false, "no node takes the pod: Unschedulable: 0/3 nodes; compare"},
		{"over", of(endedWith("test", 0)), false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lookAt(&corev1.Pod{Status: tt.status})
			if text := got.String(); got.final != tt.final || !strings.Contains(text, tt.want) || tt.want == "" && text != "" {
				t.Errorf("got %q, final %v; want %q, %v", text, got.final, tt.want, tt.final)
			}
		})
	}
}

package flow

import (
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/prow/pkg/pod-utils/clone"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"
)

// Where the containers of a job see the store, what was taken from it, and secrets.
const (
	storeMount  = "/store"
	takenMount  = "/flow"
	secretMount = "/secrets/"
)

// pod has a container for each build, all of which start at once: flow-step, which
// every image of a build holds, waits for those that its build needs. Only take and
// keep see the store, and no code of a repository runs in them.
func (g Graph) pod(s Stage) *corev1.PodSpec {
	identity := g.Project.Identities[s.Identity]
	spec := &corev1.PodSpec{ServiceAccountName: identity.ServiceAccount}
	taken, kept := g.takenNow(s), g.kept(s)
	if len(taken) > 0 {
		spec.Containers = append(spec.Containers, g.take(s, taken))
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "flow", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	}
	for _, n := range g.runnable(s) {
		spec.Containers = append(spec.Containers, g.build(n, len(taken) > 0))
	}
	if len(taken) > 0 || len(kept) > 0 {
		spec.Containers = append(spec.Containers, g.keep(s, kept, len(taken) > 0))
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "store", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: g.Project.Store}}})
	}
	if identity.Secret != "" {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "credentials", VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: identity.Secret}}})
	}
	return spec
}

// takenNow is what the stage's builds that can run take from the store.
func (g Graph) takenNow(s Stage) []Output {
	return g.outputs(func(user, maker Node) bool {
		return user.Stage == s.Name && user.Waits == "" && maker.Stage != s.Name
	})
}

// build is the container of one build.
func (g Graph) build(n Node, takes bool) corev1.Container {
	c := corev1.Container{
		Name: container(n.Build), Image: n.recipe.Image, Command: []string{"flow-step", "run"},
		Resources: corev1.ResourceRequirements{Requests: n.recipe.Requests},
	}
	for _, needed := range n.Needs() {
		if other, _ := g.Node(needed); other.Stage == n.Stage {
			c.Args = append(c.Args, "--after="+container(needed))
		}
	}
	if takes {
		c.Args = append(c.Args, "--after=take", "--skip="+takenMount+"/skip")
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "flow", MountPath: takenMount, ReadOnly: true})
	}
	for _, output := range n.recipe.Outputs {
		c.Args = append(c.Args, "--makes="+artifacts(output))
	}
	if n.recipe.Source != nil {
		c.Args = append(c.Args, "--dir="+g.sourceDir(*n.recipe.Source))
	}
	if secret := g.Project.Identities[n.recipe.Identity].Secret; secret != "" {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "credentials", MountPath: secretMount + secret, ReadOnly: true})
	}
	c.Args = append(append(c.Args, "--"), n.recipe.Command...)
	c.Args = append(c.Args, g.arguments(n)...)
	return c
}

// arguments are the build's own and the flow's, with folders for names; what names an
// optional input that this graph does not have goes.
func (g Graph) arguments(n Node) []string {
	known := map[string]string{"branch": g.Branch}
	if g.Track != nil {
		known["track"] = strconv.Itoa(g.Track.Number)
	}
	for _, output := range n.recipe.Outputs {
		known[output] = artifacts(output)
	}
	for input, output := range n.Inputs {
		known[input] = artifacts(output.Name)
		if maker, _ := g.Node(output.Build); maker.Stage != n.Stage {
			known[input] = path.Join(takenMount, output.Name)
		}
	}
	var args []string
	for _, arg := range slices.Concat(n.recipe.Args, n.use.Args) {
		missing := false
		arg = placeholder.ReplaceAllStringFunc(arg, func(braced string) string {
			value, ok := known[strings.Trim(braced, "{}")]
			missing = missing || !ok
			return value
		})
		if !missing {
			args = append(args, arg)
		}
	}
	return args
}

// take is the container that brings what earlier stages left.
func (g Graph) take(s Stage, taken []Output) corev1.Container {
	c := g.step("take", s, true)
	for _, o := range taken {
		maker, _ := g.Node(o.Build)
		c.Args = append(c.Args, "--take="+maker.Stage+"/"+o.Name)
	}
	c.Args = append(c.Args, "--folder="+takenMount)
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "flow", MountPath: takenMount})
	return c
}

// keep is the container that leaves what later stages take, and that this was done.
func (g Graph) keep(s Stage, kept []Output, takes bool) corev1.Container {
	c := g.step("keep", s, false)
	for _, n := range g.runnable(s) {
		c.Args = append(c.Args, "--after="+container(n.Build))
	}
	for _, o := range kept {
		c.Args = append(c.Args, "--keep="+artifacts(o.Name))
	}
	if takes {
		c.Args = append(c.Args, "--taken="+takenMount)
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "flow", MountPath: takenMount, ReadOnly: true})
	}
	return c
}

// step is a container of flow-step alone, which sees the store.
func (g Graph) step(verb string, s Stage, readOnly bool) corev1.Container {
	return corev1.Container{
		Name: verb, Image: g.Project.Step, Command: []string{"/flow-step", verb},
		Args:         []string{"--store=" + storeMount, "--flow=" + g.String(), "--stage=" + s.Name},
		VolumeMounts: []corev1.VolumeMount{{Name: "store", MountPath: storeMount, ReadOnly: readOnly}},
	}
}

// artifacts is the folder of an output in a pod.
func artifacts(output string) string {
	logs, _ := decorate.LogMountAndVolume()
	return path.Join(logs.MountPath, "artifacts", output)
}

// sourceDir is where Prow clones a repository to.
func (g Graph) sourceDir(s Source) string {
	code, _ := decorate.CodeMountAndVolume()
	return clone.PathForRefs(code.MountPath, s.refs(s.branch(g.Branch)))
}

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"slipway.dev/slipway/internal/image"
)

// localizer turns a decorated pod into the one that this machine runs.
type localizer struct {
	Options
	original *corev1.Pod
	pod      *corev1.Pod // what is worked on
	sources  []Source
	changes  *changes
	scratch  string
	folders  map[string]string // where each volume lies, by name
	files    []File
	images   []string
	refused  []string // fields, each with its reason
	missing  []string // secrets and config maps
	shared   int      // volumes that were made for a subPath
}

// run takes the steps in turn, and reports all that stands in the way at once.
func (l *localizer) run() error {
	l.files = []File{{Path: l.scratch, Mode: fs.ModeDir | 0o700}} // it holds secrets
	if err := l.replaceVolumes(); err != nil {
		return err
	}
	if l.Remote { // a cluster honours every field, and holds the secrets
		l.seeSources()
		return nil
	}
	l.dropDefaults()
	l.refused = append(l.refused, settle(&l.pod.Spec, l.changes)...)
	for _, step := range []func(){
		l.dropAnnotations, l.seeSources, l.placeVolumes, l.eachContainer, l.secure, l.token,
	} {
		step()
	}
	return errors.Join(l.refusal(), l.missingSecrets())
}

func (l *localizer) refusal() error {
	if len(l.refused) == 0 {
		return nil
	}
	return fmt.Errorf("its pod has fields that cannot be honoured: %s", strings.Join(l.refused, "; "))
}

func (l *localizer) refuse(field, format string, args ...any) {
	l.refused = append(l.refused, field+": "+fmt.Sprintf(format, args...))
}

// containers visits init containers first. field is "spec.containers[0]".
func (l *localizer) containers(visit func(field string, c *corev1.Container)) {
	for i := range l.pod.Spec.InitContainers {
		visit(fmt.Sprintf("spec.initContainers[%d]", i), &l.pod.Spec.InitContainers[i])
	}
	for i := range l.pod.Spec.Containers {
		visit(fmt.Sprintf("spec.containers[%d]", i), &l.pod.Spec.Containers[i])
	}
}

func (l *localizer) eachContainer() {
	l.containers(func(field string, c *corev1.Container) {
		l.useImage(field, c)
		l.plainEnvironment(field, c)
		l.limit(field, c)
		l.splitSubPaths(field, c)
	})
	slices.Sort(l.images)
	l.images = slices.Compact(l.images)
}

// dropDefaults takes out in silence what Prow sets on every container and nothing
// here reads.
func (l *localizer) dropDefaults() {
	l.containers(func(_ string, c *corev1.Container) {
		if c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError {
			c.TerminationMessagePolicy = ""
		}
	})
}

// dropAnnotations: podman takes none that is longer than 63 characters, and obeys
// those of its own.
func (l *localizer) dropAnnotations() {
	if len(l.pod.Annotations) > 0 {
		l.changes.add("metadata.annotations", fmt.Sprintf("%d annotations", len(l.pod.Annotations)), "", "nothing here reads them, and podman bounds their length")
	}
	l.pod.Annotations = nil
}

// useImage names the image of the tree, whatever registry and digest the job names.
func (l *localizer) useImage(field string, c *corev1.Container) {
	name, ok := treeImage(c.Image, l.Images)
	if ok {
		local := image.Canonical + "/" + name + ":latest"
		l.changes.add(field+".image", c.Image, local, "the image of this tree takes the place of the one that was pushed")
		c.Image = local
		l.images = append(l.images, name)
	}
	if c.ImagePullPolicy != "" && c.ImagePullPolicy != corev1.PullNever {
		l.changes.add(field+".imagePullPolicy", string(c.ImagePullPolicy), string(corev1.PullNever), "images are loaded before the pod starts")
	}
	c.ImagePullPolicy = corev1.PullNever
}

// treeImage is the longest name of an image of the tree with which a reference's
// repository ends.
func treeImage(reference string, names []string) (string, bool) {
	repository, _, _ := strings.Cut(reference, "@")
	if slash := strings.LastIndex(repository, "/"); strings.LastIndex(repository, ":") > slash {
		repository = repository[:strings.LastIndex(repository, ":")]
	}
	best := ""
	for _, name := range names {
		if (repository == name || strings.HasSuffix(repository, "/"+name)) && len(name) > len(best) {
			best = name
		}
	}
	return best, best != ""
}

// limit keeps what podman bounds.
func (l *localizer) limit(field string, c *corev1.Container) {
	for _, name := range []corev1.ResourceName{corev1.ResourceStorage, corev1.ResourceEphemeralStorage} {
		if q, ok := c.Resources.Limits[name]; ok {
			l.changes.add(field+".resources.limits", string(name)+" "+q.String(), "", "storage is not bounded here")
			delete(c.Resources.Limits, name)
		}
	}
	for name := range c.Resources.Limits {
		if name != corev1.ResourceCPU && name != corev1.ResourceMemory {
			l.refuse(field+".resources.limits", "podman gives no %s", name)
		}
	}
	if len(c.Resources.Limits) == 0 {
		c.Resources.Limits = nil
	}
}

// seesSources says whether a container works on the job's repositories: clonerefs
// and the job's own do, the other utilities do not.
func (l *localizer) seesSources(c *corev1.Container) bool {
	return !slices.Contains([]string{"initupload", "place-entrypoint", "sidecar"}, c.Name)
}

// seeSources mounts the repositories, and the configuration that lets git read them.
func (l *localizer) seeSources() {
	if len(l.sources) == 0 {
		return
	}
	var mounts []corev1.VolumeMount
	add := func(name, folder, mount string, readOnly bool) {
		l.pod.Spec.Volumes = append(l.pod.Spec.Volumes, hostPath(name, folder))
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: mount, ReadOnly: readOnly})
		l.changes.add("spec.volumes "+name, "", folder, "the job's repository")
	}
	for i, s := range l.sources {
		add(fmt.Sprintf("slipway-git-%d", i), s.Folder(gitFolder(l.Output)), s.Mount(), false)
	}
	add("slipway-git-config", gitConfig(l.Output), configMount, true)
	l.containers(func(_ string, c *corev1.Container) {
		if !l.seesSources(c) {
			return
		}
		c.VolumeMounts = append(c.VolumeMounts, mounts...)
		if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == gitSystem }) {
			c.Env = append(c.Env, corev1.EnvVar{Name: gitSystem, Value: configMount})
		}
	})
}

// gitSystem names the file that git reads in the place of /etc/gitconfig.
const gitSystem = "GIT_CONFIG_SYSTEM"

func hostPath(name, folder string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: filepath.Clean(folder)}}}
}

// token says so where a pod counts on an account of a cluster.
func (l *localizer) token() {
	if wants := l.pod.Spec.AutomountServiceAccountToken; wants != nil && *wants {
		l.changes.add("spec.automountServiceAccountToken", "true", "", "there is no cluster, so there is never a token")
	}
	l.pod.Spec.AutomountServiceAccountToken = nil
}

package local

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/pjutil"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"

	"slipway.dev/slipway/internal/image"
)

// Options are what a run is made with, beside its job and sources.
type Options struct {
	ID      string            // name of the ProwJob and of its pod; empty makes one
	BuildID string            // number of the run
	Started time.Time         // when it was asked for
	Output  string            // absolute folder for what the run leaves
	Images  []string          // names of the images of the tree, which take the place of those that the job names
	Remote  bool              // the pod runs where Prow's would: its images, fields and secrets are left to the cluster
	Args    []string          // arguments of the job's container instead of its own; nil keeps them
	More    []string          // arguments to add to them
	Env     map[string]string // variables of the job's container, besides or instead of its own
	Volumes map[string]string // volumes of the job that are a folder of this machine, by name
	Secrets Secrets
}

// NewPlan makes the plan of a run. It reads the folder of secrets, and writes
// nothing; the same arguments give the same plan.
func NewPlan(job Job, sources []Source, o Options) (Plan, error) {
	made := &changes{}
	prowJob := newProwJob(job, sources, o, made)
	pod, err := decorate.ProwJobToPodLocal(*prowJob.DeepCopy(), o.Output)
	if err != nil {
		return Plan{}, fmt.Errorf("decorate the pod of %s: %w", job.Name, err)
	}
	pod.APIVersion, pod.Kind, pod.Namespace = "v1", "Pod", ""
	l := localizer{
		Options: o, original: pod, pod: pod.DeepCopy(), sources: sources, changes: made,
		scratch: filepath.Join(o.Output, "scratch"), folders: map[string]string{},
	}
	if err := l.run(); err != nil {
		return Plan{}, fmt.Errorf("job %s cannot run here: %w", job.Name, err)
	}
	return Plan{
		ProwJob: prowJob, Pod: pod, Local: l.pod, Changes: made.inOrder(pod), Images: l.images,
		Output: o.Output, Scratch: l.scratch, Files: l.files,
	}, nil
}

// newProwJob is the ProwJob that Prow's controllers would make of the job.
func newProwJob(job Job, sources []Source, o Options, made *changes) prowapi.ProwJob {
	var main prowapi.Refs
	extra := sources
	if job.Type != prowapi.PeriodicJob {
		main, extra = sources[0].Refs, sources[1:]
	}
	pj := pjutil.NewProwJob(job.spec(main), job.base.Labels, job.base.Annotations)
	if pj.Spec.Refs != nil {
		pj.Spec.Refs.CloneURI = main.CloneURI // Prow prefers the job's own
		made.add("prowjob.spec.refs.clone_uri", job.base.CloneURI, main.CloneURI, "the job sees a copy of the repository")
	}
	for i, s := range extra {
		name := fmt.Sprintf("prowjob.spec.extra_refs[%d].clone_uri", i)
		made.add(name, pj.Spec.ExtraRefs[i].CloneURI, s.Refs.CloneURI, "the job sees a copy of the repository")
		blobless := pj.Spec.ExtraRefs[i].BloblessFetch
		pj.Spec.ExtraRefs[i] = s.Refs
		pj.Spec.ExtraRefs[i].BloblessFetch = blobless
	}
	withoutCredentials(pj.Spec.DecorationConfig, made)
	adjust(container(pj.Spec.PodSpec), o, made)
	pj.Name, pj.Namespace = cmp.Or(o.ID, pj.Name), job.space
	started := metav1.NewTime(o.Started)
	pj.Status = prowapi.ProwJobStatus{StartTime: started, PendingTime: &started, State: prowapi.PendingState, PodName: pj.Name, BuildID: o.BuildID}
	return pj
}

// withoutCredentials takes out what clonerefs would need to reach a forge, and the
// uploads a bucket: a copy needs neither.
func withoutCredentials(dc *prowapi.DecorationConfig, made *changes) {
	drop := func(set bool, field string, clearIt func()) {
		if set {
			clearIt()
			made.add("prowjob.spec.decoration_config."+field, "set", "", "the job's copy of the repository needs no credentials")
		}
	}
	drop(len(dc.SSHKeySecrets) > 0, "ssh_key_secrets", func() { dc.SSHKeySecrets = nil })
	drop(len(dc.SSHHostFingerprints) > 0, "ssh_host_fingerprints", func() { dc.SSHHostFingerprints = nil })
	drop(dc.OauthTokenSecret != nil, "oauth_token_secret", func() { dc.OauthTokenSecret = nil })
	drop(dc.CookiefileSecret != nil, "cookiefile_secret", func() { dc.CookiefileSecret = nil })
	drop(dc.GitHubAppID != "" || dc.GitHubAppPrivateKeySecret != nil, "github_app_private_key_secret", func() {
		dc.GitHubAppID, dc.GitHubAppPrivateKeySecret = "", nil
	})
}

// adjust gives the job's container the arguments and variables that were asked for.
func adjust(c *corev1.Container, o Options, made *changes) {
	before := strings.Join(c.Args, " ")
	if o.Args != nil {
		c.Args = slices.Clone(o.Args)
	}
	c.Args = append(c.Args, o.More...)
	if after := strings.Join(c.Args, " "); after != before {
		made.add("prowjob.spec.pod_spec.containers[0].args", before, after, "asked for")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		from, asked := "", corev1.EnvVar{Name: name, Value: o.Env[name]}
		at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
		if at < 0 {
			c.Env = append(c.Env, asked)
		} else { // where later ones may refer to it
			from = cmp.Or(c.Env[at].Value, "set")
			c.Env[at] = asked
		}
		made.add("prowjob.spec.pod_spec.containers[0].env "+name, from, asked.Value, "asked for")
	}
}

// UseImages puts loaded images (name → local reference) where the plan names images
// of the tree.
func (p *Plan) UseImages(loaded map[string]string) error {
	for _, list := range [][]corev1.Container{p.Local.Spec.InitContainers, p.Local.Spec.Containers} {
		for i := range list {
			name, ok := strings.CutPrefix(list[i].Image, image.Canonical+"/")
			if !ok {
				continue
			}
			reference, ok := loaded[strings.TrimSuffix(name, ":latest")]
			if !ok {
				return fmt.Errorf("image %s of container %s was not loaded", list[i].Image, list[i].Name)
			}
			list[i].Image = reference
		}
	}
	return nil
}

// Foreign are the images of Local that are not of the tree, sorted: they must be
// in podman's storage, or come from their registry.
func (p *Plan) Foreign() []string {
	var found []string
	for _, list := range [][]corev1.Container{p.Local.Spec.InitContainers, p.Local.Spec.Containers} {
		for _, c := range list {
			if !strings.HasPrefix(c.Image, image.Canonical+"/") {
				found = append(found, c.Image)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

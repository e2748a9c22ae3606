package configcheck

import (
	"cmp"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/kube"
)

// job is a job of any type, as Prow defaulted it.
type job struct {
	config.JobBase
	kind       prowapi.ProwJobType
	repository string // ORG/NAME; of a periodic empty
	file       string // from the checkout's root
	brancher   config.Brancher
	changes    config.RegexpChangeMatcher
	presubmit  *config.Presubmit // nil of others
}

// allJobs lists them as they stand in their files' repositories.
func allJobs(c *config.Config, checkout string) []job {
	var jobs []job
	add := func(j job) {
		if relative, err := filepath.Rel(checkout, j.SourcePath); err == nil {
			j.file = filepath.ToSlash(relative)
		}
		jobs = append(jobs, j)
	}
	for _, repository := range slices.Sorted(maps.Keys(c.PresubmitsStatic)) {
		for _, p := range c.PresubmitsStatic[repository] {
			add(job{JobBase: p.JobBase, kind: prowapi.PresubmitJob, repository: repository, brancher: p.Brancher, changes: p.RegexpChangeMatcher, presubmit: &p})
		}
	}
	for _, repository := range slices.Sorted(maps.Keys(c.PostsubmitsStatic)) {
		for _, p := range c.PostsubmitsStatic[repository] {
			add(job{JobBase: p.JobBase, kind: prowapi.PostsubmitJob, repository: repository, brancher: p.Brancher, changes: p.RegexpChangeMatcher})
		}
	}
	for _, p := range c.Periodics {
		add(job{JobBase: p.JobBase, kind: prowapi.PeriodicJob})
	}
	return jobs
}

// containers are all of the job's own.
func (j job) containers() []corev1.Container {
	if j.Spec == nil {
		return nil
	}
	all := slices.Concat(j.Spec.InitContainers, j.Spec.Containers)
	for i := range all {
		all[i].Name = cmp.Or(all[i].Name, kube.TestContainerName) // as Prow names a single one
	}
	return all
}

func (j job) volumes() []corev1.Volume {
	if j.Spec == nil {
		return nil
	}
	return j.Spec.Volumes
}

// secrets are the secrets that the job's own containers see, by name, sorted.
func (j job) secrets() []string {
	var names []string
	for _, v := range j.volumes() {
		if v.Secret != nil {
			names = append(names, v.Secret.SecretName)
		}
		if v.Projected != nil {
			names = append(names, projectedSecrets(v.Projected)...)
		}
		if v.CSI != nil && v.CSI.NodePublishSecretRef != nil {
			names = append(names, v.CSI.NodePublishSecretRef.Name)
		}
	}
	for _, c := range j.containers() {
		names = append(names, environmentSecrets(c)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func projectedSecrets(p *corev1.ProjectedVolumeSource) []string {
	var names []string
	for _, source := range p.Sources {
		if source.Secret != nil {
			names = append(names, source.Secret.Name)
		}
	}
	return names
}

func environmentSecrets(c corev1.Container) []string {
	var names []string
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			names = append(names, e.ValueFrom.SecretKeyRef.Name)
		}
	}
	for _, e := range c.EnvFrom {
		if e.SecretRef != nil {
			names = append(names, e.SecretRef.Name)
		}
	}
	return names
}

// writtenClaims are the persistent volume claims that some container may write to.
func (j job) writtenClaims() []string {
	var claims []string
	for _, v := range j.volumes() {
		if v.PersistentVolumeClaim == nil || v.PersistentVolumeClaim.ReadOnly {
			continue
		}
		if slices.ContainsFunc(j.containers(), func(c corev1.Container) bool {
			return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name && !m.ReadOnly })
		}) {
			claims = append(claims, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return claims
}

// serviceAccount is the one that the pod runs as, "" if it has none of its own.
func (j job) serviceAccount() string {
	switch {
	case j.Spec != nil && j.Spec.ServiceAccountName != "":
		return j.Spec.ServiceAccountName
	case j.DecorationConfig != nil && j.DecorationConfig.DefaultServiceAccountName != nil:
		return *j.DecorationConfig.DefaultServiceAccountName
	}
	return ""
}

// decorationSecrets are the secrets that Prow's own containers in the job's pod see.
func (j job) decorationSecrets() []string {
	d := j.DecorationConfig
	if d == nil {
		return nil
	}
	names := slices.Clone(d.SSHKeySecrets)
	for _, name := range []*string{d.GCSCredentialsSecret, d.S3CredentialsSecret, d.CookiefileSecret} {
		if name != nil && *name != "" {
			names = append(names, *name)
		}
	}
	if d.OauthTokenSecret != nil {
		names = append(names, d.OauthTokenSecret.Name)
	}
	if d.GitHubAppPrivateKeySecret != nil {
		names = append(names, d.GitHubAppPrivateKeySecret.Name)
	}
	return names
}

// imageName is the name in images/ of a reference, without tag and digest; ok is false
// if it is no image of ours.
func (s settings) imageName(reference string) (name string, ok bool) {
	name, ok = strings.CutPrefix(reference, s.Images+"/")
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	return name, ok
}

// published says by what the job shows that it publishes; "" if by nothing.
func (s settings) published(j job) string {
	for _, name := range j.secrets() {
		if slices.Contains(s.Publishing.Secrets, name) {
			return "it has the secret " + name
		}
	}
	for _, name := range j.writtenClaims() {
		if slices.Contains(s.Publishing.Claims, name) {
			return "it writes to the volume claim " + name
		}
	}
	if account := j.serviceAccount(); slices.Contains(s.Publishing.ServiceAccounts, account) {
		return "it runs as " + account
	}
	if slices.Contains(s.Clusters.Trusted, j.Cluster) {
		return "it runs on cluster " + j.Cluster
	}
	return ""
}

// promotes says whether the job moves a channel: it has the promoter's image, and does not
// run its program with a first argument that is known to be harmless.
func (s settings) promotes(j job) bool {
	return slices.ContainsFunc(j.containers(), func(c corev1.Container) bool {
		name, ok := s.imageName(c.Image)
		line := commandLine(c)
		harmless := len(line) > 1 && path.Base(line[0]) == path.Base(name) && slices.Contains(s.Promoter.Harmless, line[1])
		return ok && name == s.Promoter.Image && !harmless
	})
}

// commandLine is what a container runs, wherever its first words stand.
func commandLine(c corev1.Container) []string { return slices.Concat(c.Command, c.Args) }

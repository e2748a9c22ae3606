package configcheck

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

func presubmitHoldsNothing(t *tree, j job, found say) {
	if j.presubmit == nil || j.Spec == nil {
		return
	}
	for _, v := range j.Spec.Volumes {
		if v.EmptyDir == nil && v.ConfigMap == nil && v.DownwardAPI == nil {
			found("it mounts the volume "+v.Name, "a presubmit may have emptyDir, configMap and downwardAPI alone")
		}
	}
	for _, what := range podPrivileges(j.Spec) {
		found("its pod has "+what, "take it away, or make it a job that runs after the merge")
	}
	for _, c := range j.containers() {
		for _, what := range containerPrivileges(c) {
			found(fmt.Sprintf("container %s has %s", c.Name, what), "take it away, or make it a job that runs after the merge")
		}
	}
	if account := j.serviceAccount(); slices.Contains(t.settings.Publishing.ServiceAccounts, account) && account != j.Spec.ServiceAccountName {
		found("its pod runs as "+account+" by its decoration", "give it one that opens nothing but the logs' bucket")
	}
	for _, name := range j.decorationSecrets() {
		if slices.Contains(t.settings.Publishing.Secrets, name) {
			found("its decoration has the secret "+name+", which is for publishing", "give it one that opens nothing but the logs' bucket")
		}
	}
}

func podPrivileges(p *corev1.PodSpec) []string {
	return held([]privilege{
		{"hostNetwork", p.HostNetwork},
		{"hostPID", p.HostPID},
		{"hostIPC", p.HostIPC},
		{"the service account " + p.ServiceAccountName, p.ServiceAccountName != ""},
		{"a service account's token", isTrue(p.AutomountServiceAccountToken)},
	})
}

func containerPrivileges(c corev1.Container) []string {
	list := []privilege{{"a port of the host", slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 })}}
	for _, name := range environmentSecrets(c) {
		list = append(list, privilege{"the secret " + name + " in its environment", true})
	}
	if s := c.SecurityContext; s != nil {
		list = append(list,
			privilege{"privileged: true", isTrue(s.Privileged)},
			privilege{"allowPrivilegeEscalation: true", isTrue(s.AllowPrivilegeEscalation)},
			privilege{"more capabilities", s.Capabilities != nil && len(s.Capabilities.Add) > 0},
			privilege{"an unmasked /proc", s.ProcMount != nil && *s.ProcMount != corev1.DefaultProcMount})
	}
	return held(list)
}

// privilege is something that a pod may have.
type privilege struct {
	what string
	has  bool
}

func held(list []privilege) []string {
	var names []string
	for _, p := range list {
		if p.has {
			names = append(names, p.what)
		}
	}
	return names
}

func isTrue(b *bool) bool { return b != nil && *b }

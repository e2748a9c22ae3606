package local

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// secure rewrites what podman ignores of security contexts.
func (l *localizer) secure() {
	of := l.pod.Spec.SecurityContext
	if of == nil {
		of = &corev1.PodSecurityContext{}
	}
	l.nonRoot("spec.securityContext", of.RunAsNonRoot, of.RunAsUser)
	l.containers(func(field string, c *corev1.Container) {
		if c.SecurityContext == nil {
			c.SecurityContext = &corev1.SecurityContext{}
		}
		own := c.SecurityContext
		user := own.RunAsUser
		if user == nil {
			user = of.RunAsUser
		}
		l.nonRoot(field+".securityContext", own.RunAsNonRoot, user)
		l.unconfine(field+".securityContext.seccompProfile.type", own.SeccompProfile, "container.seccomp.security.alpha.kubernetes.io/"+c.Name)
		own.RunAsNonRoot, own.SeccompProfile = nil, nil
		if *own == (corev1.SecurityContext{}) {
			c.SecurityContext = nil
		}
	})
	l.unconfine("spec.securityContext.seccompProfile.type", of.SeccompProfile, "seccomp.security.alpha.kubernetes.io/pod")
	if of.FSGroup != nil {
		l.changes.add("spec.securityContext.fsGroup", "set", "one of supplementalGroups", "podman ignores it; the pod's volumes are open to all")
		if !slices.Contains(of.SupplementalGroups, *of.FSGroup) {
			of.SupplementalGroups = append(of.SupplementalGroups, *of.FSGroup)
		}
	}
	of.RunAsNonRoot, of.SeccompProfile, of.FSGroup, of.FSGroupChangePolicy = nil, nil, nil, nil
}

// nonRoot checks what the kubelet would: that the user is known not to be root. What
// user an image names is not known here.
func (l *localizer) nonRoot(field string, nonRoot *bool, user *int64) {
	if nonRoot == nil || !*nonRoot {
		return
	}
	if user == nil || *user == 0 {
		l.refuse(field+".runAsNonRoot", "podman ignores it; name a user that is not root with runAsUser")
		return
	}
	l.changes.add(field+".runAsNonRoot", "true", "", "runAsUser says so already")
}

// unconfine asks podman by annotation for no seccomp profile. A runtime's default is
// what podman gives anyway.
func (l *localizer) unconfine(field string, profile *corev1.SeccompProfile, annotation string) {
	switch {
	case profile == nil:
	case profile.Type == corev1.SeccompProfileTypeUnconfined:
		if l.pod.Annotations == nil {
			l.pod.Annotations = map[string]string{}
		}
		l.pod.Annotations[annotation] = "unconfined"
		l.changes.add(field, "Unconfined", "annotation "+annotation, "podman ignores the field")
	case profile.Type == corev1.SeccompProfileTypeRuntimeDefault:
		l.changes.add(field, "RuntimeDefault", "", "it is podman's own")
	default:
		l.refuse(field, "podman has no profiles of a cluster's nodes")
	}
}

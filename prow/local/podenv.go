package local

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// plainEnvironment makes plain values of a container's variables, in the order and
// by the rules of the kubelet: what comes later wins and may refer to what came
// before. Command and arguments may refer to all.
func (l *localizer) plainEnvironment(field string, c *corev1.Container) {
	var plain []corev1.EnvVar
	put := func(e corev1.EnvVar) {
		plain = slices.DeleteFunc(plain, func(old corev1.EnvVar) bool { return old.Name == e.Name })
		plain = append(plain, e)
	}
	for i, from := range c.EnvFrom {
		name := fmt.Sprintf("%s.envFrom[%d]", field, i)
		for _, e := range l.variables(from, name) {
			put(e)
		}
		l.changes.add(name, "reference", "values", "podman ignores the prefix")
	}
	for i, e := range c.Env {
		name := fmt.Sprintf("%s.env[%d]", field, i)
		if e.ValueFrom != nil {
			value, ok := l.valueOf(name, c, e)
			if !ok {
				continue
			}
			put(corev1.EnvVar{Name: e.Name, Value: value})
			l.changes.add(name+".valueFrom", "reference", "value", "podman knows no secrets of a cluster")
			continue
		}
		put(corev1.EnvVar{Name: e.Name, Value: l.expand(name+".value", e.Value, plain)})
	}
	c.EnvFrom, c.Env = nil, plain
	for i := range c.Command {
		c.Command[i] = l.expand(fmt.Sprintf("%s.command[%d]", field, i), c.Command[i], plain)
	}
	for i := range c.Args {
		c.Args[i] = l.expand(fmt.Sprintf("%s.args[%d]", field, i), c.Args[i], plain)
	}
}

func (l *localizer) expand(field, text string, known []corev1.EnvVar) string {
	expanded := expand(text, environment(known))
	if expanded != text {
		l.changes.add(field, "$(NAME)", "value", "podman does not expand references")
	}
	return expanded
}

func environment(known []corev1.EnvVar) map[string]string {
	values := map[string]string{}
	for _, e := range known {
		values[e.Name] = e.Value
	}
	return values
}

// expand puts values in the place of $(NAME), as the kubelet does: $$ is a dollar,
// and a name that is not known stays as it is written.
func expand(text string, values map[string]string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, isReference := "", "", false
		if inner, ok := strings.CutPrefix(rest, "("); ok {
			name, after, isReference = strings.Cut(inner, ")")
		}
		value, known := values[name]
		switch {
		case strings.HasPrefix(rest, "$"):
			out.WriteString("$")
			text = rest[1:]
		case isReference && known:
			out.WriteString(value)
			text = after
		case isReference:
			out.WriteString("$(" + name + ")")
			text = after
		default:
			out.WriteString("$")
			text = rest
		}
	}
}

// variables are the keys of a secret or config map as variables.
func (l *localizer) variables(from corev1.EnvFromSource, where string) []corev1.EnvVar {
	var o object
	switch {
	case from.SecretRef != nil:
		o = object{"secret", from.SecretRef.Name, isTrue(from.SecretRef.Optional)}
	case from.ConfigMapRef != nil:
		o = object{"config map", from.ConfigMapRef.Name, isTrue(from.ConfigMapRef.Optional)}
	}
	var all []corev1.EnvVar
	for _, key := range l.keys(o, where) {
		if value, ok := l.value(o, key, where); ok {
			all = append(all, corev1.EnvVar{Name: from.Prefix + key, Value: value})
		}
	}
	return all
}

// valueOf is what a variable refers to.
func (l *localizer) valueOf(field string, c *corev1.Container, e corev1.EnvVar) (string, bool) {
	where := "variable " + e.Name + " of container " + c.Name
	switch from := e.ValueFrom; {
	case from.SecretKeyRef != nil:
		return l.value(object{"secret", from.SecretKeyRef.Name, isTrue(from.SecretKeyRef.Optional)}, from.SecretKeyRef.Key, where)
	case from.ConfigMapKeyRef != nil:
		return l.value(object{"config map", from.ConfigMapKeyRef.Name, isTrue(from.ConfigMapKeyRef.Optional)}, from.ConfigMapKeyRef.Key, where)
	case from.FieldRef != nil:
		return l.fieldOf(field, from.FieldRef.FieldPath)
	case from.ResourceFieldRef != nil:
		return l.resourceOf(field, c, *from.ResourceFieldRef)
	}
	l.refuse(field+".valueFrom", "it names nothing")
	return "", false
}

// fieldOf is a field of the pod that is known before it runs.
func (l *localizer) fieldOf(field, path string) (string, bool) {
	simple := map[string]string{
		"metadata.name": l.original.Name, "metadata.namespace": "default", "metadata.uid": l.original.Name,
		"spec.serviceAccountName": "default",
	}
	if value, ok := simple[path]; ok {
		return value, true
	}
	for prefix, values := range map[string]map[string]string{"metadata.labels['": l.original.Labels, "metadata.annotations['": l.original.Annotations} {
		if key, ok := strings.CutPrefix(path, prefix); ok {
			return values[strings.TrimSuffix(key, "']")], true
		}
	}
	l.refuse(field+".valueFrom.fieldRef", "%s is known in a cluster only; give the variable a value: --env NAME=VALUE", path)
	return "", false
}

// resourceOf is a bound that the job itself names.
func (l *localizer) resourceOf(field string, c *corev1.Container, from corev1.ResourceFieldSelector) (string, bool) {
	kind, name, _ := strings.Cut(from.Resource, ".")
	lists := map[string]func(corev1.Container) corev1.ResourceList{
		"limits":   func(c corev1.Container) corev1.ResourceList { return c.Resources.Limits },
		"requests": func(c corev1.Container) corev1.ResourceList { return c.Resources.Requests },
	}
	of := c.Name
	if from.ContainerName != "" {
		of = from.ContainerName
	}
	for _, each := range slices.Concat(l.original.Spec.InitContainers, l.original.Spec.Containers) {
		list, known := lists[kind]
		if each.Name != of || !known {
			continue
		}
		if q, ok := list(each)[corev1.ResourceName(name)]; ok {
			return divide(q, from.Divisor), true
		}
	}
	l.refuse(field+".valueFrom.resourceFieldRef", "container %s names no %s", of, from.Resource)
	return "", false
}

// divide rounds up, as the kubelet does.
func divide(q, divisor resource.Quantity) string {
	by := divisor.MilliValue()
	if by == 0 {
		by = 1000
	}
	return fmt.Sprint((q.MilliValue() + by - 1) / by)
}

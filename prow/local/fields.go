package local

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Verdict is what becomes of a field of a pod on this machine.
type Verdict string

// The verdicts. A field is dropped, which is said, where its absence changes nothing
// that a job could see on one machine.
const (
	Honoured  Verdict = "honoured"
	Rewritten Verdict = "rewritten"
	Dropped   Verdict = "rewritten to nothing"
	Refused   Verdict = "refused"
)

// Field is the verdict on one field of a PodSpec, or on all below it.
type Field struct {
	Path    string // from the PodSpec, with [] for a list of objects; init containers are containers
	Whole   bool   // the verdict covers every field below Path
	Verdict Verdict
	Why     string
}

var (
	index = regexp.MustCompile(`\[[0-9]+\]`)
	inits = regexp.MustCompile(`^initContainers\[`)
)

// pattern is the path by which the table knows a field of one pod.
func pattern(path string) string {
	return inits.ReplaceAllString(index.ReplaceAllString(path, "[]"), "containers[")
}

// fieldName is the name of a field in YAML; one that is inlined has none.
func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// isObject says whether t is a type of the pod's API that has fields.
func isObject(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[corev1.PodSpec]().PkgPath()
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "." + name
}

// walk visits the set fields of v in the order of the API, below path, until visit
// says not to look below a field. What a visit changes is seen by the visits below it.
func walk(v reflect.Value, path string, visit func(path string, v reflect.Value) (below bool)) {
	for i := range v.NumField() {
		field, name := v.Field(i), join(path, fieldName(v.Type().Field(i)))
		if field.IsZero() || name != path && !visit(name, field) {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		switch {
		case isObject(field.Type()):
			walk(field, name, visit)
		case field.Kind() == reflect.Slice && isObject(field.Type().Elem()):
			for j := range field.Len() {
				walk(field.Index(j), fmt.Sprintf("%s[%d]", name, j), visit)
			}
		}
	}
}

// table finds the verdict on a field.
type table map[string]Field

func newTable() table {
	t := table{}
	for _, f := range Fields() {
		t[f.Path] = f
	}
	return t
}

// find returns the verdict on the field at path itself, if the table has one; an
// object whose fields have verdicts of their own has none.
func (t table) find(path string) (Field, bool) {
	f, ok := t[pattern(path)]
	return f, ok
}

// settle applies the table to a pod: it refuses, by name, all that is refused or
// unknown, and drops what is to be dropped.
func settle(spec *corev1.PodSpec, changes *changes) []string {
	var refused []string
	verdicts := newTable()
	walk(reflect.ValueOf(spec).Elem(), "", func(path string, v reflect.Value) bool {
		f, ok := verdicts.find(path)
		switch {
		case !ok && isLeaf(v.Type()):
			refused = append(refused, fmt.Sprintf("spec.%s: this version of slipway does not know the field", path))
			return false
		case !ok:
			return true
		case f.Verdict == Refused:
			refused = append(refused, fmt.Sprintf("spec.%s: %s", path, strings.ReplaceAll(f.Why, volumeName, nameOf(spec, path))))
		case f.Verdict == Dropped:
			changes.add("spec."+path, short(v), "", f.Why)
			v.SetZero()
		}
		return false
	})
	return refused
}

// volumeName stands in a verdict for the name of the volume that it is about.
const volumeName = "VOLUME"

// nameOf is the name of the volume that path is in.
func nameOf(spec *corev1.PodSpec, path string) string {
	var i int
	if _, err := fmt.Sscanf(path, "volumes[%d]", &i); err != nil {
		return volumeName
	}
	return spec.Volumes[i].Name
}

// isLeaf says whether a field of this type has no fields of its own.
func isLeaf(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return !isObject(t)
}

// short is a value for people, on one line.
func short(v reflect.Value) string {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !isLeaf(v.Type()) {
		return "set"
	}
	text := fmt.Sprint(v.Interface())
	if list, ok := v.Interface().(corev1.ResourceList); ok {
		text = ""
		for _, name := range slices.Sorted(maps.Keys(list)) {
			q := list[name]
			text += string(name) + " " + q.String() + " "
		}
	}
	if v.CanAddr() {
		if s, ok := v.Addr().Interface().(fmt.Stringer); ok {
			text = s.String()
		}
	}
	return shorten(text)
}

// shorten keeps the beginning of a text, on one line.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 70 {
		return string(runes[:67]) + "..."
	}
	return text
}

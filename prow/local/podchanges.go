package local

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// changes gathers what was rewritten, for people.
type changes struct{ list []Change }

func (c *changes) add(field, from, to, why string) {
	c.list = append(c.list, Change{Field: field, From: shorten(from), To: shorten(to), Why: why})
}

// inOrder sorts the changes as the fields of the original pod lie. What lies before
// the pod's own spec, and what was added, keep the order in which they were made.
func (c *changes) inOrder(original *corev1.Pod) []Change {
	position := map[string]int{}
	walk(reflect.ValueOf(original.Spec), "spec", func(path string, _ reflect.Value) bool {
		for parent := path; parent != "" && position[parent] == 0; parent = parent[:max(0, strings.LastIndexByte(parent, '.'))] {
			position[parent] = len(position) + 1
		}
		return true
	})
	place := func(ch Change) int {
		if !strings.HasPrefix(ch.Field, "spec.") {
			return 0
		}
		return cmp.Or(position[ch.Field], len(position)+1)
	}
	slices.SortStableFunc(c.list, func(a, b Change) int { return cmp.Compare(place(a), place(b)) })
	return c.list
}

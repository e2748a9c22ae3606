package local

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/yaml"
)

// Shown is a plan for people and scripts.
type Shown struct {
	ProwJob prowapi.ProwJob `json:"prowjob"`
	Pod     *corev1.Pod     `json:"pod"`   // as Prow would hand it to a cluster
	Local   *corev1.Pod     `json:"local"` // as it runs here
	Changes []Change        `json:"changes"`
	Images  []string        `json:"images"`
	Output  string          `json:"output"`
}

// Show is the plan for people and scripts.
func (p *Plan) Show() Shown {
	return Shown{p.ProwJob, p.Pod, p.Local, p.Changes, p.Images, p.Output}
}

// YAML is the plan as documents that kubectl reads too, and a list of changes.
func (p *Plan) YAML() (string, error) {
	var text strings.Builder
	for _, part := range []struct {
		title string
		value any
	}{
		{"The ProwJob.", p.ProwJob},
		{"The pod as Prow would hand it to a cluster.", p.Pod},
		{"The pod as it runs on this machine.", p.Local},
		{"What differs, and why.", map[string]any{"changes": p.Changes, "images": p.Images, "output": p.Output}},
	} {
		data, err := yaml.Marshal(part.value)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "---\n# %s\n%s", part.title, data)
	}
	return text.String(), nil
}

package configcheck

import (
	"os"

	"sigs.k8s.io/yaml"
)

// labelsConfig is what we read of label_sync's configuration.
type labelsConfig struct {
	Default labelSet            `json:"default"`
	Orgs    map[string]labelSet `json:"orgs"`
	Repos   map[string]labelSet `json:"repos"`
}

type labelSet struct {
	Labels []struct {
		Name string `json:"name"`
	} `json:"labels"`
}

func (t *tree) loadLabels() error {
	data, err := os.ReadFile(t.path(labelsFile))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var c labelsConfig
	if err := yaml.Unmarshal(data, &c); err != nil {
		return err
	}
	t.labels = map[string]bool{}
	c.Default.addTo(t.labels)
	for _, set := range c.Orgs {
		set.addTo(t.labels)
	}
	for _, set := range c.Repos {
		set.addTo(t.labels)
	}
	return nil
}

func (s labelSet) addTo(labels map[string]bool) {
	for _, l := range s.Labels {
		labels[l.Name] = true
	}
}

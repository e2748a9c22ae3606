package configcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// settingsFile says of a shop what no rule can know.
const settingsFile = "config/check.yaml"

// settings is config/check.yaml.
type settings struct {
	Repository string     `json:"repository"` // the configuration repository itself, ORG/NAME
	Images     string     `json:"images"`     // where job images are pushed to, REGISTRY/PATH
	Tags       []string   `json:"tags"`       // tags such as our repositories get
	Clusters   clusters   `json:"clusters"`
	Publishing publishing `json:"publishing"`
	Promoter   promoter   `json:"promoter"`
	// HarmlessSecrets are those with which nothing can be written.
	HarmlessSecrets []string `json:"harmless_secrets"`
}

// clusters are the build clusters that jobs may name.
type clusters struct {
	Untrusted []string `json:"untrusted"` // for code that nobody has reviewed
	Trusted   []string `json:"trusted"`   // for jobs that publish
	Other     []string `json:"other"`     // for the rest
}

func (c clusters) all() []string { return slices.Concat(c.Untrusted, c.Trusted, c.Other) }

// publishing is what only a job that publishes may have.
type publishing struct {
	Secrets         []string `json:"secrets"`
	Claims          []string `json:"claims"` // persistent volume claims; one that is mounted for reading alone does not count
	ServiceAccounts []string `json:"service_accounts"`
}

// promoter is the image whose program moves channels.
type promoter struct {
	Image    string   `json:"image"`    // its name in images/
	Harmless []string `json:"harmless"` // first arguments with which it moves none
}

func loadSettings(checkout string) (settings, error) {
	var s settings
	data, err := os.ReadFile(filepath.Join(checkout, settingsFile))
	if err != nil {
		return s, fmt.Errorf("read what to hold the jobs to: %w", err)
	}
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return s, err
	}
	s.Images = strings.TrimSuffix(s.Images, "/")
	return s, s.complete()
}

// complete names every field without which a rule would have nothing to hold jobs to.
func (s settings) complete() error {
	var missing []string
	for _, field := range []struct {
		name  string
		there bool
	}{
		{"repository", s.Repository != ""},
		{"images", s.Images != ""},
		{"tags", len(s.Tags) > 0},
		{"clusters.untrusted", len(s.Clusters.Untrusted) > 0},
		{"clusters.trusted", len(s.Clusters.Trusted) > 0},
		{"publishing.secrets", len(s.Publishing.Secrets) > 0},
		{"promoter.image", s.Promoter.Image != ""},
	} {
		if !field.there {
			missing = append(missing, field.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("it does not say %s", strings.Join(missing, ", "))
	}
	return nil
}

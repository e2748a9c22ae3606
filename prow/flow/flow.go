// Package flow makes Prow jobs of flows: graphs of builds under triggers.
//
// A build says how, once; a flow says what and when, for each track. The planner is
// pure: from a file of config/flows come graphs, from a graph its stages, and from a
// stage one Prow job, always the same bytes. Nothing here runs a job or reads a clock.
package flow

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Project is one file of config/flows.
type Project struct {
	Name       string              `json:"project"`
	Owner      string              `json:"owner"` // an alias of OWNERS_ALIASES or a login, for every job
	Repository Repository          `json:"repository"`
	Store      string              `json:"store,omitempty"` // the claim of the store in which an identity leaves what the next one takes
	Step       string              `json:"step,omitempty"`  // the image of flow-step, which carries between pods and the store
	Tracks     *Tracks             `json:"tracks,omitempty"`
	Identities map[string]Identity `json:"identities"`
	Builds     map[string]Build    `json:"builds"`
	Flows      map[string]Flow     `json:"flows"`

	Path string `json:"-"` // of the file
}

// Repository is where sources come from.
type Repository struct {
	Org      string `json:"org"` // of Gerrit, a URL
	Repo     string `json:"repo"`
	CloneURI string `json:"clone_uri,omitempty"`
}

// Identity is who a build is to the world: what its pod may read and write.
type Identity struct {
	Cluster        string `json:"cluster,omitempty"`         // Prow's alias of the cluster that runs the pod
	Secret         string `json:"secret,omitempty"`          // mounted at /secrets/NAME
	ServiceAccount string `json:"service_account,omitempty"` // of the pod
	Publishes      bool   `json:"publishes,omitempty"`       // it writes where others read
}

// trusted says whether code that nobody has reviewed must not run as this identity.
func (i Identity) trusted() bool { return i.Secret != "" || i.ServiceAccount != "" || i.Publishes }

// Build is a recipe: how outputs come from inputs.
//
// {NAME} in an argument is the folder of an input or output, or {track}, {branch}.
type Build struct {
	Identity  string              `json:"identity"`
	Image     string              `json:"image"`           // by digest, unless it comes later
	Later     string              `json:"later,omitempty"` // why there is no image yet
	Command   []string            `json:"command"`
	Args      []string            `json:"args,omitempty"`
	Inputs    []string            `json:"inputs,omitempty"`
	Optional  []string            `json:"optional,omitempty"` // inputs without which it works too; their arguments go with them
	Outputs   []string            `json:"outputs,omitempty"`  // folders that it fills in $ARTIFACTS
	FromTrack int                 `json:"from_track,omitempty"`
	Source    *Source             `json:"source,omitempty"`   // what it works on besides or instead of the project's repository
	Requests  corev1.ResourceList `json:"requests,omitempty"` // cpu and memory
}

// Source is a repository of which each track has a branch.
type Source struct {
	Repository
	Branches map[string]string `json:"branches,omitempty"` // by the track's branch; one that is not named is called the same
}

// Flow is a graph of builds under a trigger.
type Flow struct {
	Trigger Trigger        `json:"trigger"`
	Builds  map[string]Use `json:"builds"`
}

// Use is what a flow says of a build beyond its name.
type Use struct {
	Inputs map[string]string `json:"inputs,omitempty"` // input → output of this flow; an input that is not named takes the output of its name
	Args   []string          `json:"args,omitempty"`   // to add
}

// Trigger is when a flow runs: one of three.
type Trigger struct {
	Periodic   *Periodic   `json:"periodic,omitempty"`   // of each track
	Postsubmit *Postsubmit `json:"postsubmit,omitempty"` // of each track's branch
	Presubmit  *Presubmit  `json:"presubmit,omitempty"`  // of the main branch alone
}

// Periodic starts a flow by the clock.
type Periodic struct {
	Interval string `json:"interval,omitempty"`
	Cron     string `json:"cron,omitempty"`
}

// Postsubmit starts a flow on a merge.
type Postsubmit struct{}

// Presubmit starts a flow before a merge.
type Presubmit struct {
	Label  string `json:"label,omitempty"`  // that starts it
	Review string `json:"review,omitempty"` // the state of a review that starts it
	Vote   string `json:"vote,omitempty"`   // on Gerrit, as in Code-Review+2
	Report string `json:"report,omitempty"` // the label of Gerrit that tells how it ended
}

// Load reads and checks one file.
func Load(path string) (*Project, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a file of flows: %w", err)
	}
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.Path = path
	return p, nil
}

// Parse reads and checks what a file says. All its mistakes are named at once.
func Parse(data []byte) (*Project, error) {
	var p Project
	if err := yaml.UnmarshalStrict(data, &p); err != nil {
		return nil, err
	}
	return &p, p.Check()
}

// LoadFolder reads all files of a folder, sorted by project.
func LoadFolder(folder string) ([]*Project, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no flows are in %s; name a folder with NAME.yaml files by --flows", folder)
	}
	byName := map[string]*Project{}
	var wrong []error
	for _, path := range paths {
		p, err := Load(path)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case byName[p.Name] != nil:
			wrong = append(wrong, fmt.Errorf("%s: project %s is in %s too; a project has one file", path, p.Name, byName[p.Name].Path))
		default:
			byName[p.Name] = p
		}
	}
	var all []*Project
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all, errors.Join(wrong...)
}

// String says the trigger in a few words.
func (t Trigger) String() string {
	switch {
	case t.Periodic != nil && t.Periodic.Cron != "":
		return "periodic, " + t.Periodic.Cron
	case t.Periodic != nil:
		return "periodic, every " + t.Periodic.Interval
	case t.Postsubmit != nil:
		return "postsubmit"
	}
	words := []string{"presubmit"}
	for _, by := range []string{t.Presubmit.Vote, t.Presubmit.Label, t.Presubmit.Review} {
		if by != "" {
			words = append(words, by)
		}
	}
	return strings.Join(words, ", ")
}

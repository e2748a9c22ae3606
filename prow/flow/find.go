package flow

import (
	"fmt"
	"slices"
	"strings"
)

// Find is the graph of that name: crostini-guest/74, crostini-guest/presubmit.
func Find(projects []*Project, name string) (Graph, error) {
	var names []string
	for _, p := range projects {
		graphs, err := p.Graphs()
		if err != nil {
			return Graph{}, err
		}
		for _, g := range graphs {
			if g.String() == name {
				return g, nil
			}
			names = append(names, g.String())
		}
	}
	return Graph{}, fmt.Errorf("no flow is named %s; there are %s", name, strings.Join(names, ", "))
}

// Only is the graph for one build and what it needs; the rest waits.
func (g Graph) Only(build string) (Graph, error) {
	if _, ok := g.Node(build); !ok {
		return Graph{}, fmt.Errorf("%s has no build %s; it has %s", g, build, strings.Join(builds(g.Nodes), ", "))
	}
	wanted := []string{build}
	for i := 0; i < len(wanted); i++ {
		n, _ := g.Node(wanted[i])
		wanted = append(wanted, n.Needs()...)
	}
	g.Nodes = slices.Clone(g.Nodes)
	for i, n := range g.Nodes {
		if !slices.Contains(wanted, n.Build) {
			g.Nodes[i].Waits = NotAsked
		}
	}
	return g, nil
}

// NotAsked is why a build waits that was not asked for.
const NotAsked = "not asked for"

// Job is a stage's job, as far as its builds are here: its name and a file of jobs that
// holds it alone. ok says whether there is one.
func (g Graph) Job(s Stage) (name string, file []byte, ok bool, err error) {
	if len(g.runnable(s)) == 0 {
		return "", nil, false, nil
	}
	var jobs Jobs
	jobs.add(g, s)
	file, err = jobs.yaml()
	return g.JobName(s), file, true, err
}

// HandsOver says whether the stage's job needs the store.
func (g Graph) HandsOver(s Stage) bool { return len(g.takenNow(s)) > 0 || len(g.kept(s)) > 0 }

// Container is the name of a build's container in its job.
func (g Graph) Container(s Stage, build string) string {
	if len(g.pod(s).Containers) == 1 {
		return "test" // as Prow calls the only one
	}
	return container(build)
}

// Later is why the build's image is not here yet; empty is that it is.
func (n Node) Later() string { return n.recipe.Later }

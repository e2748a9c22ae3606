package flow

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Graph is one flow for one track: what runs after what.
type Graph struct {
	Project *Project `json:"-"`
	Flow    string   `json:"flow"`
	Trigger Trigger  `json:"-"`
	Track   *Track   `json:"track,omitempty"` // nil is a flow of the main branch, whatever track that is
	Branch  string   `json:"branch"`
	Nodes   []Node   `json:"builds"` // each after all that it needs
	Stages  []Stage  `json:"stages"` // each after all that it needs
}

// Node is a build in a graph.
type Node struct {
	Build  string            `json:"build"`
	Inputs map[string]Output `json:"inputs,omitempty"` // by the name that the build has for it
	Stage  string            `json:"stage"`
	Waits  string            `json:"waits,omitempty"` // why it cannot run yet; empty is that it can
	recipe Build
	use    Use
}

// Output is what a build of the graph makes.
type Output struct {
	Build string `json:"build"`
	Name  string `json:"name"`
}

// Stage is what one Prow job runs: connected or not, builds of one identity none of
// which waits for another identity in between. It is named after its first build that can run.
type Stage struct {
	Name     string   `json:"name"`
	Identity string   `json:"identity"`
	Builds   []string `json:"builds"`
	Needs    []string `json:"needs,omitempty"` // stages whose outputs it takes from the store
	level    int
}

// String is the name of the graph for people: crostini-guest/74, crostini-guest/presubmit.
func (g Graph) String() string {
	if g.Track != nil && g.perTrack() {
		return g.Project.Name + "/" + strconv.Itoa(g.Track.Number) + g.suffix()
	}
	return g.Project.Name + "/" + g.Flow
}

// perTrack says whether the graph's name begins with its track: all but presubmits' does.
func (g Graph) perTrack() bool { return g.Trigger.Presubmit == nil }

// suffix tells flows of one track apart; the one called continuous needs no telling.
func (g Graph) suffix() string {
	if g.Flow == "continuous" {
		return ""
	}
	return "/" + g.Flow
}

// Node finds a build of the graph.
func (g Graph) Node(build string) (Node, bool) {
	at := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.Build == build })
	if at < 0 {
		return Node{}, false
	}
	return g.Nodes[at], true
}

// Graphs are all graphs of the project: of each flow for each track.
func (p *Project) Graphs() ([]Graph, error) {
	var graphs []Graph
	for _, name := range slices.Sorted(maps.Keys(p.Flows)) {
		for _, on := range p.lines(p.Flows[name].Trigger) {
			g, err := p.graph(name, on.branch, on.track)
			if err != nil {
				return nil, err
			}
			graphs = append(graphs, g)
		}
	}
	return graphs, nil
}

// line is a branch that a flow is for.
type line struct {
	branch string
	track  *Track
}

// lines are the branches of a trigger: all tracks', or the main one.
func (p *Project) lines(t Trigger) []line {
	tracks := p.Tracks.All()
	if len(tracks) == 0 {
		return []line{{branch: "main"}}
	}
	if t.Presubmit != nil {
		newest := tracks[len(tracks)-1]
		return []line{{newest.Branch, &newest}}
	}
	var lines []line
	for _, track := range tracks {
		lines = append(lines, line{track.Branch, &track})
	}
	return lines
}

// graph finds what each build needs, an order, and the stages.
func (p *Project) graph(flow, branch string, track *Track) (Graph, error) {
	f := p.Flows[flow]
	g := Graph{Project: p, Flow: flow, Trigger: f.Trigger, Track: track, Branch: branch}
	names := p.present(f, track)
	makers := map[string]string{}
	for _, name := range names {
		for _, output := range p.Builds[name].Outputs {
			makers[output] = name
		}
	}
	found := map[string]Node{}
	for _, name := range names {
		n := Node{Build: name, recipe: p.Builds[name], use: f.Builds[name], Inputs: map[string]Output{}}
		for _, input := range slices.Concat(n.recipe.Inputs, n.recipe.Optional) {
			wanted := input
			if bound, ok := n.use.Inputs[input]; ok {
				wanted = bound
			}
			maker, ok := makers[wanted]
			switch {
			case ok:
				n.Inputs[input] = Output{maker, wanted}
			case slices.Contains(n.recipe.Inputs, input) || wanted != input:
				return Graph{}, fmt.Errorf("flow %s: %s needs %s, which no build of it outputs; add a build that does", g, name, wanted)
			}
		}
		found[name] = n
	}
	order, err := order(found, names)
	if err != nil {
		return Graph{}, fmt.Errorf("flow %s: %w", g, err)
	}
	for _, name := range order {
		g.Nodes = append(g.Nodes, found[name])
	}
	g.wait()
	g.stage()
	return g, nil
}

// present are the builds of a flow that a track has, sorted.
func (p *Project) present(f Flow, track *Track) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.Builds)) {
		if from := p.Builds[name].FromTrack; track == nil || track.Number >= from {
			names = append(names, name)
		}
	}
	return names
}

// Needs are the builds that a build needs, sorted.
func (n Node) Needs() []string {
	var needs []string
	for _, output := range n.Inputs {
		needs = append(needs, output.Build)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// order puts each build after what it needs; those that need each other are an error.
func order(nodes map[string]Node, names []string) ([]string, error) {
	var done, path []string
	var visit func(name string) error
	visit = func(name string) error {
		if slices.Contains(done, name) {
			return nil
		}
		if at := slices.Index(path, name); at >= 0 {
			return fmt.Errorf("its builds wait for each other: %s", strings.Join(append(path[at:], name), " waits for "))
		}
		path = append(path, name)
		for _, needed := range nodes[name].Needs() {
			if err := visit(needed); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		done = append(done, name)
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// wait says of each build whether it can run: its image is here, and so is that of
// everything that it needs.
func (g *Graph) wait() {
	for i, n := range g.Nodes {
		if n.recipe.Later != "" {
			g.Nodes[i].Waits = n.recipe.Later
			continue
		}
		for _, needed := range n.Needs() {
			if other, _ := g.Node(needed); other.Waits != "" {
				g.Nodes[i].Waits = "it waits for " + needed
				break
			}
		}
	}
}

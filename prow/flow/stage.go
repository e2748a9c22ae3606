package flow

import (
	"cmp"
	"slices"
)

// stage cuts the graph where the identity changes. A build's level is how often it
// changes on the longest way to it, so that no two stages wait for each other.
func (g *Graph) stage() {
	levels := map[string]int{}
	for _, n := range g.Nodes {
		for _, needed := range n.Needs() {
			other, _ := g.Node(needed)
			level := levels[needed]
			if other.recipe.Identity != n.recipe.Identity {
				level++
			}
			levels[n.Build] = max(levels[n.Build], level)
		}
		g.join(n, levels[n.Build])
	}
	for i, s := range g.Stages { // after one that can run, so that its job is not called by what it leaves out
		for _, build := range s.Builds {
			if n, _ := g.Node(build); n.Waits == "" {
				g.Stages[i].Name = build
				break
			}
		}
	}
	slices.SortStableFunc(g.Stages, func(a, b Stage) int { return cmp.Compare(a.level, b.level) })
	for _, s := range g.Stages {
		for i := range g.Nodes {
			if slices.Contains(s.Builds, g.Nodes[i].Build) {
				g.Nodes[i].Stage = s.Name
			}
		}
	}
	for i := range g.Stages {
		g.Stages[i].Needs = g.stagesNeeded(g.Stages[i])
	}
}

// join puts a build into its stage, which it begins if there is none.
func (g *Graph) join(n Node, level int) {
	for i, s := range g.Stages {
		if s.Identity == n.recipe.Identity && s.level == level {
			g.Stages[i].Builds = append(g.Stages[i].Builds, n.Build)
			return
		}
	}
	g.Stages = append(g.Stages, Stage{Name: n.Build, Identity: n.recipe.Identity, Builds: []string{n.Build}, level: level})
}

// stagesNeeded are the stages whose outputs one takes from the store.
func (g *Graph) stagesNeeded(s Stage) []string {
	var needs []string
	for _, o := range g.taken(s) {
		maker, _ := g.Node(o.Build)
		needs = append(needs, maker.Stage)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// taken are the outputs of other stages that a stage's builds need.
func (g *Graph) taken(s Stage) []Output {
	return g.outputs(func(user, maker Node) bool { return user.Stage == s.Name && maker.Stage != s.Name })
}

// kept are the outputs of a stage that builds of other stages need, if those can run.
func (g *Graph) kept(s Stage) []Output {
	return g.outputs(func(user, maker Node) bool {
		return user.Stage != s.Name && maker.Stage == s.Name && user.Waits == ""
	})
}

// outputs are those between a user and a maker that are wanted, sorted.
func (g *Graph) outputs(wanted func(user, maker Node) bool) []Output {
	var found []Output
	for _, n := range g.Nodes {
		for _, o := range n.Inputs {
			if maker, _ := g.Node(o.Build); wanted(n, maker) {
				found = append(found, o)
			}
		}
	}
	slices.SortFunc(found, func(a, b Output) int { return cmp.Or(cmp.Compare(a.Build, b.Build), cmp.Compare(a.Name, b.Name)) })
	return slices.Compact(found)
}

// runnable are the builds of a stage that can run, each after what it needs.
func (g *Graph) runnable(s Stage) []Node {
	var nodes []Node
	for _, n := range g.Nodes {
		if n.Stage == s.Name && n.Waits == "" {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

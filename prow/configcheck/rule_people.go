package configcheck

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mattn/go-zglob"

	"slipway.dev/slipway/internal/channel"
)

// approversExist looks at every gate that wants approvals by comment.
func approversExist(t *tree) []Finding {
	var findings []Finding
	for _, list := range slices.Sorted(maps.Keys(t.channels.Channels)) {
		for _, c := range t.channels.Channels[list] {
			found := func(problem, cure string) {
				findings = append(findings, Finding{File: channelsFile, Problem: fmt.Sprintf("gate of %s in %s: %s", c.Name, list, problem), Cure: cure})
			}
			if a := c.Gate.Approvals; a != nil && len(a.Signers) > 0 {
				t.approvers(*a, found)
			}
			for _, f := range c.Gate.Freeze {
				if f.Override != "" && len(t.owners.aliases.ExpandAlias(f.Override)) == 0 {
					found("override "+f.Override+" is no alias with members", "add it to "+aliasesFile)
				}
			}
		}
	}
	return findings
}

func (t *tree) approvers(a channel.Approvals, found say) {
	if a.Path == "" {
		found("it names no path whose approvers may approve", "write approvals.path")
		return
	}
	file := strings.TrimPrefix(a.Path+"/"+ownersFile, "./")
	if _, ok := t.owners.files[a.Path]; !ok {
		_ = t.owners.read(t.checkout, a.Path) // it may lie anywhere; what cannot be read is not there
	}
	switch who, ok := t.owners.files[a.Path]; {
	case !ok:
		found("there is no "+file, "write it, with approvers")
	case len(who.approvers) == 0:
		found(file+" names no approvers", "name some")
	case len(a.Tags) == 0 && len(who.approvers) < a.Count:
		found(fmt.Sprintf("it wants %d approvals, and %s names %d approvers", a.Count, file, len(who.approvers)), "name more, or want fewer")
	case !who.alone && a.Path != ".":
		found("approvers of the folders above "+file+" may approve, too", "write options: {no_parent_owners: true} there")
	}
}

func aliasesAreFlat(t *tree) []Finding {
	var findings []Finding
	for _, alias := range slices.Sorted(maps.Keys(t.owners.aliases)) {
		members := t.owners.aliases[alias]
		if len(members) == 0 {
			findings = append(findings, Finding{File: aliasesFile, Problem: alias + " has no members", Cure: "name some, or take it away"})
		}
		for _, member := range slices.Sorted(maps.Keys(members)) {
			if _, nested := t.owners.aliases[member]; nested {
				findings = append(findings, Finding{File: aliasesFile, Problem: alias + " has the alias " + member + " as a member", Cure: "name its members"})
			}
		}
	}
	return findings
}

// updaterMapsFiles wants every file that Prow reads to reach the cluster after a merge.
func updaterMapsFiles(t *tree) []Finding {
	if t.plugins == nil {
		return nil
	}
	org, _, _ := strings.Cut(t.settings.Repository, "/")
	if !slices.Contains(slices.Concat(t.plugins.Plugins[org].Plugins, t.plugins.Plugins[t.settings.Repository].Plugins), "config-updater") {
		return []Finding{{File: PluginsFile, Problem: "config-updater is not enabled for " + t.settings.Repository, Cure: "add it to its plugins"}}
	}
	files := []string{ConfigFile, PluginsFile}
	for _, j := range t.jobs {
		files = append(files, j.file)
	}
	slices.Sort(files)
	var findings []Finding
	for _, file := range slices.Compact(files) {
		if !t.mapped(file) {
			findings = append(findings, Finding{File: file, Problem: "no map of config_updater has it", Cure: "add one to " + PluginsFile})
		}
	}
	return findings
}

func (t *tree) mapped(file string) bool {
	for pattern := range t.plugins.ConfigUpdater.Maps {
		if ok, err := zglob.Match(pattern, file); err == nil && ok {
			return true
		}
	}
	return false
}

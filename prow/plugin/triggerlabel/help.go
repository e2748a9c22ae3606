package triggerlabel

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pluginhelp"

	"slipway.dev/slipway/prow/annotation"
)

// help says for each repository what starts what.
func (p *Plugin) help(repos []config.OrgRepo) (*pluginhelp.PluginHelp, error) {
	h := &pluginhelp.PluginHelp{
		Description: "A label or an approving review starts the presubmits that say so, once for each head of a pull request. " +
			"Who gives it must be a member of the organization; a push takes the label away.",
		Config: map[string]string{},
	}
	for _, repo := range repos {
		var lines []string
		for _, job := range p.Config().GetPresubmitsStatic(repo.String()) {
			if label := job.Annotations[annotation.TriggerLabel]; label != "" {
				lines = append(lines, fmt.Sprintf("The label %s starts %s.", label, job.Name))
			}
			if state := job.Annotations[annotation.TriggerReview]; state != "" {
				lines = append(lines, fmt.Sprintf("A review that says %s starts %s.", state, job.Name))
			}
		}
		if len(lines) > 0 {
			slices.Sort(lines)
			h.Config[repo.String()] = strings.Join(lines, " ")
		}
	}
	return h, nil
}

package plugin

import (
	"fmt"
	"strings"

	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pluginhelp"
)

// help is every handler's in one: to Prow the server is one plugin.
func (s *Server) help(repos []config.OrgRepo) (*pluginhelp.PluginHelp, error) {
	whole := &pluginhelp.PluginHelp{Config: map[string]string{}}
	var described []string
	for _, h := range s.config.Handlers {
		whole.Events = append(whole.Events, h.Events...)
		if h.Help == nil {
			continue
		}
		part, err := h.Help(repos)
		if err != nil {
			return nil, fmt.Errorf("help of %s: %w", h.Name, err)
		}
		described = append(described, part.Description)
		whole.Commands = append(whole.Commands, part.Commands...)
		for repo, text := range part.Config {
			whole.Config[repo] = strings.TrimSpace(whole.Config[repo] + " " + text)
		}
	}
	whole.Description = strings.Join(described, " ")
	return whole, nil
}

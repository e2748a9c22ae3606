package promote

import (
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pluginhelp"
)

// Help is what Prow's page of commands shows.
func Help([]config.OrgRepo) (*pluginhelp.PluginHelp, error) {
	help := &pluginhelp.PluginHelp{
		Description: "The promote plugin moves artifacts between channels: it answers with a plan, collects approvals of that very plan, and starts the promoter once the gate is met.",
	}
	for _, c := range []pluginhelp.Command{
		{
			Usage: "/promote (ARTIFACT|TRAIN) to CHANNEL [as vX.Y.Z]", WhoCanUse: "Members of the organization. Who asks does not approve.",
			Description: "Asks for a promotion of what the channel before holds now.",
			Examples:    []string{"/promote hello-os to testing", "/promote hello-os to stable as v1.2.3"},
		},
		{
			Usage: "/promote (status|cancel)", WhoCanUse: "status: members; cancel: who asked, and approvers of the channel's path.",
			Description: "Writes the status comments anew, or withdraws what is asked for in this issue or pull request.",
			Examples:    []string{"/promote status", "/promote cancel"},
		},
		{
			Usage: "/approve-promotion HASH", WhoCanUse: "Approvers of the channel's path, by OWNERS of the configuration repository's base branch; not who asked.",
			Description: "Approves the plan of that hash, and no other.",
			Examples:    []string{"/approve-promotion sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		},
		{
			Usage: "/rollback (ARTIFACT|TRAIN)/CHANNEL REASON", WhoCanUse: "Members; the approvals of the channel's gate are needed.",
			Description: "Asks to point a channel back to what it held before.",
			Examples:    []string{"/rollback hello-os/stable it does not boot on arm64"},
		},
		{
			Usage: "/hold-promotion (REASON|cancel)", WhoCanUse: "Members; cancel: who held it, and approvers of the channel's path.",
			Description: "Stops what is asked for in this issue or pull request, or lets it go again.",
			Examples:    []string{"/hold-promotion issue 123 is open", "/hold-promotion cancel"},
		},
		{
			Usage: "/override-freeze REASON", WhoCanUse: "Members of the group that the freeze names in config/channels.yaml.",
			Description: "Lets what is asked for here pass a freeze. The reason is kept with the ledger's evidence.",
			Examples:    []string{"/override-freeze the fix cannot wait until Monday"},
		},
	} {
		c.Featured = c.Usage[1] == 'p'
		help.AddCommand(c)
	}
	return help, nil
}

package promotecmd

import (
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

// Groups are the nouns of promotion.
func Groups(env cli.Env) []*cobra.Command {
	return []*cobra.Command{EvidenceGroup(env), PromotionGroup(env), ChannelGroup(env), RetentionGroup(env)}
}

// Promoter is the job binary: it promotes, audits, and adds evidence. It acts without
// being asked to confirm; whoever may start its job has decided.
func Promoter(env cli.Env) *cobra.Command {
	root := cli.Group("promoter", "Promote, audit, prune and add evidence, as a job",
		promotionApply(env, true), promotionPlan(env), promotionResume(env, true), channelAudit(env), channelRollback(env, true),
		EvidenceGroup(env), cli.Group("retention", "Delete old images from registries, and nothing that anything needs", retentionPlan(env), retentionApply(env, true)))
	root.Long = `Promote, audit and add evidence, as a job.

apply moves what is ready of the channels that it names; audit compares channels with
their ledgers, as a periodic job. They act without --confirm: whoever may start their
job has decided, by comment and OWNERS.`
	return root
}

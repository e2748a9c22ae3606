// Package annotation names the annotations of Prow jobs that Slipway gives a meaning.
//
// A job says by them what Prow has no field for: who owns it, and what starts it.
package annotation

// The annotations.
const (
	Owner         = "slipway.dev/owner"          // an alias of OWNERS_ALIASES, or a login
	TriggerLabel  = "slipway.dev/trigger-label"  // a presubmit: the label that starts it
	TriggerReview = "slipway.dev/trigger-review" // a presubmit: the state of a review that starts it: approved
	TriggerVote   = "slipway.dev/trigger-vote"   // a presubmit on Gerrit: the vote that starts it, as in Code-Review+2
	ReleaseTag    = "slipway.dev/release-tag"    // a postsubmit: the git tags that start it, as a regular expression
	Channel       = "slipway.dev/channel"        // of a release-tag job: the channel that it moves, whose approvers may push the tag
	PushedBy      = "slipway.dev/pushed-by"      // of a release-tag ProwJob: the login that pushed the tag; no job says it
)

package configcheck

// rule is one thing that a configuration is held to.
type rule struct {
	name  string
	why   string
	check func(*tree) []Finding
}

// say tells what is wrong, and the cure.
type say func(problem, cure string)

// eachJob makes a rule of what is asked of every single job.
func eachJob(check func(t *tree, j job, found say)) func(*tree) []Finding {
	return func(t *tree) []Finding {
		var findings []Finding
		for _, j := range t.jobs {
			check(t, j, func(problem, cure string) {
				findings = append(findings, Finding{File: j.file, Job: j.Name, Problem: problem, Cure: cure})
			})
		}
		return findings
	}
}

// rules are all rules, in the order in which docs/check-config.md explains them.
var rules = []rule{
	// What a job is.
	{"decorated", "only a decorated pod fetches its sources, ends in time and keeps its logs", eachJob(decorated)},
	{"name", "jobs of one name share logs, queues and a board's history", uniqueNames},
	{"owner", "somebody is asked when a job fails for a week", eachJob(owned)},
	{"image", "an image of this tree, by digest, is reviewed code; a tag is whatever was pushed last", eachJob(imagesOfTree)},
	{"program", "a shell in YAML is a program that nobody tests", eachJob(noShell)},
	{"command", "a pod whose image lacks the program never starts", eachJob(programThere)},
	{"resources", "a pod that asks for nothing is put where there is no room, and is the first to go", eachJob(resourcesAsked)},
	{"timeout", "a pod that plank ends first leaves no log and no result", eachJob(timeouts)},
	{"cluster", "a misspelt cluster never runs a job, and a wrong one runs it beside secrets", eachJob(clusterKnown)},
	{"board", "of two tabs of one name a board shows one", uniqueTabs},
	// What starts it.
	{"branches", "an expression without anchors matches more than it says, and Prow takes tags for branches", eachJob(branchesNamed)},
	{"changed-files", "an expression that fits no file is a job that never runs, or always", eachJob(changedFiles)},
	{"in-repo", "a pull request that may bring its own jobs brings them past all rules", noJobsInRepositories},
	{"comment", "a command that begins no line is found in quotations, too", eachJob(commandBeginsLine)},
	{"trigger", "what a label, a review or a vote starts must be there to be given, and must not start by itself", eachJob(triggers)},
	{"merge", "Tide merges nothing where it is not asked to", mergesAreConfigured},
	// What it may.
	{"presubmit", "a presubmit runs code that nobody has reviewed", eachJob(presubmitHoldsNothing)},
	{"secret", "of a secret that nobody has named it is not known whether it publishes", eachJob(secretsKnown)},
	{"publishing", "what leaves the house has been merged, and one job at a time writes it", eachJob(publishingAfterMerge)},
	{"rerun", "deck's rerun button would promote again without anybody's approval", eachJob(rerunDenied)},
	{"promoter", "only a comment or a tag whose author OWNERS approve may move a channel", eachJob(promoterStarts)},
	{"release-tag", "a tag moves the channel that its job names, and no other", releaseTags},
	// Who decides, and what Prow sees.
	{"approvers", "a gate that nobody may approve never opens; one that a parent's owners may open is no gate", approversExist},
	{"aliases", "Prow takes an alias within an alias for somebody's login", aliasesAreFlat},
	{"config-updater", "a merged file that no map names never reaches the cluster", updaterMapsFiles},
	{"generated", "a generated file that is not fresh, or whose flow is gone, runs what nobody reviews", generatedFresh},
	{"track", "a job of a retired track builds what nobody gets", tracksAreThere},
}

package main

// People of the story, by what OWNERS say of them.
const (
	contributor = "contributor"      // a member, and no approver of anything
	one         = "maintainer-one"   // approves testing
	two         = "maintainer-two"   // approves testing and stable
	three       = "maintainer-three" // approves stable
	four        = "maintainer-four"  // approves stable, and may override freezes
)

const madeUp = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// story is the whole demo. $NAME is what an earlier act found: $disk1 is the digest of
// the first disk, $plan the hash that the robot showed last, $old the one before a merge.
func story() []scene {
	return []scene{
		people(), asking(), refusals(), holding(), stable(), meanwhile(), frozen(), rollback(), barred(), ledger(),
	}
}

func people() scene {
	return scene{
		"What channels require, and who may approve",
		"Authority lies in the configuration repository, at its base branch: channels.yaml names a path for each\n" +
			"channel, and the OWNERS of that path approve. GitHub is a fake on loopback and sends its signed webhooks\n" +
			"to the plugin itself; in production Prow's hook stands between.",
		[]act{
			configuration("config/channels.yaml", "config/approvers/testing/OWNERS", "config/approvers/stable/OWNERS", "OWNERS_ALIASES"),
			build("1"),
		},
	}
}

func asking() scene {
	return scene{
		"A contributor asks",
		"Any member may ask. The robot answers with one comment, which it edits from then on: the digest that was\n" +
			"meant, what the gate has and lacks, and the plan's hash.",
		[]act{
			opens(contributor, "Promote the first disk"),
			says(contributor, "It has all of last week's mends.\n\n/promote hello-disk to testing",
				"waiting", "$disk1", "[ ] test boot", "[x] order", "[ ] approvals: `0 of 1"),
			boots("1"),
			hears("[x] test boot"),
			idle(),
		},
	}
}

func refusals() scene {
	return scene{
		"Who may not approve, and what is no approval",
		"An approval is of one plan, by its hash, from an approver of the channel's own path.",
		[]act{
			says(contributor, "/approve-promotion $plan", "only approvers of `config/approvers/testing`"),
			says(three, "/approve-promotion $plan", "only approvers of `config/approvers/testing`", "maintainer-one, maintainer-two"),
			says(one, "/approve-promotion "+madeUp, "that is no plan of this thread"),
			ignored(one, "> /approve-promotion $plan\n\nDo you mean that one, @contributor?"),
			idle(), holds("testing", ""),
		},
	}
}

func holding() scene {
	return scene{
		"A hold stops it, is let go, and the disk moves",
		"Anybody who may ask may hold. With the approval in place nothing but the hold is in the way.",
		[]act{
			says(three, "/hold-promotion the mirror is being moved", "[ ] hold", "the mirror is being moved"),
			says(one, "/approve-promotion $plan", "[x] approvals: `1 of 1: maintainer-one", "maintainer-three holds it: `the mirror is being moved`"),
			idle(), holds("testing", ""),
			says(three, "The mirror is where it should be.\n\n/hold-promotion cancel", "done", "The job: "),
			reread("hello-disk/testing`**: done"),
			ran(), holds("testing", "$disk1"),
		},
	}
}

func stable() scene {
	return scene{
		"Stable wants two, and who asks is none of them",
		"maintainer-two is an approver of stable, but asked for it.",
		[]act{
			says(two, "/promote hello-disk to stable", "hello-disk/stable", "[ ] approvals: `0 of 2"),
			says(two, "/approve-promotion $plan", "you asked for it; somebody else approves it"),
			says(three, "/approve-promotion $plan", "[ ] approvals: `1 of 2: maintainer-three"),
			idle(),
			says(four, "/approve-promotion $plan", "done"),
			ran(), holds("stable", "$disk1"),
		},
	}
}

func meanwhile() scene {
	return scene{
		"The rules change meanwhile: approve again",
		"A second disk. When half of the approvals are there, a freeze is merged. The gate is another now, and so is\n" +
			"the plan's hash; what was said of the old one counts no more.",
		[]act{
			build("2"), boots("2"),
			opens(contributor, "Promote the second disk"),
			says(contributor, "/promote hello-disk to testing", "$disk2", "[x] test boot"),
			says(one, "/approve-promotion $plan", "done"),
			ran(), holds("testing", "$disk2"),
			says(contributor, "/promote hello-disk to stable", "hello-disk/stable", "$disk2"),
			says(two, "/approve-promotion $plan", "[ ] approvals: `1 of 2"),
			freeze("nobody is there on holidays", "managers"),
			hears("[ ] freeze", "managers may override it", "[ ] approvals: `0 of 2"),
			says(three, "/approve-promotion $old", "that is no plan of this thread, or no longer"),
			says(two, "/approve-promotion $plan", "[ ] approvals: `1 of 2"),
			says(three, "/approve-promotion $plan", "[x] approvals: `2 of 2"),
			idle(), holds("stable", "$disk1"),
		},
	}
}

func frozen() scene {
	return scene{
		"A freeze, and an override by those whom it names",
		"Approvers cannot pass a freeze; the group that it names can, with a reason that is signed and kept.",
		[]act{
			says(three, "/override-freeze I want to go home", "only members of managers may"),
			says(four, "/override-freeze", "give a reason"),
			says(four, "/override-freeze disk 1 loses mail, and this one does not", "done"),
			reread("hello-disk/stable`**: done"),
			ran(), holds("stable", "$disk2"),
		},
	}
}

func rollback() scene {
	return scene{
		"It was a mistake: back to the first disk",
		"A rollback is a plan like any other, with as many approvals. No freeze stops it.",
		[]act{
			opens(one, "Go back"),
			says(one, "/rollback hello-disk/stable it eats disks", "Rollback of `hello-disk/stable`", "$disk1", "[ ] approvals: `0 of 2"),
			says(two, "/approve-promotion $plan", "[ ] approvals: `1 of 2"),
			says(three, "/approve-promotion $plan", "done"),
			ran(), holds("stable", "$disk1"),
		},
	}
}

func barred() scene {
	return scene{
		"What was rolled back stays out",
		"Until somebody lifts the bar, the channel does not take that disk again. The contributor sees it and withdraws.",
		[]act{
			says(contributor, "/promote hello-disk to stable", "[ ] barred"),
			says(contributor, "/promote cancel", "cancelled by contributor"),
			idle(), holds("stable", "$disk1"),
		},
	}
}

func ledger() scene {
	return scene{
		"What is recorded",
		"The ledger says what moved, when, by which job and why. The decisions about a plan say who asked, approved and\n" +
			"overrode, each signed, with the comment in which they said so: here of the second disk's for stable.",
		[]act{
			checksOut(),
			slipway("channel history hello-disk/stable", "$disk1 back from $disk2", "it eats disks"),
			slipway("channel show hello-disk/stable", "holds $disk1", "approved by maintainer-three", "$disk2 since"),
			slipway("promotion show $plan", "contributor", "maintainer-two", "maintainer-three", "override", "withdraw"),
			slipway("channel audit", "3 channels are as the ledger says"),
		},
	}
}

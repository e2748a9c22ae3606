package main

import (
	"slices"
	"time"

	"slipway.dev/slipway/internal/demo/play"
)

// The channels.
const (
	inNext    = "hello-os/next"
	inTesting = "hello-os/testing"
	inStable  = "hello-os/stable"
)

// What the images say.
const (
	first  = "hello from the first commit"
	second = "hello from the second commit"
)

// story is the whole demo. $NAME is what an earlier act found: $digest2 is the digest
// of the second commit's image, and $plan the hash of the plan that was last shown.
func story() []scene {
	return []scene{
		keys(), images(), intoNext(), refusal(), intoTesting(), intoStable(),
		byHand(), secondImage(), rollback(), brokenImage(), prune(),
	}
}

func keys() scene {
	return scene{
		Title: "Who signs what, and what each channel wants to see",
		About: "A channel moves only by what its gate names, signed by a key that the gate names.",
		Acts:  []act{keygen("ci"), keygen("boot"), keygen("chatops"), configure()},
	}
}

func images() scene {
	return scene{
		Title: "Two commits, two images",
		About: "The build pushes each image by the hash of its commit. No channel points to it yet.",
		Acts:  slices.Concat(repository(), commit("1", first), commit("2", second)),
	}
}

func intoNext() scene {
	return scene{
		Title: "Image 1: unit tests, and :next takes it",
		About: "The report of the unit tests becomes evidence: signed, kept in the store, attached to the image.",
		Acts: []act{
			unitTests("1"),
			play.Slipway("promotion", "apply", inNext+"@$digest1", "--confirm"),
			tagged("next", "1"),
		},
	}
}

func refusal() scene {
	return scene{
		Title: "Nobody has booted it, and :testing refuses it",
		About: "Without evidence of the very digest nothing moves.",
		Acts: []act{
			play.Fails("unmet test boot", "promotion", "apply", inTesting, "--confirm"),
			untagged("testing"),
		},
	}
}

func intoTesting() scene {
	return scene{
		Title: "Boot it, and :testing takes it",
		About: "The boot check's JUnit report becomes evidence, which cosign can read as well.",
		Acts: slices.Concat(boot("1", first), []act{
			play.Slipway("promotion", "apply", inTesting, "--confirm"),
			tagged("testing", "1"),
			attested("boot", "$image1", "config/keys/boot.pub", "config/keys/chatops.pub"),
		}),
	}
}

func intoStable() scene {
	return scene{
		Title: ":stable wants an end-to-end test, and two people",
		About: "People approve a plan by its hash, so that nothing else can move in its place. One is not enough.",
		Acts: slices.Concat(
			[]act{play.Slipway("promotion", "plan", inStable, "--version", "v1.0.0", "--keep")},
			endToEnd("1"), approve("alice"),
			[]act{
				play.Fails("unmet approvals: 1 of 2", "promotion", "apply", inStable, "--version", "v1.0.0", "--confirm"),
				untagged("stable"),
			},
			approve("bob"),
			[]act{
				play.Slipway("promotion", "apply", inStable, "--version", "v1.0.0", "--plan", "$plan", "--confirm"),
				tagged("stable", "1"), tagged("v1.0.0", "1"),
			},
		),
	}
}

func byHand() scene {
	return scene{
		Title: "Somebody moves :stable by hand, and the audit sees it",
		About: "The ledger knows every move that was one; a periodic job compares the registry with it.",
		Acts: []act{
			play.Slipway("channel", "audit"),
			play.Tool("skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://$image2", "docker://$repository:stable"),
			tagged("stable", "2"),
			play.Fails("by the ledger to $digest1", "channel", "audit"),
			play.Slipway("channel", "restore", inStable, "--why", "moved by hand", "--confirm"),
			play.Slipway("channel", "audit"),
			tagged("stable", "1"),
		},
	}
}

func secondImage() scene {
	return scene{
		Title: "Image 2 goes the same way",
		About: "Evidence and approvals of image 1 do not help it: they name another digest, and another plan.",
		Acts: slices.Concat(
			[]act{unitTests("2"), play.Slipway("promotion", "apply", inNext+"@$digest2", "--confirm")},
			boot("2", second),
			[]act{play.Slipway("promotion", "apply", inTesting, "--confirm")},
			endToEnd("2"),
			[]act{play.Shows("hello 2 all [upgraded from: 1]", "channel", "diff", inStable, inTesting)},
			[]act{play.Shows("unmet approvals: 0 of 2", "promotion", "plan", inStable, "--version", "v1.1.0", "--keep")},
			approve("alice"), approve("bob"),
			[]act{
				play.Slipway("promotion", "apply", inStable, "--version", "v1.1.0", "--confirm"),
				tagged("stable", "2"), tagged("v1.1.0", "2"), tagged("v1.0.0", "1"),
			},
		),
	}
}

func rollback() scene {
	return scene{
		Title: "It was a mistake: back to image 1",
		About: "A rollback is a plan like any other. What :stable leaves is barred from it until somebody lifts that,\n" +
			"and then people have to approve it anew.",
		Acts: slices.Concat(
			[]act{play.Slipway("channel", "rollback", inStable, "--why", "issue 123", "--keep")},
			approve("alice"), approve("bob"),
			[]act{
				play.Slipway("channel", "rollback", inStable, "--why", "issue 123", "--confirm"),
				tagged("stable", "1"), tagged("v1.1.0", "2"),
				play.Fails("unmet barred", "promotion", "apply", inStable, "--version", "v1.1.0", "--confirm"),
				tagged("stable", "1"),
				play.Slipway("channel", "lift", inStable, "$digest2", "--why", "the mirror was at fault", "--confirm"),
				play.Shows("unmet approvals: 0 of 2", "promotion", "plan", inStable, "--version", "v1.1.0"),
				play.Slipway("channel", "history", inStable),
			},
		),
	}
}

func brokenImage() scene {
	return scene{
		Title: "Image 3 fails its unit tests",
		About: "A failure is evidence too. No channel ever takes the image, and nobody will want it.",
		Acts: slices.Concat(commit("3", ""), []act{
			unitTests("3"),
			play.Fails("unmet test unit: did not pass", "promotion", "apply", inNext+"@$digest3", "--confirm"),
			tagged("next", "2"),
		}),
	}
}

func prune() scene {
	return scene{
		Title: "Out with what nobody wants",
		About: "Retention keeps channels, where they may be rolled back to, versions and plans. What deletes logs in as somebody else.",
		Acts: []act{
			play.Shows("0 of", "retention", "plan"),
			play.Wait(2 * time.Second),
			play.Shows("delete  $digest3", "retention", "plan"),
			play.Forbidden("ci may not delete", "crane", "delete", "$image3"),
			play.Fails("is the one that plans", "retention", "apply", "--delete-auth", "login-ci/config.json", "--confirm"),
			play.Shows("0 set aside", "retention", "apply", "--delete-auth", "login-janitor/config.json", "--confirm"),
			untagged("$commit3"),
			tagged("$commit1", "1"), tagged("$commit2", "2"), tagged("v1.0.0", "1"), tagged("v1.1.0", "2"), tagged("stable", "1"),
			attested("boot", "$image1", "config/keys/boot.pub", "config/keys/chatops.pub"),
			play.Slipway("channel", "audit"),
		},
	}
}

// approve signs that somebody approves the plan that was last shown, as the chat-ops
// plugin does for a comment.
func approve(who string) []act {
	return []act{play.Slipway("promotion", "approve", "$plan", "--approver", who,
		"--comment", "https://forge.example.com/hello-os/7#"+who, "--key", "config/keys/chatops.key")}
}

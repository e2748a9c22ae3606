package main

import (
	"slices"

	"slipway.dev/slipway/internal/demo/play"
)

// The channels.
const (
	inNext    = "hello-os/next"
	inTesting = "hello-os/testing"
	inStable  = "hello-os/stable"
	inStaging = "hello-disk/staging"
	inLive    = "hello-disk/live"
)

// at is where channels and what is known of them are.
var at = []string{"--config", "config/channels.yaml", "--store", "store"}

func with(args ...string) []string { return append(args, at...) }

// story is the whole demo. $NAME is what an earlier act found.
func story() []play.Scene {
	return []play.Scene{keys(), packages(), firstImage(), refusal(), firstDisk(), intoTesting(), endToEnd(), brokenImage(), upgrade(), audit()}
}

func keys() play.Scene {
	return play.Scene{
		Title: "Who signs what, and what each channel wants to see",
		About: "Testing wants a boot test, stable openQA and a person. A disk has channels of its own.",
		Acts:  []play.Act{keygen("unit"), keygen("boot"), keygen("e2e"), keygen("chatops"), configure()},
	}
}

func packages() play.Scene {
	return play.Scene{
		Title: "A package of ours is released",
		About: "hello-guest becomes a version, packages and a tag; the image takes the package from the release.",
		Acts: slices.Concat(repository("hello-guest"), []play.Act{
			play.Slipway("release", "create", "--repo", "example/hello-guest", "--ref", "main", "--targets", "deb12", "--store", "store"),
			play.Kept("version", "git", "-C", "example/hello-guest", "tag"),
			play.Slipway("release", "download", "--store", "store", "--repo", "example/hello-guest", "--version", "$version", "--output", "packages"),
		}),
	}
}

func firstImage() play.Scene {
	return play.Scene{
		Title: "The image of the first commit, and :next takes it",
		About: "Debian's packages by their lock, ours from its release, a kernel, systemd. Its unit tests and lint are evidence.",
		Acts: slices.Concat(repository("hello-os"), []play.Act{
			addPackage(), commit("hello-guest $version"), release("1"),
		}),
	}
}

func refusal() play.Scene {
	return play.Scene{
		Title: "Nobody has booted it, and :testing refuses it",
		About: "An image that builds may still not boot.",
		Acts:  []play.Act{play.Fails("unmet test boot", with("promotion", "apply", inTesting, "--confirm")...)},
	}
}

func firstDisk() play.Scene {
	return play.Scene{
		Title: "A disk is made of it, and booted",
		About: "By UEFI and by BIOS; each test runs on a machine restored from the first boot. The evidence names image and disk.",
		Acts: []play.Act{
			disk("1"),
			play.Slipway(bootTest("1", "--first-release")...),
			play.Tool("ls", "reports/1"),
		},
	}
}

func intoTesting() play.Scene {
	return play.Scene{
		Title: "Booted, and :testing takes it; the disk goes to staging",
		About: "The disk is named by its own bytes: what was booted is what moves.",
		Acts: []play.Act{
			play.Slipway(with("promotion", "apply", inTesting, "--confirm")...),
			play.Slipway(with("promotion", "apply", inStaging+"@file:disks/1/hello-os.qcow2", "--confirm")...),
			play.Fails("unmet test e2e", with("promotion", "apply", inLive, "--confirm")...),
		},
	}
}

func endToEnd() play.Scene {
	return play.Scene{
		Title: "openQA looks at the very disk, and :stable takes the image",
		About: "openQA gives back the bytes before anything is said of them. A person approves the plan by its hash.",
		Acts: []play.Act{
			play.Slipway("openqa", "run", "--host", "$openqa", "--client-conf", "client.conf", "--asset-dir", "$hdd",
				"--suite", "example/hello-os/tests/openqa/suite.yaml", "--disk", "disks/1/hello-os.qcow2", "--artifacts", "openqa",
				"--store", "store", "--key", "config/keys/e2e.key", "--log", "https://openqa.example.com/1"),
			play.Slipway(with("promotion", "plan", inStable, "--version", "v1.0.0", "--keep")...),
			play.Slipway(with("promotion", "approve", "$plan", "--approver", "alice",
				"--comment", "https://forge.example.com/hello-os/7#alice", "--key", "config/keys/chatops.key")...),
			play.Slipway(with("promotion", "apply", inStable, "--version", "v1.0.0", "--plan", "$plan", "--confirm")...),
			play.Slipway(with("promotion", "apply", inLive, "--confirm")...),
			play.Tool("sh", "-c", "cat termina-components/channels/hello-disk/live.json"),
		},
	}
}

func brokenImage() play.Scene {
	return play.Scene{
		Title: "The second commit boots, and a unit fails in it",
		About: "It answers, and is not well: the test fails, which is evidence too, and :testing stays where it is.",
		Acts: []play.Act{
			unit("broken.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"),
			commit("A unit that fails"), release("2"), disk("2"),
			play.Fails("broken.service", bootTest("2", "--firmware=bios", "--first-release")...),
			play.Fails("unmet test boot: did not pass", with("promotion", "apply", inTesting, "--confirm")...),
		},
	}
}

func upgrade() play.Scene {
	return play.Scene{
		Title: "The third commit is version 2, and guests get there from stable and back",
		About: "The previous stable disk boots, upgrades into its other root, is version 2, rolls back, and is version 1.",
		Acts: []play.Act{
			noUnit("broken.service"), osVersion("2"), commit("Version 2"), release("3"), disk("3"),
			play.Slipway(bootTest("3", "--firmware=bios", "--previous", "disks/1/hello-os.qcow2")...),
			play.Slipway(with("promotion", "apply", inTesting, "--confirm")...),
		},
	}
}

func audit() play.Scene {
	return play.Scene{
		Title: "Every channel is where the ledger says",
		About: "What moved, when, why, and by which evidence.",
		Acts: []play.Act{
			play.Slipway(with("channel", "audit")...),
			play.Slipway(with("channel", "history", inStable)...),
			play.Slipway("evidence", "list", "$digest1", "--store", "store"),
		},
	}
}

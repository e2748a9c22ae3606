package main

import (
	"context"
	_ "embed" // for channels.yaml
	"errors"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/demo/play"
)

//go:embed channels.yaml
var channels string

// keygen makes the keys of a signer.
func keygen(name string) play.Act {
	return func(ctx context.Context, s *play.Stage) error {
		if err := os.MkdirAll("config/keys", 0o700); err != nil {
			return err
		}
		return play.Slipway("evidence", "keygen", "config/keys/"+name)(ctx, s)
	}
}

// configure writes the channels' configuration, and shows it.
func configure() play.Act {
	return func(_ context.Context, s *play.Stage) error {
		text, err := s.Expand(channels)
		if err != nil {
			return err
		}
		s.Typed([]string{"cat", "config/channels.yaml"})
		s.Print(text[0])
		return os.WriteFile("config/channels.yaml", []byte(text[0]), 0o644)
	}
}

// repository makes a git repository of an example.
func repository(name string) []play.Act {
	from, name := "$examples/"+name, "example/"+name
	return []play.Act{
		play.Tool("mkdir", "-p", "example"),
		play.Tool("cp", "-r", from, name),
		play.Tool("git", "init", "--quiet", "--initial-branch=main", name),
		play.Tool("git", "-C", name, "config", "user.name", "Maintainer"),
		play.Tool("git", "-C", name, "config", "user.email", "maintainer@example.com"),
		play.Tool("git", "-C", name, "add", "--all"),
		play.Tool("git", "-C", name, "commit", "--quiet", "--message", "First"),
	}
}

const imageFolder = "example/hello-os/images/hello-os/"

// addPackage takes what was released into the image.
func addPackage() play.Act {
	return play.Tool("sh", "-c", "cp packages/*.deb "+imageFolder+"packages/")
}

func commit(message string) play.Act {
	return func(ctx context.Context, s *play.Stage) error {
		for _, act := range []play.Act{
			play.Tool("git", "-C", "example/hello-os", "add", "--all"),
			play.Tool("git", "-C", "example/hello-os", "commit", "--quiet", "--message", message),
		} {
			if err := act(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// release builds the image of the newest commit and enters it into next. It finds $digestN.
func release(n string) play.Act {
	return func(ctx context.Context, s *play.Stage) error {
		args := with("image", "release", "hello-os", "--repo", "example/hello-os", "--key", "config/keys/unit.key",
			"--log", "https://ci.example.com/image/"+n, "--label", "containers.bootc=1", "--confirm")
		if err := play.Slipway(args...)(ctx, s); err != nil {
			return err
		}
		return play.Kept("digest"+n, "skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://$repository:next")(ctx, s)
	}
}

// disk makes a disk of image n with two roots, and leaves it in the testing bucket and
// beside the image.
func disk(n string) play.Act {
	return play.Slipway("disk", "build", "$repository@$digest"+n, "--name", "hello-os", "--to", "disks/"+n, "--slots", "2",
		"--bucket", "termina-component-testing", "--push", "$repository")
}

// bootTest are the arguments that boot disk n and test it.
func bootTest(n string, more ...string) []string {
	return append([]string{
		"vm", "test", "--image", "disks/" + n + "/hello-os.qcow2", "--plan", "example/hello-os/tests/plan.yaml", "--artifacts", "reports/" + n,
		"--store", "store", "--key", "config/keys/boot.key", "--log", "https://ci.example.com/boot/" + n,
	}, more...)
}

const units = imageFolder + "root/etc/systemd/system"

// unit adds a unit of systemd that starts at boot.
func unit(name, text string) play.Act {
	return func(_ context.Context, s *play.Stage) error {
		wants := filepath.Join(units, "multi-user.target.wants")
		s.Typed([]string{"cat", filepath.Join(units, name)})
		s.Print(text)
		return errors.Join(
			os.WriteFile(filepath.Join(units, name), []byte(text), 0o644),
			os.MkdirAll(wants, 0o755), os.Symlink("../"+name, filepath.Join(wants, name)))
	}
}

// noUnit takes it away again.
func noUnit(name string) play.Act {
	return play.Tool("rm", "-r", filepath.Join(units, name), filepath.Join(units, "multi-user.target.wants"))
}

// osVersion changes the version that the system says it is.
func osVersion(version string) play.Act {
	return func(_ context.Context, s *play.Stage) error {
		const file = imageFolder + "root/usr/lib/os-release"
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text := strings.Replace(string(data), "VERSION_ID=1", "VERSION_ID="+version, 1)
		s.Typed([]string{"cat", file})
		s.Print(text)
		return os.WriteFile(file, []byte(text), 0o644)
	}
}

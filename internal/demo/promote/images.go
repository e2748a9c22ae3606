package main

import (
	"bytes"
	"context"
	_ "embed" // for channels.yaml
	"errors"
	"fmt"
	"os"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/demo/play"
	"slipway.dev/slipway/internal/junit"
)

// source is the git repository of the image.
const source = "hello-os"

// dockerfile makes an image of one static program, a file for it, and dpkg's list of
// what is installed.
const dockerfile = `FROM scratch
COPY busybox /
COPY greeting /
COPY status /var/lib/dpkg/status
CMD ["/busybox", "cat", "/greeting"]
`

//go:embed channels.yaml
var channels string

// keygen makes the keys of a signer.
func keygen(name string) act {
	return func(ctx context.Context, s *stage) error {
		if err := os.MkdirAll("config/keys", 0o700); err != nil {
			return err
		}
		_, err := s.Slipway(ctx, cli.ExitDone, []string{"evidence", "keygen", "config/keys/" + name})
		return err
	}
}

// configure writes the channels' configuration, and shows it.
func configure() act {
	return func(_ context.Context, s *stage) error {
		text, err := s.Expand(channels)
		if err != nil {
			return err
		}
		s.Typed([]string{"cat", "config/channels.yaml"})
		s.Print(text[0])
		return write("config/channels.yaml", text[0])
	}
}

// repository makes the git repository of the image.
func repository() []act {
	return []act{
		func(context.Context, *stage) error {
			program, err := os.ReadFile("/bin/busybox")
			if err != nil {
				return err
			}
			return errors.Join(
				write(source+"/Dockerfile", dockerfile),
				write(source+"/busybox", string(program)), os.Chmod(source+"/busybox", 0o755),
			)
		},
		play.Tool("git", "init", "--quiet", source),
		play.Tool("git", "-C", source, "config", "user.name", "Maintainer"),
		play.Tool("git", "-C", source, "config", "user.email", "maintainer@example.com"),
	}
}

// commit makes commit n with a greeting, builds its image, and pushes that by the
// commit's hash. It finds $commitN, $digestN and $imageN.
func commit(n, greeting string) []act {
	tag := "$repository:$commit" + n
	return []act{
		func(context.Context, *stage) error {
			return errors.Join(
				write(source+"/greeting", greeting+"\n"),
				write(source+"/status", "Package: hello\nStatus: install ok installed\nArchitecture: all\nVersion: "+n+"\n"),
			)
		},
		play.Tool("git", "-C", source, "add", "."),
		play.Tool("git", "-C", source, "commit", "--quiet", "--message", "hello "+n),
		play.Kept("commit"+n, "git", "-C", source, "rev-parse", "HEAD"),
		play.Tool("podman", "build", "--quiet", "--tag", tag, source),
		play.Tool("podman", "push", "--quiet", "--tls-verify=false", "--digestfile", "digest-"+n, tag),
		play.Kept("digest"+n, "cat", "digest-"+n),
		play.Kept("image"+n, "echo", "$repository@$digest"+n),
		tagged("$commit"+n, n),
	}
}

// unitTests tests the greeting of commit n, and signs the report.
func unitTests(n string) act {
	return func(ctx context.Context, s *stage) error {
		greeting, err := s.Run(ctx, "git", "-C", source, "show", s.Vars["commit"+n]+":greeting")
		if err != nil {
			return err
		}
		report := "1..1\nok 1 - there is a greeting\n"
		if greeting == "" {
			report = "1..1\nnot ok 1 - there is a greeting\n"
		}
		file := "reports/unit-" + n + ".tap"
		if err := write(file, report); err != nil {
			return err
		}
		return evidenceOf(n, "unit", "ci", "--tap", file)(ctx, s)
	}
}

// boot runs an image, and signs as the boot test's report whether it greets.
func boot(n, greeting string) []act {
	file := "reports/boot-" + n + ".xml"
	return []act{
		func(ctx context.Context, s *stage) error {
			began := time.Now()
			args, err := s.Expand("podman", "run", "--rm", "--network", "none", "--tls-verify=false", "--quiet", "$image"+n)
			if err != nil {
				return err
			}
			s.Typed(args)
			said, err := s.Run(ctx, args...)
			s.Print(said)
			c := junit.Case{Name: "greets", Time: time.Since(began), Output: said}
			if err != nil || said != greeting {
				c.Failure = &junit.Message{Line: fmt.Sprintf("it says %q, %v; want %q", said, err, greeting)}
			}
			var report bytes.Buffer
			return errors.Join(
				junit.Write(&report, []junit.Suite{{Name: "boot", Cases: []junit.Case{c}}}),
				write(file, report.String()),
			)
		},
		evidenceOf(n, "boot", "boot", "--junit", file),
	}
}

// endToEnd takes what Prow's job would leave for the result of the end-to-end test.
func endToEnd(n string) []act {
	file := "reports/e2e-" + n + "/finished.json"
	return []act{
		func(context.Context, *stage) error {
			return write(file, fmt.Sprintf(`{"timestamp": %d, "passed": true, "result": "SUCCESS"}`+"\n", time.Now().Unix()))
		},
		evidenceOf(n, "e2e", "ci", "--finished", file),
	}
}

// evidenceOf signs a report on image n, and attaches that to the image.
func evidenceOf(n, test, signer, format, file string) act {
	return play.Slipway("evidence", "add", "$image"+n, "--test", test, format, file,
		"--log", "https://ci.example.com/logs/"+test+"/"+n, "--key", "config/keys/"+signer+".key")
}

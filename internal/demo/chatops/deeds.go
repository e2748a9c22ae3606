package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/testkit/chatops"
)

// configuration shows files of the configuration repository.
func configuration(paths ...string) act {
	return func(ctx context.Context, s *stage) error {
		for _, path := range paths {
			text, err := git.Run(ctx, git.Command{Dir: s.world.Config.GitDir, Args: []string{"show", "main:" + path}})
			if err != nil {
				return err
			}
			fmt.Fprintf(s.env.Stdout, "\n%s/%s, %s:\n", chatops.ConfigOrg, chatops.Config, path)
			s.print(text)
		}
		return nil
	}
}

// build makes disk n, whose unit test passes, and which next takes.
func build(n string) act {
	return func(ctx context.Context, s *stage) error {
		digest, err := s.world.NewDisk(ctx, "the disk of build "+n+"\n")
		if err != nil {
			return err
		}
		s.vars["disk"+n] = digest
		fmt.Fprintf(s.env.Stdout, "\nThe build of disk %s ends: %s\n", n, digest)
		s.print("ci signs that its unit test passed; the build job moves hello-disk/next")
		return s.wantHolds(ctx, "next", digest)
	}
}

// boots says that disk n passed its boot test.
func boots(n string) act {
	return func(ctx context.Context, s *stage) error {
		fmt.Fprintf(s.env.Stdout, "\nThe boot test of disk %s ends\n", n)
		s.print("ci signs that it passed")
		return s.world.Passed(ctx, "boot", s.vars["disk"+n])
	}
}

// holds checks what a channel holds; an empty disk is nothing.
func holds(channel, disk string) act {
	return func(ctx context.Context, s *stage) error {
		want, err := s.expand(disk)
		if err != nil {
			return err
		}
		return s.wantHolds(ctx, channel, want)
	}
}

func (s *stage) wantHolds(ctx context.Context, channel, want string) error {
	got, err := s.world.Holds(ctx, channel)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s/%s holds %q, want %q", chatops.Artifact, channel, got, want)
	}
	if want == "" {
		want = "nothing"
	}
	s.ok(1, "by the ledger %s/%s holds %s", chatops.Artifact, channel, want)
	return nil
}

// ran shows the one ProwJob that came since it was last asked, and its promoter's log.
func ran() act {
	return func(ctx context.Context, s *stage) error {
		jobs, err := s.world.ProwJobs(ctx)
		if err != nil {
			return err
		}
		var fresh []string
		for _, job := range jobs {
			if s.jobs[job.Name] {
				continue
			}
			fresh = append(fresh, job.Name)
			fmt.Fprintf(s.env.Stdout, "\nProwJob %s at commit %.12s of %s: %s\n", job.Name, job.Spec.Refs.BaseSHA, s.world.Config.FullName(), job.Status.State)
			container := job.Spec.PodSpec.Containers[0]
			s.typed(append(container.Command, container.Args...))
		}
		if len(fresh) != 1 {
			return fmt.Errorf("%d ProwJobs %v came, want 1", len(fresh), fresh)
		}
		s.jobs[fresh[0]] = true
		log, err := s.world.JobLog(fresh[0])
		s.print(log)
		s.checks++
		return err
	}
}

// idle checks that no ProwJob came since it was last asked.
func idle() act {
	return func(ctx context.Context, s *stage) error {
		jobs, err := s.world.ProwJobs(ctx)
		if err != nil {
			return err
		}
		if len(jobs) != len(s.jobs) {
			return fmt.Errorf("there are %d ProwJobs, want %d", len(jobs), len(s.jobs))
		}
		s.ok(1, "no ProwJob was made")
		return nil
	}
}

// freeze merges a freeze of stable, from an hour ago for two days.
func freeze(reason, group string) act {
	return func(_ context.Context, s *stage) error {
		from := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
		line := fmt.Sprintf("      freeze: [{reason: %s, from: %s, to: %s, override: %s}]\n",
			reason, from.Format(time.RFC3339), from.AddDate(0, 0, 2).Format(time.RFC3339), group)
		const before = "path: config/approvers/stable}\n"
		s.vars["old"] = s.vars["plan"]
		fmt.Fprintf(s.env.Stdout, "\nmaintainer-one merges into %s, config/channels.yaml, below stable's approvals:\n", s.world.Config.FullName())
		s.print("+" + line)
		return s.world.Configure(map[string]string{"config/channels.yaml": strings.Replace(chatops.Channels, before, before+line, 1)})
	}
}

// checksOut checks the configuration repository out, for people and their commands.
func checksOut() act {
	return func(ctx context.Context, s *stage) error {
		_, err := git.Run(ctx, git.Command{Args: []string{"clone", "--quiet", s.world.Config.GitDir, s.folder.In("configuration")}})
		return err
	}
}

// slipway runs a command that people may type afterwards as it is shown, and checks
// that it says all of the words.
func slipway(command string, words ...string) act {
	return func(ctx context.Context, s *stage) error {
		args, err := s.expandAll(append(strings.Fields(command), "--config", s.folder.Name+"/configuration/config/channels.yaml", "--store", s.folder.Name+"/store"))
		if err != nil {
			return err
		}
		if words, err = s.expandAll(words); err != nil {
			return err
		}
		var out strings.Builder
		env := cli.Env{Args: args, Stdout: &out, Stderr: &out, Getenv: s.env.Getenv}
		fmt.Fprintln(s.env.Stdout)
		command := s.typed(append([]string{"bin/slipway"}, args...))
		code := cli.Run(ctx, env, cli.Group("slipway", "", promotecmd.Groups(env)...))
		s.print(out.String())
		if code != cli.ExitDone {
			return fmt.Errorf("%s: exit code %d", command, code)
		}
		for _, word := range words {
			if !strings.Contains(out.String(), word) {
				return fmt.Errorf("%s does not say %q", command, word)
			}
			s.checks++
		}
		return errors.Join(context.Cause(ctx), s.folder.Note(command+"\n"))
	}
}

// typed shows a command as it would be typed.
func (s *stage) typed(args []string) (command string) {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if strings.ContainsAny(arg, " '\"$`\\&|;<>()*?#!~{}[]") || arg == "" {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	command = strings.Join(words, " ")
	fmt.Fprintln(s.env.Stdout, "$", command)
	return command
}

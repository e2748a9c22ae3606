package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
)

// listed is one statement as it lies in the store; nobody has verified it.
type listed struct {
	evidence.Entry
	Result  evidence.Result `json:"result"`
	Signer  string          `json:"signer"` // ID of the key that the bundle names
	Damaged string          `json:"damaged,omitempty"`
}

func evidenceList(env cli.Env) *cobra.Command {
	var (
		at     storeFlag
		test   string
		format command.Form
	)
	c := &cobra.Command{
		Use: "list DIGEST", Short: "List all evidence about a digest, newest first, without verifying who signed it",
		Example: "  slipway evidence list sha256:HEX --store gs://BUCKET",
		Args:    oneArgument("digest"),
		RunE: func(c *cobra.Command, args []string) error {
			s, entries, err := entriesOf(c.Context(), at, args[0], test)
			if err != nil {
				return err
			}
			all, err := look(c.Context(), s, entries)
			shown := command.Show(env.Stdout, format, all, func(w io.Writer) { printListed(w, all) })
			return errors.Join(shown, err)
		},
	}
	at.add(c.Flags())
	c.Flags().StringVar(&test, "test", "", "only of this test")
	command.FormFlag(c.Flags(), &format)
	return c
}

// entriesOf lists the evidence about a digest, of one test or of all.
func entriesOf(ctx context.Context, at storeFlag, text, test string) (store.Store, []evidence.Entry, error) {
	subject, err := parseArtifact(text, "")
	if err != nil {
		return nil, nil, err
	}
	if test != "" && evidence.CheckTest(test) != nil {
		return nil, nil, cli.Misuse("--test: %w", evidence.CheckTest(test))
	}
	s, err := at.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	if test == "" {
		entries, err := evidence.List(ctx, s, subject.digest)
		return s, entries, err
	}
	entries, err := evidence.ListTest(ctx, s, subject.digest, test)
	return s, entries, err
}

// look reads entries without believing them. Damaged ones stay in the list, and are
// an error in the end.
func look(ctx context.Context, s store.Store, entries []evidence.Entry) ([]listed, error) {
	all := []listed{}
	damaged := 0
	for _, entry := range entries {
		seen := listed{Entry: entry}
		var err error
		seen.Result, seen.Signer, err = peek(ctx, s, entry)
		switch {
		case err != nil && !isDamage(err):
			return all, err
		case err != nil:
			damaged++
			seen.Damaged = err.Error()
		}
		all = append(all, seen)
	}
	if damaged > 0 {
		return all, fmt.Errorf("%d of %d statements are damaged", damaged, len(all))
	}
	return all, nil
}

func peek(ctx context.Context, s store.Store, entry evidence.Entry) (evidence.Result, string, error) {
	bundle, err := entry.Bundle(ctx, s)
	if err != nil {
		return evidence.Result{}, "", err
	}
	statement, signer, err := signing.Peek(bundle)
	if err == nil {
		var result evidence.Result
		if result, err = evidence.Parse(statement); err == nil {
			return result, signer, nil
		}
	}
	return evidence.Result{}, "", &evidence.DamagedError{Key: entry.Key, URL: s.URL(entry.Key), Err: err}
}

func printListed(w io.Writer, all []listed) {
	fmt.Fprintln(w, "TEST\tRESULT\tFINISHED\tNAMED KEY\tLOG")
	for _, l := range all {
		if l.Damaged != "" {
			fmt.Fprintf(w, "%s\tdamaged\t%s\n", l.Test, l.Damaged)
			continue
		}
		row(w, l.Result, l.Signer[:min(12, len(l.Signer))], l.Result.Log)
	}
}

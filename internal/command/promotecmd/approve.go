package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
)

func promotionApprove(env cli.Env) *cobra.Command {
	w := newWorld(env)
	var key string
	a := decision.Decision{Kind: decision.Approve}
	c := &cobra.Command{
		Use: "approve HASH", Short: "Sign that somebody approves a plan", Args: oneArgument("plan's hash"),
		Long: `Sign that somebody approves a plan.

This is what the chat-ops plugin does after it has seen, by OWNERS, that the author of
a comment may approve. Whoever holds the key vouches for the approver's name.`,
		Example: "  slipway promotion approve sha256:0123... --approver NAME --comment URL --key chatops.key --store gs://BUCKET",
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" || a.By == "" {
				return cli.Misuse("--key and --approver are needed")
			}
			if err := w.load(c.Context()); err != nil {
				return err
			}
			signer, err := signing.ReadPrivate(key, passwordEnv, env.Getenv)
			if err != nil {
				return err
			}
			a.Plan, a.At = args[0], time.Now().UTC()
			if err := w.checkApproval(c.Context(), a.Plan, signer); err != nil {
				return err
			}
			filed, err := decision.Add(c.Context(), w.store, signer, a)
			if err == nil {
				fmt.Fprintln(env.Stdout, filed)
			}
			return err
		},
	}
	w.addFlags(c.Flags())
	c.Flags().StringVar(&key, "key", "", "file of the private key, whose password is in $"+passwordEnv+" if it has one")
	c.Flags().StringVar(&a.By, "approver", "", "who approves")
	c.Flags().StringVar(&a.Comment, "comment", "", "where they said so: a URL or an ID")
	return c
}

// checkApproval sees that there is such a plan, and that somebody would heed the key.
func (w *world) checkApproval(ctx context.Context, hash string, signer dsse.SignerVerifier) error {
	plan, err := promotion.ReadPlan(ctx, w.store, hash)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w; `slipway promotion plan --keep` puts a plan there", err)
	}
	if err != nil {
		return err
	}
	mine, err := signing.KeyID(signer.Public())
	if err != nil {
		return err
	}
	for _, ch := range plan.Gates {
		keys, err := w.approvalKeys(ch.Gate)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if id, err := signing.KeyID(key.Public()); err == nil && id == mine {
				return nil
			}
		}
	}
	return fmt.Errorf("no gate of plan %s accepts approvals that this key signs; %s names the signers", hash, w.config)
}

// approvalKeys are those whose approvals open the gate.
func (w *world) approvalKeys(g channel.Gate) ([]signing.Verifier, error) {
	if g.Approvals == nil {
		return nil, nil
	}
	return w.verifiers(g.Approvals.Signers)
}

// verifiers are the keys of signers that sign statements.
func (w *world) verifiers(names []string) ([]signing.Verifier, error) {
	var keys []signing.Verifier
	for _, name := range names {
		s := w.channels.Signers[name]
		if s.SignsTags() {
			continue
		}
		key, err := signing.ParsePublic(s.Data)
		if err != nil {
			return nil, fmt.Errorf("signer %s: %w", name, err)
		}
		keys = append(keys, signing.Verifier{Verifier: key, Name: name, NotAfter: s.Until})
	}
	return keys, nil
}

// kept is a plan of the store, and what was decided about it, by any signer of the configuration.
type kept struct {
	Hash      string              `json:"hash"`
	Plan      promotion.Document  `json:"plan"`
	Decisions []decision.Verified `json:"decisions"`
}

func (w *world) keptPlan(ctx context.Context, hash string) (any, func(io.Writer), error) {
	plan, err := promotion.ReadPlan(ctx, w.store, hash)
	if err != nil {
		return nil, nil, err
	}
	keys, err := w.verifiers(slices.Sorted(maps.Keys(w.channels.Signers)))
	if err != nil {
		return nil, nil, err
	}
	decisions, notes, err := decision.List(ctx, w.store, hash, keys)
	for _, note := range notes {
		w.say(note)
	}
	found := kept{hash, plan, decisions}
	return found, func(out io.Writer) { printKept(out, found) }, err
}

func printKept(w io.Writer, k kept) {
	fmt.Fprintf(w, "plan %s\n", k.Hash)
	for _, e := range k.Plan.Edges {
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.Channel(), e.Digest, e.Version)
	}
	for _, d := range k.Decisions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\tsigned by %s\t%s\n", d.Kind, d.By, timeText(d.At), d.Comment, d.Name, strings.TrimSpace(d.Group+" "+d.Reason))
	}
}

// showing completes a command that reads and shows.
func (w *world) showing(c *cobra.Command, read func(ctx context.Context, args []string) (any, func(io.Writer), error)) *cobra.Command {
	var form command.Form
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := w.load(c.Context()); err != nil {
			return err
		}
		found, text, err := read(c.Context(), args)
		if err != nil {
			return err
		}
		return command.Show(w.env.Stdout, form, found, text)
	}
	w.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &form)
	return c
}

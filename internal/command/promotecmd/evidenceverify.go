package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/signing"
)

// verifying is one call of `evidence verify`.
type verifying struct {
	env    cli.Env
	store  storeFlag
	keys   publicKeys
	test   string
	format command.Form
}

func evidenceVerify(env cli.Env) *cobra.Command {
	v := &verifying{env: env}
	c := &cobra.Command{
		Use: "verify DIGEST|FILE", Short: "Verify the newest result of each test of a digest, or a bundle in a file",
		Long: `Verify the newest result of each test of a digest, or a bundle in a file.

It is done if every result is whole, signed by one of the keys, and no failure. Of
each test the newest statement by one of the keys counts, as in a gate; statements by
other keys are noted. --test names one test, which then must be there.`,
		Example: `  slipway evidence verify sha256:HEX --key ci.pub --key boot.pub --store gs://BUCKET
  slipway evidence verify bundle.json --key ci.pub`,
		Args: oneArgument("digest or file"),
		RunE: func(c *cobra.Command, args []string) error { return v.run(c.Context(), args[0]) },
	}
	v.store.add(c.Flags())
	v.keys.add(c.Flags())
	c.Flags().StringVar(&v.test, "test", "", "only this test")
	command.FormFlag(c.Flags(), &v.format)
	return c
}

func (v *verifying) run(ctx context.Context, text string) error {
	keys, err := v.keys.read()
	if err != nil {
		return err
	}
	var all []*evidence.Verified
	if _, bad := parseArtifact(text, ""); bad == nil {
		all, err = v.digest(ctx, text, keys)
	} else if _, missing := os.Stat(text); missing == nil {
		all, err = v.file(ctx, text, keys)
	} else {
		return cli.Misuse("%q is neither a digest nor a file; write sha256:HEX or HOST/PATH@sha256:HEX", text)
	}
	shown := command.Show(v.env.Stdout, v.format, all, func(w io.Writer) { printVerified(w, all) })
	return errors.Join(shown, err, failures(all))
}

// digest verifies the newest result of each test.
func (v *verifying) digest(ctx context.Context, text string, keys []signing.Verifier) ([]*evidence.Verified, error) {
	s, entries, err := entriesOf(ctx, v.store, text, v.test)
	if err != nil {
		return nil, err
	}
	var all []*evidence.Verified
	var wrong []error
	for i, entry := range entries {
		if i > 0 && entries[i-1].Test == entry.Test {
			continue
		}
		found, err := evidence.Latest(ctx, s, entry.Digest, entry.Test, keys)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		all = append(all, found)
	}
	if len(entries) == 0 {
		wrong = append(wrong, fmt.Errorf("there is no evidence about %s%s; `slipway evidence add` makes it", text, ofTest(v.test)))
	}
	return all, errors.Join(wrong...)
}

func ofTest(test string) string {
	if test == "" {
		return ""
	}
	return " of the test " + test
}

// file verifies a bundle that lies in no store.
func (v *verifying) file(ctx context.Context, path string, keys []signing.Verifier) ([]*evidence.Verified, error) {
	bundle, err := readFile(path, signing.MaxSize)
	if err != nil {
		return nil, err
	}
	found, err := evidence.Verify(ctx, bundle, keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if v.test != "" && v.test != found.Test {
		return nil, fmt.Errorf("%s is about the test %s, not about %s", path, found.Test, v.test)
	}
	return []*evidence.Verified{found}, nil
}

// failures are an error too: nobody should take a verified failure for a pass.
func failures(all []*evidence.Verified) error {
	var failed []string
	for _, v := range all {
		if v.Outcome == evidence.Failed {
			failed = append(failed, v.Test)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

func printVerified(w io.Writer, all []*evidence.Verified) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w, "TEST\tRESULT\tFINISHED\tSIGNER\tLOG")
	for _, v := range all {
		row(w, v.Result, v.Name, v.Log)
		for _, note := range v.Notes {
			fmt.Fprintf(w, "  note: %s\n", note)
		}
	}
}

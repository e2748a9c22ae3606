package promotecmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/signing"
)

// EvidenceGroup is the noun evidence with its verbs.
func EvidenceGroup(env cli.Env) *cobra.Command {
	return cli.Group("evidence", "Signed results of tests: add, list, verify and copy them, and make keys",
		evidenceAdd(env),
		evidenceList(env),
		evidenceVerify(env),
		evidenceSync(env),
		evidenceKeygen(env),
	)
}

// artifact is what a person names to be looked at: a digest, and perhaps the
// repository that has it.
type artifact struct {
	repository string // HOST/PATH; may be empty
	digest     string // sha256:HEX
}

var artifactForm = regexp.MustCompile(`^(?:([^@]+/[^@]+)@)?(sha256:[0-9a-f]{64})$`)

// parseArtifact reads DIGEST or HOST/PATH@DIGEST. A repository may also be given by a
// flag, as long as both do not differ.
func parseArtifact(text, repository string) (artifact, error) {
	m := artifactForm.FindStringSubmatch(text)
	if m == nil {
		return artifact{}, cli.Misuse("%q names no digest; write sha256:HEX or HOST/PATH@sha256:HEX, never a tag", text)
	}
	a := artifact{repository: m[1], digest: m[2]}
	if a.repository == "" {
		a.repository = repository
	}
	if repository != "" && repository != a.repository {
		return artifact{}, cli.Misuse("--repository %s is not the repository of %s; leave one of them out", repository, text)
	}
	return a, nil
}

// oneArgument takes just one, which what describes.
func oneArgument(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return cli.Misuse("name one %s; see `%s --help`", what, c.CommandPath())
		}
		return nil
	}
}

// passwordEnv is where the password of an encrypted key is unless a flag says so.
const passwordEnv = "SLIPWAY_KEY_PASSWORD"

// readFile reads a whole file, if it is not larger than any of its kind should be.
func readFile(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, err
}

// maxKey is the size of the largest key file, in bytes.
const maxKey = 64 << 10

// publicKeys are the keys that a verification accepts.
type publicKeys struct{ files []string }

func (k *publicKeys) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&k.files, "key", nil, "file of an accepted public key, in PEM; may be given more than once")
}

func (k publicKeys) read() ([]signing.Verifier, error) {
	if len(k.files) == 0 {
		return nil, cli.Misuse("--key is missing; name the file of each public key that is accepted")
	}
	var keys []signing.Verifier
	for _, file := range k.files {
		text, err := readFile(file, maxKey)
		if err != nil {
			return nil, fmt.Errorf("read public key: %w", err)
		}
		key, err := signing.ParsePublic(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, signing.Verifier{Verifier: key, Name: strings.TrimSuffix(filepath.Base(file), ".pub")})
	}
	return keys, nil
}

// row prints a result for people.
func row(w io.Writer, r evidence.Result, signer, rest string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Test, r.Outcome, r.Finished.Format(time.RFC3339), signer, rest)
}

// isDamage says whether an error is about one object, so that others can be looked at.
func isDamage(err error) bool {
	var damaged *evidence.DamagedError
	return errors.As(err, &damaged)
}

package promotecmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/signing"
)

// madeKey is a new pair of keys, for scripts.
type madeKey struct {
	Private string `json:"private"` // file
	Public  string `json:"public"`  // file
	ID      string `json:"id"`
}

func evidenceKeygen(env cli.Env) *cobra.Command {
	var (
		variable string
		format   command.Form
	)
	c := &cobra.Command{
		Use: "keygen PREFIX", Short: "Make a pair of keys: PREFIX.key, which signs, and PREFIX.pub, which verifies",
		Long: `Make a pair of keys: PREFIX.key, which signs, and PREFIX.pub, which verifies.

They are ECDSA P-256, in PEM. Files that exist are never overwritten. With
--password-env the private key is encrypted as cosign does it.`,
		Example: "  slipway evidence keygen config/keys/boot",
		Args:    oneArgument("prefix of two files"),
		RunE: func(c *cobra.Command, args []string) error {
			var password []byte
			if variable != "" {
				if password = []byte(env.Getenv(variable)); len(password) == 0 {
					return cli.Misuse("--password-env %s: the variable is not set, or empty", variable)
				}
			}
			made, err := makeKey(args[0], password)
			if err != nil {
				return fmt.Errorf("make keys: %w", err)
			}
			return command.Show(env.Stdout, format, made, func(w io.Writer) {
				fmt.Fprintf(w, "%s\tprivate; keep it where only the signing job reads it\n%s\tpublic; name it under signers in channels.yaml\nkey\t%s\n", made.Private, made.Public, made.ID)
			})
		},
	}
	c.Flags().StringVar(&variable, "password-env", "", "environment variable with a password to encrypt the private key with")
	command.FormFlag(c.Flags(), &format)
	return c
}

func makeKey(prefix string, password []byte) (madeKey, error) {
	key, err := signing.Generate()
	if err != nil {
		return madeKey{}, err
	}
	private, err := signing.MarshalPrivate(key, password)
	if err != nil {
		return madeKey{}, err
	}
	public, err := signing.MarshalPublic(key.Public())
	if err != nil {
		return madeKey{}, err
	}
	id, err := signing.KeyID(key.Public())
	if err != nil {
		return madeKey{}, err
	}
	made := madeKey{prefix + ".key", prefix + ".pub", id}
	if err := create(made.Private, private, 0o600); err != nil {
		return madeKey{}, err
	}
	if err := create(made.Public, public, 0o644); err != nil {
		return madeKey{}, errors.Join(err, os.Remove(made.Private)) // half a pair is no use
	}
	return made, nil
}

// create writes a file that must not exist.
func create(path string, data []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and keys are never overwritten; choose another prefix", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

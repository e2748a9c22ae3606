package signing

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// maxKeyFile is the size of the largest key file, in bytes.
const maxKeyFile = 64 << 10

// ReadPrivate reads a private key's file. Its password, if it has one, is in the
// environment's variable of that name.
func ReadPrivate(file, variable string, getenv func(string) string) (dsse.SignerVerifier, error) {
	text, err := readKey(file)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	var password []byte
	if value := getenv(variable); value != "" {
		password = []byte(value)
	}
	signer, err := ParsePrivate(text, password)
	switch {
	case errors.Is(err, ErrPassword):
		return nil, fmt.Errorf("%s: %w; set $%s", file, err, variable)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return signer, nil
}

func readKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxKeyFile)
	}
	return text, err
}

package evidence

import (
	"context"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/signing/intoto"
	"slipway.dev/slipway/internal/store"
)

// Add signs a result and files it under each of its subjects; it returns the keys.
// Adding the same again is success: a key in a file signs it with the same bytes, and
// a signer that does not only repeats itself.
func Add(ctx context.Context, s store.Store, signer dsse.SignerVerifier, r Result) (keys []string, err error) {
	statement, err := r.Statement()
	if err != nil {
		return nil, fmt.Errorf("add evidence: %w", err)
	}
	bundle, err := signing.Sign(ctx, signer, statement)
	if err != nil {
		return nil, fmt.Errorf("add evidence: %w", err)
	}
	for _, subject := range r.Subjects {
		hex, err := intoto.Hex(subject.Digest)
		if err != nil {
			return keys, fmt.Errorf("add evidence: %w", err)
		}
		key, err := filed.Create(ctx, s, prefixOf(hex, r), bundle)
		if err != nil {
			return keys, fmt.Errorf("add evidence: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

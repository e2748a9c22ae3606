package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
)

// NoneError is a test of a digest about which no accepted signer says anything.
type NoneError struct {
	Digest, Test string
	Notes        []string // statements that did not count, and why
}

func (e *NoneError) Error() string {
	message := fmt.Sprintf("no accepted signer says that %s was tested by %s", e.Digest, e.Test)
	if len(e.Notes) > 0 {
		message += " (" + strings.Join(e.Notes, "; ") + ")"
	}
	return message
}

// Latest is the newest result of a test of a digest by one of the signers: of several
// in one second, the worst. Statements of others do not count, and are noted. Damage is
// an error, and no result at all a *NoneError. Usually it costs one List and one Open.
func Latest(ctx context.Context, s store.Store, digest, test string, signers []signing.Verifier) (*Verified, error) {
	entries, err := ListTest(ctx, s, digest, test)
	if err != nil {
		return nil, err
	}
	var latest *Verified
	var notes []string
	for _, entry := range entries {
		if latest != nil && entry.Finished.Before(latest.Finished) {
			break
		}
		found, err := entry.Open(ctx, s, signers)
		switch {
		case errors.Is(err, signing.ErrUnknownKey), errors.Is(err, signing.ErrExpiredKey):
			notes = append(notes, fmt.Sprintf("%s does not count: %v", entry.Key, err))
		case err != nil:
			return nil, err
		case latest == nil || badness(found.Outcome) > badness(latest.Outcome):
			latest = found
		}
	}
	if latest == nil {
		return nil, &NoneError{Digest: digest, Test: test, Notes: notes}
	}
	latest.Notes = notes
	return latest, nil
}

func badness(o Outcome) int {
	switch o {
	case Passed:
		return 0
	case Warned:
		return 1
	}
	return 2
}

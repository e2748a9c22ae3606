package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/evidence"
)

// tagged checks by other people's programs that a tag names the image of commit n.
func tagged(tag, n string) act {
	return func(ctx context.Context, s *stage) error {
		at, err := s.Expand("$repository:"+tag, "$digest"+n)
		if err != nil {
			return err
		}
		for _, ask := range asking(at[0]) {
			got, err := s.Run(ctx, ask...)
			if err != nil {
				return err
			}
			if got != at[1] {
				return fmt.Errorf("%s: %s, want %s", strings.Join(ask, " "), got, at[1])
			}
		}
		s.OK(2, "skopeo and crane see image %s at %s", n, at[0])
		return nil
	}
}

// untagged checks by other people's programs that there is no such tag.
func untagged(tag string) act {
	return func(ctx context.Context, s *stage) error {
		at, err := s.Expand("$repository:" + tag)
		if err != nil {
			return err
		}
		for _, ask := range asking(at[0]) {
			got, err := s.Run(ctx, ask...)
			if err == nil {
				return fmt.Errorf("%s: %s, want that it is not there", strings.Join(ask, " "), got)
			}
			if !strings.Contains(strings.ToLower(err.Error()), "manifest unknown") {
				return err
			}
		}
		s.OK(2, "skopeo and crane see nothing at %s", at[0])
		return nil
	}
}

// asking are commands that print the digest that a reference names.
func asking(reference string) [][]string {
	return [][]string{
		{"skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://" + reference},
		{"crane", "digest", reference},
	}
}

// attested checks by cosign that a test of an image passed, signed by one key, and that
// another key did not sign that.
func attested(test, image, key, other string) act {
	return func(ctx context.Context, s *stage) error {
		args, err := s.Expand(
			"cosign", "verify-attestation", "--type", evidence.PredicateType, "--insecure-ignore-tlog",
			"--new-bundle-format", "--allow-http-registry", image, "--key")
		if err != nil {
			return err
		}
		s.Typed(append(args, key))
		said, err := s.Run(ctx, append(args, key)...)
		if err != nil {
			return err
		}
		if !attestedPass(said, test) {
			return fmt.Errorf("cosign: no statement says that %s passed:\n%s", test, said)
		}
		_, err = s.Run(ctx, append(args, other)...)
		switch {
		case err == nil:
			return fmt.Errorf("cosign accepts %s, which signed nothing", other)
		case !strings.Contains(err.Error(), "failed to verify signature"):
			return err
		}
		s.OK(2, "cosign reads that %s passed, signed by %s and not by %s", test, key, other)
		return nil
	}
}

// attestedPass says whether an envelope that cosign printed tells of a passed test.
func attestedPass(envelopes, test string) bool {
	for line := range strings.Lines(envelopes) {
		var envelope struct{ Payload []byte }
		var statement struct {
			Predicate struct {
				Result        string
				Configuration []struct{ Name string }
			}
		}
		if json.Unmarshal([]byte(line), &envelope) != nil || json.Unmarshal(envelope.Payload, &statement) != nil {
			continue
		}
		p := statement.Predicate
		if p.Result == "PASSED" && len(p.Configuration) == 1 && p.Configuration[0].Name == test {
			return true
		}
	}
	return false
}

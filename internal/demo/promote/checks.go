package main

import (
	"context"
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/evidence"
)

// tagged checks by other people's programs that a tag names the image of commit n.
func tagged(tag, n string) act {
	return func(ctx context.Context, s *stage) error {
		at, err := s.expand("$repository:"+tag, "$digest"+n)
		if err != nil {
			return err
		}
		for _, ask := range asking(at[0]) {
			got, err := s.run(ctx, ask...)
			if err != nil {
				return err
			}
			if got != at[1] {
				return fmt.Errorf("%s: %s, want %s", strings.Join(ask, " "), got, at[1])
			}
		}
		s.ok(2, "skopeo and crane see image %s at %s", n, at[0])
		return nil
	}
}

// untagged checks by other people's programs that there is no such tag.
func untagged(tag string) act {
	return func(ctx context.Context, s *stage) error {
		at, err := s.expand("$repository:" + tag)
		if err != nil {
			return err
		}
		for _, ask := range asking(at[0]) {
			got, err := s.run(ctx, ask...)
			if err == nil {
				return fmt.Errorf("%s: %s, want that it is not there", strings.Join(ask, " "), got)
			}
			if !strings.Contains(strings.ToLower(err.Error()), "manifest unknown") {
				return err
			}
		}
		s.ok(2, "skopeo and crane see nothing at %s", at[0])
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

// attested checks by cosign that evidence about an image is signed by one key, and not
// by another.
func attested(image, key, other string) act {
	return func(ctx context.Context, s *stage) error {
		expanded, err := s.expand(image)
		if err != nil {
			return err
		}
		verify := func(key string) ([]string, error) {
			args := []string{
				"cosign", "verify-attestation", "--key", key, "--type", evidence.PredicateType,
				"--insecure-ignore-tlog", "--new-bundle-format", "--allow-http-registry", expanded[0],
			}
			_, err := s.run(ctx, args...)
			return args, err
		}
		args, err := verify(key)
		s.typed(args)
		if err != nil {
			return err
		}
		if _, err := verify(other); err == nil || !strings.Contains(err.Error(), "failed to verify signature") {
			return fmt.Errorf("cosign with %s: got %w, want that it refuses the signature", other, err)
		}
		s.ok(2, "cosign sees that %s signed, and not %s", key, other)
		return nil
	}
}

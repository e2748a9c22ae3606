package hardtest

import (
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/evidence/decision"
)

// ended adds evidence of a test that ended so long ago, and gives its key in the store.
func (w *world) ended(signer, test string, outcome evidence.Outcome, digest string, ago time.Duration) string {
	w.Helper()
	keys, err := evidence.Add(w.Context(), w.store, w.keys[signer], evidence.Result{
		Test: test, Outcome: outcome, Finished: time.Now().Add(-ago).UTC().Truncate(time.Second), Log: "https://ci.example.com/" + test,
		Subjects: []evidence.Subject{{Name: "image", Digest: digest}},
	})
	if err != nil {
		w.Fatal(err)
	}
	return keys[0]
}

func (w *world) passed(signer, test, digest string) string {
	w.Helper()
	return w.ended(signer, test, evidence.Passed, digest, time.Minute)
}

// approved adds a person's consent to a plan, and gives its key in the store.
func (w *world) approved(signer, plan, who string) string {
	w.Helper()
	key, err := decision.Add(w.Context(), w.store, w.keys[signer], decision.Decision{
		Kind: decision.Approve, Plan: plan, By: who, Comment: fmt.Sprintf("https://forge.example.com/comment/%s", who), At: time.Now().UTC().Truncate(time.Second),
	})
	if err != nil {
		w.Fatal(err)
	}
	return key
}

// pushTested pushes an image into each repository, which ci says passed the tests, and
// gives their digests by repository.
func (w *world) pushTested(repositories []string, tests ...string) map[string]string {
	w.Helper()
	found := make([]string, len(repositories))
	var group errgroup.Group
	group.SetLimit(8)
	for i, repository := range repositories {
		group.Go(func() (err error) {
			found[i], err = push(w.here.Host+"/"+repository, "built")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		w.Fatal(err)
	}
	digests := map[string]string{}
	for i, repository := range repositories {
		digests[repository] = found[i]
		for _, test := range tests {
			w.passed("ci", test, found[i])
		}
	}
	return digests
}

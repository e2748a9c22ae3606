package oci

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/testkit/registry"
)

func TestAttach(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		c := quick(t)
		server := registry.Start(t, kind)
		proxy := registry.NewProxy(t, server.Host)
		repository := proxy.Host + "/a"
		subject := pushImage(t, repository)
		if _, err := c.Attach(t.Context(), repository, sum([]byte("x")), Attachment{Type: "text/plain"}); !errors.Is(err, ErrAbsent) {
			t.Errorf("attach to what is not there: %v", err)
		}
		first := attach(t, c, repository, subject, "first")
		proxy.Forget()
		if again := attach(t, quick(t), repository, subject, "first"); again != first {
			t.Errorf("attached again it is %s, not %s", again, first)
		}
		if n := proxy.Count(registry.Request.IsWrite); n > 0 {
			t.Errorf("attached again it writes %d times", n)
		}
		second := attach(t, quick(t), repository, subject, "second") // another program
		want := []string{first, second}
		slices.Sort(want)
		if diff := cmp.Diff(want, listed(t, c, repository, subject)); diff != "" {
			t.Errorf("referrers (-want +got):\n%s", diff)
		}
		if got := len(allTags(t, c, repository)); (got == 0) != server.HasReferrers() {
			t.Errorf("there are %d tags", got)
		}
	})
}

// What was attached but never listed, since its program was killed, is listed by the
// next attempt.
func TestAttachIsFinished(t *testing.T) {
	c, host := quick(t), registry.Start(t, registry.Debian).Host
	subject := pushImage(t, host+"/a")
	first := attach(t, c, host+"/a", subject, "first")
	tag, err := c.Resolve(t.Context(), host+"/a", fallbackTag(subject))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), host+"/a", tag); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, c, host+"/a", subject); len(got) != 0 {
		t.Fatalf("there are still %q", got)
	}
	attach(t, c, host+"/a", subject, "first")
	if diff := cmp.Diff([]string{first}, listed(t, c, host+"/a", subject)); diff != "" {
		t.Errorf("referrers (-want +got):\n%s", diff)
	}
}

// Goroutines of one program do not lose each other's entries.
func TestAttachAtOnce(t *testing.T) {
	c, host := quick(t), registry.Start(t, registry.Debian).Host
	subject := pushImage(t, host+"/a")
	var group sync.WaitGroup
	const n = 12
	for i := range n {
		group.Go(func() { attach(t, c, host+"/a", subject, fmt.Sprint(i)) })
	}
	group.Wait()
	if got := listed(t, c, host+"/a", subject); len(got) != n {
		t.Errorf("%d referrers are listed, want %d", len(got), n)
	}
}

package hardtest

import (
	"fmt"
	"strings"

	"slipway.dev/slipway/internal/ledger"
)

// line is a channel's line, verified.
func (w *world) line(full string) ledger.Line {
	w.Helper()
	line, err := ledger.Read(w.Context(), w.store, full)
	if err != nil {
		w.Fatal(err)
	}
	return line
}

// kinds are those of a line's records from one on.
func kinds(line ledger.Line, from int) string {
	var all []string
	for _, r := range line.Records[from:] {
		all = append(all, string(r.Kind))
	}
	return strings.Join(all, " ")
}

// story tells what a line says, for people.
func story(line ledger.Line) string {
	var all strings.Builder
	for _, r := range line.Records {
		fmt.Fprintf(&all, "%s of %.19s by %s %s\n", r.Kind, r.Digest, r.Who, r.Why)
	}
	return all.String()
}

// checkTag checks that a tag is what its ledger says; while a move is open, it may
// have come about or not.
func (w *world) checkTag(full, before, after string) {
	w.Helper()
	a, ch, err := w.promoter().Config.Channel(full)
	if err != nil {
		w.Fatal(err)
	}
	line, live := w.line(full), w.points(a.At(ch.Name), ch.Name)
	holds, _ := line.Holds()
	_, open := line.Open()
	right := live == holds || open && (live == before || live == after)
	if !right {
		w.Errorf("%s points to %s, holds %s by its ledger, open %v:\n%s", full, live, holds, open, story(line))
	}
}

// want checks that channels of images hold their digests, by the ledger and by the
// registry, and that no move is open.
func (w *world) want(digests map[string]string) {
	w.Helper()
	config := w.promoter().Config
	for full, digest := range digests {
		a, ch, err := config.Channel(full)
		if err != nil {
			w.Fatal(err)
		}
		line := w.line(full)
		if open, is := line.Open(); is {
			w.Errorf("%s has an open intent of %s", full, open.Digest)
		}
		if holds, _ := line.Holds(); holds != digest {
			w.Errorf("%s holds %q by its ledger, want %q", full, holds, digest)
		}
		if live := w.points(a.At(ch.Name), ch.Name); live != digest {
			w.Errorf("%s points to %q, want %q", full, live, digest)
		}
	}
	w.wantAudited()
}

// wantAudited checks that the audit has nothing to say.
func (w *world) wantAudited() {
	w.Helper()
	p := w.promoter()
	findings, err := p.Audit(w.Context(), p.Config.All())
	if err != nil || len(findings) > 0 {
		w.Errorf("the audit says %v, %+v", err, findings)
	}
}

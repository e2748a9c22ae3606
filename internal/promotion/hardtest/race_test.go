package hardtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/testkit/registry"
)

const raceText = `
signers: {ci: {key: ci.pub}}
channels:
  image: [{name: live, gate: {tests: [{name: unit, signers: [ci]}]}}]
artifacts:
- {name: os, kind: image, location: HERE/os, channels: image}
`

// TestTwoPromoters lets two processes move one channel at once. Both have their plans when
// they start; one wins, and the other says who did.
func TestTwoPromoters(t *testing.T) {
	t.Parallel()
	const rounds = 20
	w := newWorld(t, registry.InProcess, raceText, "ci")
	wins := map[string]int{}
	for n := range rounds {
		w.here.Forget()
		digests := map[string]string{}
		results := map[string]chan error{}
		var starts []func()
		for _, who := range []string{"ann", "bob"} {
			digests[who] = w.push(w.here.Host+"/os", "built")
			w.passed("ci", "unit", digests[who])
			var start func()
			results[who], start = w.racer(job{setting: w.setting, Who: who, Starts: true, Requests: []promotion.Request{{Channel: "os/live", Digest: digests[who]}}})
			starts = append(starts, start)
		}
		for _, start := range starts {
			start()
		}
		winner := w.winner(map[string]error{"ann": <-results["ann"], "bob": <-results["bob"]})
		wins[winner]++
		w.want(map[string]string{"os/live": digests[winner]})
		w.wantRecords("os/live", winner, 2*(n+1))
		if puts := w.here.Puts()["os:live"]; puts != 1 {
			t.Errorf("the tag was written %d times", puts)
		}
	}
	t.Logf("wins: %v", wins)
}

// racer starts a process, and waits until it has its plan. start lets it apply, and its
// end comes out of the channel.
func (w *world) racer(j job) (result chan error, start func()) {
	w.Helper()
	stdin, in, err := os.Pipe()
	if err != nil {
		w.Fatal(err)
	}
	out, stdout := io.Pipe()
	result = make(chan error, 1)
	cmd := exec.Cmd{Args: []string{os.Args[0]}, Env: append(os.Environ(), jobVariable+"="+w.jobFile(j)), Stdin: stdin, Stdout: stdout}
	go func() {
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		err := exec.Run(ctx, cmd)
		_ = stdout.Close()
		_ = stdin.Close()
		result <- err
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "planned" {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return result, func() {
		fmt.Fprintln(in)
		_ = in.Close()
	}
}

// winner is the one of two that moved the channel. The other was told who did.
func (w *world) winner(errs map[string]error) (winner string) {
	w.Helper()
	for who, err := range errs {
		if err == nil {
			winner += who
		}
	}
	if winner != "ann" && winner != "bob" {
		w.Fatalf("won by %q: %v", winner, errs)
	}
	for who, err := range errs {
		if err != nil && (!strings.Contains(err.Error(), ledger.ErrRaced.Error()) || strings.Contains(err.Error(), "from outside")) {
			w.Errorf("%s was told %v", who, err)
		}
	}
	return winner
}

// wantRecords checks that a line has so many records, of which the last are the winner's.
func (w *world) wantRecords(full, winner string, n int) {
	w.Helper()
	records := w.line(full).Records
	if len(records) != n {
		w.Fatalf("%d records, want %d", len(records), n)
	}
	for _, r := range records[n-2:] {
		if r.Who != winner {
			w.Errorf("record %d, %s, is by %s, and %s won", r.Sequence, r.Kind, r.Who, winner)
		}
	}
}

// TestManyPromotersUntilDone lets several processes move one channel until each has had its
// way once, whatever stands in between: all ways are one line.
func TestManyPromotersUntilDone(t *testing.T) {
	t.Parallel()
	const promoters, tries = 4, 50
	w := newWorld(t, registry.InProcess, raceText, "ci")
	done := make(chan error, promoters)
	for i := range promoters {
		digest := w.push(w.here.Host+"/os", "built")
		w.passed("ci", "unit", digest)
		j := job{setting: w.setting, Who: fmt.Sprintf("promoter%d", i), Tries: tries, Requests: []promotion.Request{{Channel: "os/live", Digest: digest}}}
		go func() {
			_, err := w.process(j, 0)
			done <- err
		}()
	}
	for range promoters {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	line := w.line("os/live")
	if stays := line.Stays(); len(stays) != promoters {
		t.Errorf("%d stays, want %d:\n%s", len(stays), promoters, story(line))
	}
	holds, _ := line.Holds()
	w.want(map[string]string{"os/live": holds})
}

package hardtest

import (
	"sync"

	"slipway.dev/slipway/internal/ledger"
)

// phase is how far the promoter had come.
type phase string

const (
	beforeIntents phase = "before any intent"
	openIntents   phase = "with open intents"
	betweenEdges  phase = "between edges"
	allDone       phase = "after all was done"
)

// tally counts over all worlds.
type tally struct {
	mu            sync.Mutex
	kills, rounds int
	phases        map[phase]int
}

// count counts a kill, and says whether it left intents open.
func (k *killing) count(j job) (open bool) {
	k.kills++
	p := k.phase(j)
	k.all.mu.Lock()
	defer k.all.mu.Unlock()
	k.all.kills++
	k.all.phases[p]++
	return p == openIntents
}

// phase is what the lines say of how far the round is.
func (k *killing) phase(j job) phase {
	begun, done := 0, 0
	for _, r := range j.Requests {
		line := k.line(r.Channel)
		if _, open := line.Open(); open {
			return openIntents
		}
		if len(line.Records) > k.before[r.Channel] {
			begun++
		}
		if n := len(line.Records); n > k.before[r.Channel] && line.Records[n-1].Kind == ledger.Done {
			done++
		}
	}
	switch {
	case begun == 0:
		return beforeIntents
	case done == len(j.Requests):
		return allDone
	}
	return betweenEdges
}

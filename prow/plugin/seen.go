package plugin

import (
	"context"
	"sync"
)

// delivery is one event for one handler. The GUID is not signed, so what was signed
// goes with it: nobody can use up a GUID with another payload.
type delivery struct{ handler, guid, mac string }

// seen remembers the newest deliveries that were accepted, and which are under way.
type seen struct {
	mu    sync.Mutex
	under map[delivery]chan struct{} // closed when it is over
	done  map[delivery]bool
	order []delivery // of done, as a ring
	next  int
}

func newSeen(size int) *seen {
	return &seen{under: map[delivery]chan struct{}{}, done: map[delivery]bool{}, order: make([]delivery, 0, size)}
}

// once runs do unless it has succeeded for d before. A second one that comes while the
// first is under way waits for it, and runs if that failed. first says whether do ran.
func (s *seen) once(ctx context.Context, d delivery, do func() error) (first bool, err error) {
	for {
		wait, mine := s.begin(d)
		if mine {
			break
		}
		if wait == nil {
			return false, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	ok := false
	defer func() { s.end(d, ok) }()
	err = do()
	ok = err == nil
	return true, err
}

func (s *seen) begin(d delivery) (wait chan struct{}, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done[d] {
		return nil, false
	}
	if wait, ok := s.under[d]; ok {
		return wait, false
	}
	s.under[d] = make(chan struct{})
	return nil, true
}

func (s *seen) end(d delivery, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.under[d])
	delete(s.under, d)
	if !ok {
		return
	}
	s.done[d] = true
	if len(s.order) < cap(s.order) {
		s.order = append(s.order, d)
		return
	}
	delete(s.done, s.order[s.next])
	s.order[s.next] = d
	s.next = (s.next + 1) % len(s.order)
}

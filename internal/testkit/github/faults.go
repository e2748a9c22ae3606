package github

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Fault is something that goes wrong with one request.
type Fault int

// The faults. Before all but Truncate and LostAnswer, the request is not carried out.
const (
	NoFault        Fault = iota
	ServerError          // 500
	BadGateway           // 502, with a body that is no JSON
	SecondaryLimit       // 403 with Retry-After
	TooMany              // 429 with Retry-After
	PrimaryLimit         // 403 with X-RateLimit-Remaining: 0 and X-RateLimit-Reset
	Reset                // the connection is reset
	Stall                // no answer for FaultConfig.Stall, then the connection is closed
	Truncate             // carried out, but the answer's body is cut in half
	LostAnswer           // carried out, but the connection is closed instead of an answer
)

var faultNames = []string{"none", "server error", "bad gateway", "secondary limit", "too many", "primary limit", "reset", "stall", "truncate", "lost answer"}

func (f Fault) String() string {
	if f < 0 || int(f) >= len(faultNames) {
		return fmt.Sprintf("fault %d", int(f))
	}
	return faultNames[f]
}

func (f Fault) losesRequest() bool { return f == Reset || f == Stall }

// FaultConfig says which requests go wrong and how.
type FaultConfig struct {
	// Script is what happens to the next requests, one each, NoFault for a healthy one.
	Script []Fault
	// Rates are the probabilities of faults, in 0..1 and at most 1 together, for
	// requests after the script.
	Rates map[Fault]float64
	// Match picks the requests that may go wrong; nil is all.
	Match func(Request) bool
	// RetryAfter is told with limits, in whole seconds rounded up; 0 is one second.
	RetryAfter time.Duration
	// Stall is how long a stalled request waits; 0 is a minute.
	Stall time.Duration
}

type faults struct {
	FaultConfig
	random *rand.Rand
}

// Faults makes requests go wrong from now on, in place of what was asked before; a
// zero config heals the server. The seed is logged.
//
// Go's HTTP client sends a GET again by itself if a kept connection breaks before the
// answer: a script may then serve two entries to what looks like one request.
func (s *Server) Faults(seed uint64, config FaultConfig) {
	if config.RetryAfter == 0 {
		config.RetryAfter = time.Second
	}
	if config.Stall == 0 {
		config.Stall = time.Minute
	}
	s.config.Log("fake GitHub: faults with seed %d: script %v, rates %v", seed, config.Script, config.Rates)
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.faults = &faults{FaultConfig: config, random: rand.New(rand.NewPCG(seed, 0))}
}

func (s *Server) nextFault(r Request) Fault {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	f := s.requests.faults
	if f == nil || f.Match != nil && !f.Match(r) {
		return NoFault
	}
	if len(f.Script) > 0 {
		next := f.Script[0]
		f.Script = f.Script[1:]
		return next
	}
	return f.draw()
}

// draw goes through the faults in their order, so that a seed always gives the same row.
func (f *faults) draw() Fault {
	at := f.random.Float64()
	for fault := NoFault + 1; fault <= LostAnswer; fault++ {
		if at -= f.Rates[fault]; at < 0 {
			return fault
		}
	}
	return NoFault
}

// refuse answers the faults that GitHub itself would answer.
func (s *Server) refuse(a *answer, fault Fault) bool {
	wait, now := s.faultWait(), s.config.Now()
	switch fault {
	case ServerError:
		writeError(a, &apiError{status: http.StatusInternalServerError, message: "Server Error"})
	case BadGateway:
		a.status, a.body = http.StatusBadGateway, []byte("<html><title>Unicorn!</title></html>")
	case SecondaryLimit:
		a.header.Set("Retry-After", seconds(wait))
		writeError(a, secondaryLimit(http.StatusForbidden))
	case TooMany:
		a.header.Set("Retry-After", seconds(wait))
		writeError(a, secondaryLimit(http.StatusTooManyRequests))
	case PrimaryLimit:
		a.header.Set("X-RateLimit-Remaining", "0")
		a.header.Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(wait+time.Second-1).Unix(), 10))
		writeError(a, primaryLimit())
	default:
		return false
	}
	return true
}

func (s *Server) faultWait() time.Duration {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	if s.requests.faults == nil {
		return 0
	}
	return s.requests.faults.RetryAfter
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// send writes the answer, or does to it what the fault says.
func (s *Server) send(w http.ResponseWriter, req *http.Request, a *answer, fault Fault) {
	switch fault {
	case Reset:
		s.hangUp(w, true)
	case Stall:
		s.stall(req)
		s.hangUp(w, false)
	case LostAnswer:
		s.hangUp(w, false)
	case Truncate:
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
		a.copyTo(w, a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http's way to break off an answer
	default:
		a.copyTo(w, a.body)
	}
}

func (a *answer) copyTo(w http.ResponseWriter, body []byte) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

func (s *Server) stall(req *http.Request) {
	s.requests.mu.Lock()
	wait := time.NewTimer(s.requests.faults.Stall)
	s.requests.mu.Unlock()
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-req.Context().Done():
	case <-s.ctx.Done():
	}
}

// hangUp closes the connection without an answer; reset makes the peer see a reset.
func (s *Server) hangUp(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.config.Error("fake GitHub: hang up: %v", err)
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		err = tcp.SetLinger(0)
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		s.config.Log("fake GitHub: hang up: %v", err)
	}
}

package github

import (
	"slices"
	"sync"
)

// Request is one request that the server met.
type Request struct {
	Method   string
	Path     string // without the Enterprise prefix
	Query    string
	Endpoint string // method and pattern, such as "GET /repos/{owner}/{repo}/git/ref/{ref...}"; empty if there is none
	User     string // owner of the token, or empty
	Status   int    // of the answer, also of one that a fault kept from the client
	Fault    Fault  // what was done to it
}

// Requests is the request log, in the order in which the answers were made.
type Requests []Request

// requests is what the server keeps of its clients' doings.
type requests struct {
	mu     sync.Mutex
	log    []Request
	limits limits
	faults *faults
}

// Requests returns what the server met since it started.
func (s *Server) Requests() Requests {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return slices.Clone(s.requests.log)
}

// Count is how many requests an endpoint met.
func (r Requests) Count(endpoint string) int { return r.Counts()[endpoint] }

// Counts is how many requests each endpoint met.
func (r Requests) Counts() map[string]int {
	counts := map[string]int{}
	for _, request := range r {
		counts[request.Endpoint]++
	}
	return counts
}

func (s *Server) record(r Request) {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	s.requests.log = append(s.requests.log, r)
}

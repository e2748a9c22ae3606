package github

import (
	"net/http"
	"strconv"
	"time"
)

// anonymousLimit is how many requests an hour GitHub grants without a token.
const anonymousLimit = 60

// limits counts the requests of each user in the running hour.
type limits struct {
	reset time.Time
	used  map[string]int // by login
}

// rate is a user's allowance, as GET /rate_limit and the headers of every answer tell it.
type rate struct {
	Limit     int    `json:"limit"`
	Remaining int    `json:"remaining"`
	Reset     int64  `json:"reset"` // Unix seconds
	Used      int    `json:"used"`
	Resource  string `json:"resource"`
}

// spend counts a request against its user's allowance and writes the headers. When the
// allowance is used up, it answers as GitHub does and returns false.
func (s *Server) spend(a *answer, req *http.Request) bool {
	cost := 1
	if req.URL.Path == "/rate_limit" {
		cost = 0
	}
	owner, _ := s.token(bearer(req))
	r, ok := s.allowance(owner.login, cost)
	r.setHeaders(a.header)
	if !ok {
		writeError(a, primaryLimit())
	}
	return ok
}

// allowance takes cost off the user's allowance; false says that there was none left.
func (s *Server) allowance(login string, cost int) (rate, bool) {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	if now := s.now(); !now.Before(s.requests.limits.reset) {
		s.requests.limits = limits{reset: now.Add(time.Hour), used: map[string]int{}}
	}
	limit := s.config.RateLimit
	if login == "" {
		limit = min(limit, anonymousLimit)
	}
	used := s.requests.limits.used[login] + cost
	ok := used <= limit
	used = min(used, limit)
	s.requests.limits.used[login] = used
	return rate{Limit: limit, Remaining: limit - used, Reset: s.requests.limits.reset.Unix(), Used: used, Resource: "core"}, ok
}

func (r rate) setHeaders(h http.Header) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(r.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(r.Remaining))
	h.Set("X-RateLimit-Used", strconv.Itoa(r.Used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(r.Reset, 10))
	h.Set("X-RateLimit-Resource", r.Resource)
}

func primaryLimit() *apiError {
	return &apiError{
		status:  http.StatusForbidden,
		message: "API rate limit exceeded.",
		doc:     "/overview/rate-limits-for-the-rest-api#about-primary-rate-limits",
	}
}

func secondaryLimit(status int) *apiError {
	return &apiError{
		status:  status,
		message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
		doc:     "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
	}
}

func rateLimit(c *call) (any, error) {
	core, _ := c.server.allowance(c.login, 0)
	type resources struct {
		Core rate `json:"core"`
	}
	return struct {
		Resources resources `json:"resources"`
		Rate      rate      `json:"rate"`
	}{resources{core}, core}, nil
}

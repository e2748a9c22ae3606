package github

import (
	"net/http"
	"slices"
	"strings"
)

// enterprisePrefix is where GitHub Enterprise serves the same API.
const enterprisePrefix = "/api/v3"

// route is one endpoint.
type route struct {
	method, path string
	needs        access                   // what the caller must be allowed to do
	status       int                      // answered when handle returns no error
	handle       func(*call) (any, error) // returns what is answered as JSON
}

// endpoint is the route's name in the request log: POST /repos/{owner}/{repo}/git/refs.
func (r route) endpoint() string { return r.method + " " + r.path }

// routes is the whole API, resource by resource.
func routes() []route {
	return slices.Concat(
		userRoutes(), orgRoutes(), repoRoutes(),
		refRoutes(), tagRoutes(), commitRoutes(), branchRoutes(), statusRoutes(),
		issueRoutes(), commentRoutes(), labelRoutes(), pullRoutes(), reviewRoutes(),
	)
}

func newMux(s *Server) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.endpoint(), func(w http.ResponseWriter, req *http.Request) { s.handle(w, req, r) })
	}
	mux.HandleFunc("/", s.noRoute)
	return mux
}

// serve answers one request: it finds the endpoint, applies the faults that were
// asked for, and writes the request down.
func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, enterprisePrefix+"/") {
		req = withoutPrefix(req)
	}
	entry := Request{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery}
	owner, _ := s.token(bearer(req))
	entry.User = owner.login
	if _, entry.Endpoint = s.mux.Handler(req); entry.Endpoint == "/" {
		entry.Endpoint = ""
	}
	entry.Fault = s.nextFault(entry)
	answer := s.answer(req, entry.Fault)
	entry.Status = answer.status
	s.record(entry)
	s.send(w, req, answer, entry.Fault)
}

// answer makes the whole answer before a byte of it is sent, so that a fault can
// cut it or lose it after the change was made.
func (s *Server) answer(req *http.Request, fault Fault) *answer {
	a := newAnswer()
	if !s.spend(a, req) {
		return a
	}
	if s.refuse(a, fault) {
		return a
	}
	if fault.losesRequest() {
		return a
	}
	s.mux.ServeHTTP(a, req)
	if a.header.Get("Location") != "" && a.status/100 == 3 {
		// ServeMux mends unclean paths by a redirect; GitHub does not.
		a.header.Del("Location")
		a.body = nil
		s.noRoute(a, req)
	}
	return a
}

func withoutPrefix(req *http.Request) *http.Request {
	r := req.Clone(withBase(req.Context(), enterprisePrefix))
	r.URL.Path = strings.TrimPrefix(r.URL.Path, enterprisePrefix)
	r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, enterprisePrefix)
	return r
}

// noRoute answers a request that no endpoint takes: 404, as GitHub does for a wrong
// method too.
func (s *Server) noRoute(w http.ResponseWriter, req *http.Request) {
	if allowed := s.allowedMethods(req); len(allowed) > 0 {
		s.wrong(req, "wrong method; this path takes %s", strings.Join(allowed, ", "))
	} else {
		s.wrong(req, "no such endpoint; mend the path, or add a route to internal/testkit/github")
	}
	writeError(w, notFound())
}

func (s *Server) allowedMethods(req *http.Request) []string {
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		other := req.Clone(req.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" && method != req.Method {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// wrong reports a client's mistake to the test.
func (s *Server) wrong(req *http.Request, format string, args ...any) {
	s.config.Error("fake GitHub: %s %s: "+format, append([]any{req.Method, req.URL.RequestURI()}, args...)...)
}

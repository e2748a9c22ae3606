package github

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// enterprisePrefix is where GitHub Enterprise serves the same API.
const enterprisePrefix = "/api/v3"

// route is one endpoint. Its path is written as for net/http's ServeMux: {name} is one
// element, {name...} the rest. ServeMux itself cannot serve GitHub's paths, since it
// refuses issues/comments/{id} beside issues/{number}/comments.
type route struct {
	method, path string
	needs        access                   // what the caller must be allowed to do
	status       int                      // answered when handle returns no error
	handle       func(*call) (any, error) // returns what is answered as JSON
}

// endpoint is the route's name in the request log: POST /repos/{owner}/{repo}/git/refs.
func (r route) endpoint() string { return r.method + " " + r.path }

// routes is the whole API, resource by resource. No two match one request.
func routes() []route {
	return slices.Concat(
		userRoutes(), orgRoutes(), repoRoutes(),
		refRoutes(), tagRoutes(), commitRoutes(), protectionRoutes(), branchRoutes(), statusRoutes(),
		issueRoutes(), commentRoutes(), labelRoutes(), pullRoutes(), reviewRoutes(),
	)
}

// find returns the route of a method and path, and what the path's variables are.
func (s *Server) find(method, path string) (route, map[string]string, bool) {
	for _, r := range s.routes {
		if r.method != method {
			continue
		}
		if values, ok := match(r.path, path); ok {
			return r, values, true
		}
	}
	return route{}, nil, false
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// match fits an escaped path to a pattern.
func match(pattern, path string) (map[string]string, bool) {
	values := map[string]string{}
	elements := strings.Split(pattern, "/")
	parts := strings.SplitN(path, "/", len(elements))
	if len(parts) != len(elements) {
		return nil, false
	}
	for i, element := range elements {
		name, variable := strings.CutPrefix(element, "{")
		name = strings.TrimSuffix(name, "}")
		if variable {
			value, err := url.PathUnescape(parts[i])
			if err != nil || !fits(name, parts[i]) {
				return nil, false
			}
			values[strings.TrimSuffix(name, "...")] = value
		} else if parts[i] != element {
			return nil, false
		}
	}
	return values, true
}

// fits says whether a variable takes a part of a path. {number} and {id} take digits
// alone, which is what tells issues/comments/1 from issues/1/comments.
func fits(name, part string) bool {
	switch {
	case strings.HasSuffix(name, "..."):
		return true
	case name == "number" || name == "id":
		return digits.MatchString(part)
	}
	return part != "" && !strings.Contains(part, "/")
}

// serve answers one request: it finds the endpoint, applies the faults that were
// asked for, and writes the request down.
func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, enterprisePrefix+"/") {
		req = withoutPrefix(req)
	}
	owner, _ := s.token(bearer(req))
	entry := Request{Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery, User: owner.login}
	r, values, found := s.find(req.Method, req.URL.EscapedPath())
	if found {
		entry.Endpoint = r.endpoint()
	}
	for name, value := range values {
		req.SetPathValue(name, value)
	}
	entry.Fault = s.nextFault(entry)
	answer := s.answer(req, r, entry)
	entry.Status = answer.status
	s.record(entry)
	s.send(w, req, answer, entry.Fault)
}

// answer makes the whole answer before a byte of it is sent, so that a fault can
// cut it or lose it after the change was made.
func (s *Server) answer(req *http.Request, r route, entry Request) *answer {
	a := newAnswer()
	switch {
	case !s.spend(a, req), s.refuse(a, entry.Fault), entry.Fault.losesRequest():
	case entry.Endpoint == "":
		s.noRoute(a, req)
	default:
		s.handle(a, req, r)
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
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if _, _, found := s.find(method, req.URL.EscapedPath()); found {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		s.wrong(req, "wrong method; this path takes %s", strings.Join(allowed, ", "))
	} else {
		s.wrong(req, "no such endpoint; mend the path, or add a route to internal/testkit/github")
	}
	writeError(w, notFound())
}

// wrong reports a client's mistake to the test.
func (s *Server) wrong(req *http.Request, format string, args ...any) {
	s.config.Error("fake GitHub: %s %s: "+format, append([]any{req.Method, req.URL.RequestURI()}, args...)...)
}

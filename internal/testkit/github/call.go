package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is far above what a client of this API sends.
const maxBody = 10 << 20

// gitDeadline bounds the git programs that one request runs.
const gitDeadline = 30 * time.Second

// gitContext lives as long as the server, not the connection: a change that was begun
// is finished, as on GitHub.
func (s *Server) gitContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, gitDeadline)
}

// call is one request on its way through a handler.
type call struct {
	server   *Server
	req      *http.Request
	ctx      context.Context // gitContext
	header   http.Header     // of the answer
	login    string          // who asks; empty is anonymous
	scope    Scope           // of the token
	repo     *Repo           // that the path names, or nil
	body     []byte
	bodyRead bool
	queries  []string // parameters that the handler asked for
}

// handle runs one endpoint, and reports what a correct client would not have sent.
func (s *Server) handle(w http.ResponseWriter, req *http.Request, r route) {
	ctx, cancel := s.gitContext()
	defer cancel()
	c := &call{server: s, req: req, ctx: ctx, header: w.Header(), queries: []string{"page", "per_page"}}
	result, err := c.run(r)
	if err == nil {
		c.reportLeftOvers()
		writeJSON(w, r.status, result)
		return
	}
	refused, ok := errors.AsType[*apiError](err)
	if !ok {
		s.wrong(req, "the fake itself broke: %v", err)
		refused = &apiError{status: http.StatusInternalServerError, message: "Server Error"}
	}
	writeError(w, refused)
}

func (c *call) run(r route) (any, error) {
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	if err := c.findRepo(); err != nil {
		return nil, err
	}
	if err := c.authorize(r.needs); err != nil {
		return nil, err
	}
	var err error
	if c.body, err = io.ReadAll(io.LimitReader(c.req.Body, maxBody)); err != nil {
		return nil, &apiError{status: http.StatusBadRequest, message: "Problems reading the body"}
	}
	return r.handle(c)
}

// reportLeftOvers reports a body or query parameter that the endpoint does not know.
// A body on DELETE is let pass: Prow sends one.
func (c *call) reportLeftOvers() {
	if len(c.body) > 0 && !c.bodyRead && c.req.Method != http.MethodDelete {
		c.server.wrong(c.req, "a body where the endpoint takes none: %.200s", c.body)
	}
	for name := range c.req.URL.Query() {
		if !slices.Contains(c.queries, name) {
			c.server.wrong(c.req, "query parameter %q is not known to the endpoint", name)
		}
	}
}

// decode reads the JSON body. A body that does not parse, or that has a field the
// endpoint does not know, is reported.
func (c *call) decode(into any) error {
	c.bodyRead = true
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("more than one JSON value")
	}
	if err == nil {
		return nil
	}
	c.server.wrong(c.req, "bad body: %v in %.200q", err, c.body)
	if strings.Contains(err.Error(), "unknown field") {
		return unprocessable("Invalid request.\n\n%s is not a permitted key.", strings.TrimPrefix(err.Error(), "json: unknown field "))
	}
	return &apiError{status: http.StatusBadRequest, message: "Problems parsing JSON"}
}

// require refuses a request that lacks a field, and reports it.
func (c *call) require(field, value string) error {
	if value != "" {
		return nil
	}
	c.server.wrong(c.req, "bad body: %q is missing", field)
	return unprocessable("Invalid request.\n\n%q wasn't supplied.", field)
}

func (c *call) path(name string) string { return c.req.PathValue(name) }

// number is a path element such as a pull request's number; one that is no number names nothing.
func (c *call) number(name string) (int, error) {
	n, err := strconv.Atoi(c.path(name))
	if err != nil {
		c.server.wrong(c.req, "%q is no number", c.path(name))
		return 0, notFound()
	}
	return n, nil
}

func (c *call) query(name string) string {
	c.queries = append(c.queries, name)
	return c.req.URL.Query().Get(name)
}

// url is an address below the API's base, spelled as the caller reached it.
func (c *call) url(format string, args ...any) string {
	return c.server.URL() + baseOf(c.req.Context()) + fmt.Sprintf(format, args...)
}

// repoURL is an address below the repository that the path names.
func (c *call) repoURL(format string, args ...any) string {
	return c.url("/repos/%s", c.repo.FullName()) + fmt.Sprintf(format, args...)
}

type baseKey struct{}

func withBase(ctx context.Context, base string) context.Context {
	return context.WithValue(ctx, baseKey{}, base)
}

func baseOf(ctx context.Context) string {
	base, _ := ctx.Value(baseKey{}).(string)
	return base
}

package github

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	defaultPerPage = 30
	maxPerPage     = 100
)

// page cuts one page out of a list, and adds the Link header that leads to the others.
func page[T any](c *call, all []T) []T {
	perPage := min(c.positive("per_page", defaultPerPage), maxPerPage)
	number := c.positive("page", 1)
	last := max(1, (len(all)+perPage-1)/perPage)
	c.link(number, last)
	from := min((number-1)*perPage, len(all))
	to := min(from+perPage, len(all))
	return append([]T{}, all[from:to]...)
}

// positive reads a query parameter; what is no positive number is reported, and read as otherwise.
func (c *call) positive(name string, otherwise int) int {
	text := c.query(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		c.server.wrong(c.req, "query parameter %s=%q is no positive number", name, text)
		return otherwise
	}
	return n
}

func (c *call) link(number, last int) {
	var links []string
	add := func(rel string, page int) {
		links = append(links, fmt.Sprintf(`<%s>; rel="%s"`, c.pageURL(page), rel))
	}
	if number > 1 {
		add("prev", min(number-1, last))
	}
	if number < last {
		add("next", number+1)
		add("last", last)
	}
	if number > 1 {
		add("first", 1)
	}
	if len(links) > 0 {
		c.header.Set("Link", strings.Join(links, ", "))
	}
}

func (c *call) pageURL(number int) string {
	query := c.req.URL.Query()
	query.Set("page", strconv.Itoa(number))
	u := url.URL{Path: c.req.URL.Path, RawPath: c.req.URL.RawPath, RawQuery: query.Encode()}
	return c.server.URL() + baseOf(c.req.Context()) + u.String()
}

// noContent is what an endpoint that answers 204 or 205 returns.
func noContent() (any, error) { return nil, nil }

// conflict is GitHub's 409.
func conflict(message string) *apiError {
	return &apiError{status: http.StatusConflict, message: message}
}

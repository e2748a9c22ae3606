package oci

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// defaultPage is how many tags are asked for at once; some registries refuse more.
const defaultPage = 1000

// Tags gives the tags of a repository, page by page, and ends at the first error. A
// repository that is not there has none.
func (c *Client) Tags(ctx context.Context, repository string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		page := tagPage{next: "tags/list?n=" + strconv.Itoa(c.pageSize)}
		for page.next != "" {
			err := c.call(ctx, "list tags of "+repository, toPull(repository),
				func(ctx context.Context, s *session) (err error) {
					page, err = s.tags(ctx, page, c.pageSize)
					return err
				})
			if err != nil {
				yield("", err)
				return
			}
			for _, tag := range page.tags {
				if !yield(tag, nil) {
					return
				}
			}
		}
	}
}

// tagPage is a page of tags, and where the next one is.
type tagPage struct {
	tags  []string
	next  string // empty after the last page
	after string // if not empty, next is a guess, and only tags after this one are new
}

// tags reads the page of so many tags after previous.
func (s *session) tags(ctx context.Context, previous tagPage, size int) (page tagPage, err error) {
	response, err := s.send(ctx, request{method: http.MethodGet, path: previous.next}, http.StatusOK)
	if status(err) == http.StatusNotFound {
		return tagPage{}, nil
	}
	if err != nil {
		return previous, err
	}
	raw, err := read(response)
	if err != nil {
		return previous, err
	}
	var list struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return previous, passing{err: err}
	}
	page = tagPage{tags: list.Tags}
	if page.next, err = linked(response.Header); err != nil {
		return previous, err
	}
	full := len(page.tags) == size
	if previous.after != "" {
		page.tags = slices.DeleteFunc(page.tags, func(tag string) bool { return tag <= previous.after })
	}
	if full && page.next == "" && len(page.tags) > 0 {
		page.guess(size)
	}
	return page, nil
}

// guess asks a registry for more that gave as many tags as it was asked for, and did
// not say whether they are all: some never say. Of what it gives, only tags that come
// after are new: some give all again.
func (p *tagPage) guess(size int) {
	p.after = slices.Max(p.tags)
	p.next = "tags/list?" + url.Values{"n": {strconv.Itoa(size)}, "last": {p.after}}.Encode()
}

// linked is the address of the next page in an answer's header, or empty.
func linked(header http.Header) (string, error) {
	link := header.Get("Link")
	if link == "" {
		return "", nil
	}
	address, relation, closed := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !closed || !strings.HasPrefix(link, "<") {
		return "", fmt.Errorf("the registry says that the next page is at %q, which is no address", link)
	}
	if !strings.Contains(relation, "next") {
		return "", nil
	}
	return address, nil
}

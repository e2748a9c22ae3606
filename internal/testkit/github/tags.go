package github

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

func tagRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"POST", repo + "/git/tags", pushes, 201, createTag},
		{"GET", repo + "/git/tags/{sha}", reads, 200, getTag},
		{"GET", repo + "/git/commits/{sha}", reads, 200, getGitCommit},
	}
}

// signature is who made a commit or tag, and when.
type signature struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

// line is the signature as git writes it: Name <email> seconds zone.
func (s signature) line() string {
	return fmt.Sprintf("%s <%s> %d %s", s.Name, s.Email, s.Date.Unix(), s.Date.Format("-0700"))
}

// parseSignature reads a signature line. A broken one gives what can be read of it.
func parseSignature(line string) signature {
	name, rest, _ := strings.Cut(line, " <")
	email, when, _ := strings.Cut(rest, "> ")
	var seconds int64
	_, _ = fmt.Sscan(when, &seconds)
	return signature{Name: name, Email: email, Date: time.Unix(seconds, 0).UTC()}
}

type tagJSON struct {
	NodeID  string     `json:"node_id"`
	Tag     string     `json:"tag"`
	SHA     string     `json:"sha"`
	URL     string     `json:"url"`
	Message string     `json:"message"`
	Tagger  signature  `json:"tagger"`
	Object  objectJSON `json:"object"`
}

func createTag(c *call) (any, error) {
	var body struct {
		Tag, Message, Object, Type string
		Tagger                     *signature
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	err := errors.Join(c.require("tag", body.Tag), c.require("message", body.Message),
		c.require("object", body.Object), c.require("type", body.Type))
	if err != nil {
		return nil, err
	}
	found, ok, err := c.repo.git.lookup(c.ctx, body.Object)
	if err != nil {
		return nil, err
	}
	if !ok || found.SHA != body.Object || found.Type != body.Type {
		return nil, unprocessable("Could not verify object")
	}
	content := fmt.Sprintf("object %s\ntype %s\ntag %s\ntagger %s\n\n%s",
		body.Object, body.Type, body.Tag, c.tagger(body.Tagger).line(), body.Message)
	sha, err := c.repo.git.git(c.ctx, content, "mktag", "--no-strict")
	if err != nil {
		return nil, unprocessable("%q is not a valid tag: %v", body.Tag, err)
	}
	return c.tagJSON(trimLine(sha), content), nil
}

// tagger fills in what the request leaves out: the caller, now.
func (c *call) tagger(given *signature) signature {
	s := signature{Name: c.login, Email: email(c.login), Date: c.server.now()}
	if given == nil {
		return s
	}
	if given.Date.IsZero() {
		given.Date = s.Date
	}
	return *given
}

func (c *call) tagJSON(sha, content string) tagJSON {
	fields, message := headers(content)
	return tagJSON{
		NodeID: "TA_" + sha, Tag: first(fields["tag"]), SHA: sha, URL: c.repoURL("/git/tags/%s", sha),
		Message: message, Tagger: parseSignature(first(fields["tagger"])),
		Object: c.objectJSON(object{SHA: first(fields["object"]), Type: first(fields["type"])}),
	}
}

func getTag(c *call) (any, error) {
	content, err := c.repo.git.read(c.ctx, "tag", c.path("sha"))
	if err != nil {
		return nil, err
	}
	return c.tagJSON(c.path("sha"), content), nil
}

// gitCommitJSON is a commit as the git database shows it.
type gitCommitJSON struct {
	SHA       string       `json:"sha"`
	NodeID    string       `json:"node_id"`
	URL       string       `json:"url"`
	HTMLURL   string       `json:"html_url"`
	Author    signature    `json:"author"`
	Committer signature    `json:"committer"`
	Message   string       `json:"message"`
	Tree      shaJSON      `json:"tree"`
	Parents   []parentJSON `json:"parents"`
}

type shaJSON struct {
	SHA string `json:"sha"`
	URL string `json:"url"`
}

type parentJSON struct {
	shaJSON
	HTMLURL string `json:"html_url"`
}

func (c *call) gitCommitJSON(sha, content string) gitCommitJSON {
	fields, message := headers(content)
	tree := first(fields["tree"])
	commit := gitCommitJSON{
		SHA: sha, NodeID: "C_" + sha, URL: c.repoURL("/git/commits/%s", sha), HTMLURL: c.repo.page("/commit/%s", sha),
		Author: parseSignature(first(fields["author"])), Committer: parseSignature(first(fields["committer"])),
		Message: strings.TrimSuffix(message, "\n"),
		Tree:    shaJSON{tree, c.repoURL("/git/trees/%s", tree)},
		Parents: []parentJSON{},
	}
	for _, parent := range fields["parent"] {
		commit.Parents = append(commit.Parents, parentJSON{
			shaJSON{parent, c.repoURL("/git/commits/%s", parent)}, c.repo.page("/commit/%s", parent),
		})
	}
	return commit
}

func getGitCommit(c *call) (any, error) {
	content, err := c.repo.git.read(c.ctx, "commit", c.path("sha"))
	if err != nil {
		return nil, err
	}
	return c.gitCommitJSON(c.path("sha"), content), nil
}

package github

import (
	"context"
	"errors"
	"strings"
)

func refRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"GET", repo + "/git/ref/{ref...}", reads, 200, getRef},
		{"GET", repo + "/git/matching-refs/{ref...}", reads, 200, matchingRefs},
		{"GET", repo + "/git/refs/{ref...}", reads, 200, getRefs},
		{"POST", repo + "/git/refs", pushes, 201, createRef},
		{"PATCH", repo + "/git/refs/{ref...}", pushes, 200, updateRef},
		{"DELETE", repo + "/git/refs/{ref...}", pushes, 204, deleteRef},
	}
}

type objectJSON struct {
	Type string `json:"type"`
	SHA  string `json:"sha"`
	URL  string `json:"url"`
}

type refJSON struct {
	Ref    string     `json:"ref"`
	NodeID string     `json:"node_id"`
	URL    string     `json:"url"`
	Object objectJSON `json:"object"`
}

func (c *call) refJSON(r gitRef) refJSON {
	return refJSON{
		Ref: r.Name, NodeID: nodeID("REF", c.repo.id) + r.Name, URL: c.repoURL("/git/%s", r.Name),
		Object: c.objectJSON(r.object),
	}
}

func (c *call) objectJSON(o object) objectJSON {
	return objectJSON{Type: o.Type, SHA: o.SHA, URL: c.repoURL("/git/%ss/%s", o.Type, o.SHA)}
}

func (c *call) refsJSON(refs []gitRef) []refJSON {
	list := make([]refJSON, len(refs))
	for i, r := range refs {
		list[i] = c.refJSON(r)
	}
	return list
}

func getRef(c *call) (any, error) {
	r, ok, err := c.repo.git.ref(c.ctx, "refs/"+c.path("ref"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound()
	}
	return c.refJSON(r), nil
}

func matchingRefs(c *call) (any, error) {
	refs, err := c.repo.git.withPrefix(c.ctx, "refs/"+c.path("ref"))
	if err != nil {
		return nil, err
	}
	return c.refsJSON(page(c, refs)), nil
}

// getRefs is the older form that Prow still uses: the one ref of the name, or else a
// list of those that begin with it.
func getRefs(c *call) (any, error) {
	found, err := getRef(c)
	if err == nil || statusOf(err) != 404 {
		return found, err
	}
	refs, err := c.repo.git.withPrefix(c.ctx, "refs/"+c.path("ref"))
	if err == nil && len(refs) == 0 {
		err = notFound()
	}
	if err != nil {
		return nil, err
	}
	return c.refsJSON(page(c, refs)), nil
}

func createRef(c *call) (any, error) {
	var body struct{ Ref, SHA string }
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := errors.Join(c.require("ref", body.Ref), c.require("sha", body.SHA)); err != nil {
		return nil, err
	}
	if err := checkRefName(body.Ref); err != nil {
		return nil, err
	}
	if c.repo.git.isLoose(body.Ref) { // spares git the work where many race for one name
		return nil, unprocessable("Reference already exists")
	}
	target, err := c.target(body.SHA)
	if err != nil {
		return nil, err
	}
	switch err := c.repo.moveRef(c.ctx, c.login, body.Ref, target.SHA, zeroSHA); {
	case errors.Is(err, errLostRace):
		return nil, unprocessable("Reference already exists")
	case err != nil:
		return nil, unprocessable("Reference update failed")
	}
	c.header.Set("Location", c.repoURL("/git/%s", body.Ref))
	return c.refJSON(gitRef{body.Ref, target}), nil
}

// checkRefName refuses what GitHub and git refuse as the name of a new ref.
func checkRefName(name string) error {
	switch {
	case !strings.HasPrefix(name, "refs/"):
		return unprocessable("Reference name must start with 'refs/'.")
	case strings.Count(name, "/") < 2:
		return unprocessable("Reference name must contain at least three slash-separated components.")
	case !validRefName(name):
		return unprocessable("%s is not a valid ref name.", name)
	}
	return nil
}

// validRefName follows the rules of git check-ref-format.
func validRefName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return !strings.ContainsAny(name, " ~^:?*[\\") && !strings.ContainsFunc(name, control) &&
		!strings.Contains(name, "..") && !strings.Contains(name, "@{") && !strings.HasSuffix(name, ".")
}

// target is the object that a ref is to point to.
func (c *call) target(sha string) (object, error) {
	if !fullSHA.MatchString(sha) {
		return object{}, unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	found, ok, err := c.repo.git.lookup(c.ctx, sha)
	if err == nil && !ok {
		err = unprocessable("Object does not exist")
	}
	return found, err
}

// existing is the ref that PATCH and DELETE name.
func (c *call) existing() (gitRef, error) {
	r, ok, err := c.repo.git.ref(c.ctx, "refs/"+c.path("ref"))
	if err == nil && !ok {
		err = unprocessable("Reference does not exist")
	}
	return r, err
}

func updateRef(c *call) (any, error) {
	var body struct {
		SHA   string
		Force bool
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := c.require("sha", body.SHA); err != nil {
		return nil, err
	}
	old, err := c.existing()
	if err != nil {
		return nil, err
	}
	target, err := c.target(body.SHA)
	if err != nil {
		return nil, err
	}
	if err := c.checkFastForward(old, target, body.Force); err != nil {
		return nil, err
	}
	if err := c.repo.moveRef(c.ctx, c.login, old.Name, target.SHA, old.SHA); err != nil {
		return nil, unprocessable("Reference update failed")
	}
	return c.refJSON(gitRef{old.Name, target}), nil
}

func (c *call) checkFastForward(old gitRef, target object, force bool) error {
	if force {
		return nil
	}
	forward := false
	if old.Type == "commit" && target.Type == "commit" {
		var err error
		if forward, err = c.repo.git.isAncestor(c.ctx, old.SHA, target.SHA); err != nil {
			return err
		}
	}
	if !forward {
		return unprocessable("Update is not a fast forward")
	}
	return nil
}

func deleteRef(c *call) (any, error) {
	old, err := c.existing()
	if err != nil {
		return nil, err
	}
	switch err := c.repo.moveRef(c.ctx, c.login, old.Name, zeroSHA, old.SHA); {
	case errors.Is(err, errLostRace):
		return nil, unprocessable("Reference does not exist")
	case err != nil:
		return nil, err
	}
	return noContent()
}

// moveRef changes a ref on behalf of a user.
func (r *Repo) moveRef(ctx context.Context, login, name, after, before string) error {
	if err := r.git.update(ctx, name, after, before); err != nil {
		return err
	}
	return r.refMoved(ctx, login, name, after, before)
}

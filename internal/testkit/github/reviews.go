package github

import (
	"slices"
	"strings"
	"time"
)

func reviewRoutes() []route {
	const pull = "/repos/{owner}/{repo}/pulls/{number}"
	return []route{
		{"GET", pull + "/reviews", reads, 200, listReviews},
		{"GET", pull + "/comments", reads, 200, listReviewComments},
		{"POST", pull + "/reviews", comments, 200, createReview},
		{"GET", pull + "/requested_reviewers", reads, 200, listReviewers},
		{"POST", pull + "/requested_reviewers", triages, 201, requestReviewers},
		{"DELETE", pull + "/requested_reviewers", triages, 200, unrequestReviewers},
	}
}

type review struct {
	id                          int64
	author, state, body, commit string
	submitted                   time.Time
}

type reviewJSON struct {
	ID                int64     `json:"id"`
	NodeID            string    `json:"node_id"`
	User              userJSON  `json:"user"`
	Body              string    `json:"body"`
	State             string    `json:"state"`
	CommitID          string    `json:"commit_id"`
	SubmittedAt       time.Time `json:"submitted_at"`
	HTMLURL           string    `json:"html_url"`
	AuthorAssociation string    `json:"author_association"`
}

func (r *Repo) reviewJSON(i *issue, v *review) reviewJSON {
	return reviewJSON{
		ID: v.id, NodeID: nodeID("PRR", v.id), User: r.server.userJSON(v.author), Body: v.body, State: v.state,
		CommitID: v.commit, SubmittedAt: v.submitted, AuthorAssociation: r.association(v.author),
		HTMLURL: r.page("/pull/%d#pullrequestreview-%d", i.number, v.id),
	}
}

// reviewStates is what becomes of a review's event.
var reviewStates = map[string]string{
	"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING",
}

// ReviewAs reviews a pull request: event is APPROVE, REQUEST_CHANGES or COMMENT.
func (r *Repo) ReviewAs(login string, number int, event, body string) error {
	ctx, cancel := r.server.gitContext()
	defer cancel()
	i, err := r.pull(ctx, login, number)
	if err != nil {
		return err
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	_, err = r.review(login, i, event, body, "")
	return err
}

// review adds a review; the server's lock is held.
func (r *Repo) review(login string, i *issue, kind, body, commit string) (*review, error) {
	state, known := reviewStates[kind]
	switch {
	case !known:
		return nil, invalid("PullRequestReview", "event", "invalid")
	case kind == "APPROVE" && strings.EqualFold(login, i.author):
		return nil, unprocessable("Can not approve your own pull request")
	case commit == "":
		commit = i.pull.tips.head
	}
	v := &review{r.server.nextID(), login, state, body, commit, r.server.now()}
	i.pull.reviews = append(i.pull.reviews, v)
	i.pull.reviewers = slices.DeleteFunc(i.pull.reviewers, func(l string) bool { return strings.EqualFold(l, login) })
	if state == "PENDING" {
		return v, nil
	}
	told := r.reviewJSON(i, v)
	told.State = strings.ToLower(state) // the webhook writes it small, the API large
	r.emit("pull_request_review", login, event{"action": "submitted", "review": told, "pull_request": r.pullJSON(i)})
	return v, nil
}

func listReviews(c *call) (any, error) {
	return c.pullAnswer(func(i *issue) (any, error) {
		list := []reviewJSON{}
		for _, v := range i.pull.reviews {
			list = append(list, c.repo.reviewJSON(i, v))
		}
		return page(c, list), nil
	})
}

func createReview(c *call) (any, error) {
	var body struct {
		Body, Event string
		CommitID    string `json:"commit_id"`
		Comments    []struct {
			Path, Body string
			Position   int
			Line       int
			Side       string
		}
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.pullAnswer(func(i *issue) (any, error) {
		v, err := c.repo.review(c.login, i, body.Event, body.Body, body.CommitID)
		if err != nil {
			return nil, err
		}
		return c.repo.reviewJSON(i, v), nil
	})
}

func listReviewers(c *call) (any, error) {
	return c.pullAnswer(func(i *issue) (any, error) {
		return struct {
			Users []userJSON `json:"users"`
			Teams []teamJSON `json:"teams"`
		}{c.repo.usersJSON(i.pull.reviewers), c.repo.teamsJSON(i.pull.teams)}, nil
	})
}

type reviewersBody struct {
	Reviewers     []string
	TeamReviewers []string `json:"team_reviewers"`
}

// requestReviewers adds all that are named, or none if one of them may not review.
func requestReviewers(c *call) (any, error) {
	var body reviewersBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.pullAnswer(func(i *issue) (any, error) {
		for _, login := range body.Reviewers {
			if strings.EqualFold(login, i.author) {
				return nil, unprocessable("Review cannot be requested from pull request author.")
			}
			if !c.repo.isCollaborator(login) {
				return nil, unprocessable("Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the %s repository.", c.repo.FullName())
			}
		}
		for _, login := range body.Reviewers {
			if !slices.Contains(i.pull.reviewers, login) {
				i.pull.reviewers = append(i.pull.reviewers, login)
				c.repo.emitIssue(c.login, i, "review_requested", event{"requested_reviewer": c.server.userJSON(login)})
			}
		}
		i.pull.teams = append(i.pull.teams, body.TeamReviewers...)
		return c.repo.pullJSON(i), nil
	})
}

func unrequestReviewers(c *call) (any, error) {
	var body reviewersBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.pullAnswer(func(i *issue) (any, error) {
		p := i.pull
		for _, login := range body.Reviewers {
			if at := slices.Index(p.reviewers, login); at >= 0 {
				p.reviewers = slices.Delete(p.reviewers, at, at+1)
				c.repo.emitIssue(c.login, i, "review_request_removed", event{"requested_reviewer": c.server.userJSON(login)})
			}
		}
		p.teams = slices.DeleteFunc(p.teams, func(slug string) bool { return slices.Contains(body.TeamReviewers, slug) })
		return c.repo.pullJSON(i), nil
	})
}

// listReviewComments are those on lines of the changes, of which this GitHub has none.
func listReviewComments(c *call) (any, error) {
	return c.pullAnswer(func(*issue) (any, error) { return page(c, []struct{}{}), nil })
}

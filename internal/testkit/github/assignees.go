package github

import "slices"

type assigneesBody struct{ Assignees []string }

func addAssignees(c *call) (any, error) {
	var body assigneesBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.issue(func(i *issue) (any, error) {
		for _, login := range body.Assignees {
			// GitHub leaves out, without a word, whom it cannot assign.
			if c.repo.isCollaborator(login) && !slices.Contains(i.assignees, login) {
				i.assignees = append(i.assignees, login)
				c.repo.emitIssue(c.login, i, "assigned", event{"assignee": c.server.userJSON(login)})
			}
		}
		return c.repo.issueJSON(i), nil
	})
}

func removeAssignees(c *call) (any, error) {
	var body assigneesBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return c.issue(func(i *issue) (any, error) {
		for _, login := range body.Assignees {
			if at := slices.Index(i.assignees, login); at >= 0 {
				i.assignees = slices.Delete(i.assignees, at, at+1)
				c.repo.emitIssue(c.login, i, "unassigned", event{"assignee": c.server.userJSON(login)})
			}
		}
		return c.repo.issueJSON(i), nil
	})
}

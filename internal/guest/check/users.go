package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/guest"
)

// Users are users that exist.
type Users []User

// User is a user, and groups that it is in, among others.
type User struct {
	Name   string   `yaml:"name"`
	UID    *int     `yaml:"uid"`
	Groups []string `yaml:"groups"`
}

// Validate is part of Check.
func (u Users) Validate() error {
	if len(u) == 0 {
		return fmt.Errorf("names no user")
	}
	for _, user := range u {
		if !plain(user.Name) {
			return fmt.Errorf("%q is no name of a user", user.Name)
		}
		if len(user.Groups) > 0 {
			if err := eachPlain("group", user.Groups); err != nil {
				return fmt.Errorf("user %s: %w", user.Name, err)
			}
		}
	}
	return nil
}

// Check is part of Check.
func (u Users) Check(ctx context.Context, g guest.Guest) []string {
	var problems []string
	for _, user := range u {
		problems = append(problems, user.check(ctx, g)...)
	}
	return problems
}

func (u User) check(ctx context.Context, g guest.Guest) []string {
	out, err := g.Run(ctx, guest.Command{Args: []string{"id", "-u", u.Name}})
	if err != nil {
		return []string{unanswered([]string{"id"}, err).Error()}
	}
	if out.Code != 0 {
		return []string{"there is no user " + u.Name}
	}
	var problems []string
	if have := strings.TrimSpace(string(out.Stdout)); u.UID != nil && have != strconv.Itoa(*u.UID) {
		problems = append(problems, fmt.Sprintf("user %s is %s, want %d", u.Name, have, *u.UID))
	}
	if len(u.Groups) == 0 {
		return problems
	}
	groups, err := ask(ctx, g, "id", "-nG", u.Name)
	if err != nil {
		return append(problems, err.Error())
	}
	have := strings.Fields(groups)
	for _, group := range u.Groups {
		if !slices.Contains(have, group) {
			problems = append(problems, fmt.Sprintf("user %s is in %s, want it in %s too", u.Name, strings.Join(have, ", "), group))
		}
	}
	return problems
}

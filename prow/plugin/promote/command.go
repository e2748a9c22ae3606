package promote

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/prow/plugin/comment"
)

// The commands, by the name after the slash.
const (
	cmdPromote  = "promote"
	cmdApprove  = "approve-promotion"
	cmdRollback = "rollback"
	cmdHold     = "hold-promotion"
	cmdOverride = "override-freeze"
)

func isOurs(name string) bool {
	switch name {
	case cmdPromote, cmdApprove, cmdRollback, cmdHold, cmdOverride:
		return true
	}
	return false
}

// ours are the commands of a comment that are for this plugin.
func ours(body string) (all []comment.Command) {
	for _, c := range comment.Commands(body) {
		if isOurs(c.Name) {
			all = append(all, c)
		}
	}
	return all
}

// maxReason bounds what people give as a reason, in characters.
const maxReason = 200

var (
	wantForm = regexp.MustCompile(`^(\S+) to (\S+?)(?: as (v\S+))?$`)
	hashForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

var errHow = errors.New("say `/promote ARTIFACT to CHANNEL`, with ` as vX.Y.Z` where the channel requires a version, `/promote status` or `/promote cancel`")

// wanted reads what follows /promote: an artifact, or a train, and its channel.
func wanted(args string, c *channel.Config) (promotion.Order, error) {
	m := wantForm.FindStringSubmatch(args)
	if m == nil {
		return promotion.Order{}, errHow
	}
	name, to, version := m[1], m[2], m[3]
	if _, ok := c.Artifact(name); ok {
		return promotion.Order{Requests: []promotion.Request{{Channel: channel.Full(name, to), Version: version}}}, nil
	}
	for _, t := range c.Trains {
		if t.Name == name && t.Channel == to {
			return ofTrain(c, t, version)
		}
	}
	return promotion.Order{}, fmt.Errorf("there is no artifact `%s`, nor a train of the name that goes to `%s`; config/channels.yaml has them", plain(name), plain(to))
}

// ofTrain is all members of a train, with the version where one is required.
func ofTrain(c *channel.Config, t channel.Train, version string) (promotion.Order, error) {
	o := promotion.Order{Train: t.Name}
	for _, member := range t.Artifacts {
		_, ch, err := c.Channel(channel.Full(member, t.Channel))
		if err != nil {
			return o, err
		}
		r := promotion.Request{Channel: channel.Full(member, t.Channel)}
		if ch.Version != "" {
			r.Version = version
		}
		o.Requests = append(o.Requests, r)
	}
	return o, nil
}

// back reads what follows /rollback: a channel's full name, and a reason. What moves
// with a train goes back with it, as TRAIN/CHANNEL.
func back(args string, c *channel.Config) (promotion.Order, error) {
	full, rest, _ := strings.Cut(args, " ")
	name, to, ok := channel.Split(full)
	if !ok {
		return promotion.Order{}, errors.New("say `/rollback ARTIFACT/CHANNEL REASON`")
	}
	reason, err := reasonOf(rest)
	if err == nil && strings.Contains(reason, "$(") {
		err = errors.New("give a reason without `$(`, which Kubernetes replaces in the promoter's arguments")
	}
	o := promotion.Order{Why: reason, Requests: []promotion.Request{{Channel: full, Rollback: true}}}
	for _, t := range c.Trains {
		if t.Name == name && t.Channel == to {
			o.Train, o.Requests = t.Name, nil
			for _, member := range t.Artifacts {
				o.Requests = append(o.Requests, promotion.Request{Channel: channel.Full(member, to), Rollback: true})
			}
		}
	}
	return o, err
}

// reasonOf checks what somebody gave as a reason.
func reasonOf(args string) (string, error) {
	args = strings.TrimSpace(args)
	switch {
	case args == "":
		return "", errors.New("give a reason")
	case strings.Contains(args, "$"): // Kubernetes puts a container's environment for $(NAME) in its arguments
		return "", errors.New("leave the $ out of the reason")
	case utf8.RuneCountInString(args) > maxReason:
		return "", fmt.Errorf("give a reason of at most %d characters", maxReason)
	}
	return args, nil
}

// code is text of somebody else's as a code span, in which it calls nobody, links nowhere
// and hides nothing.
func code(text string) string {
	if text = plain(text); text == "" {
		text = " "
	}
	return "`" + text + "`"
}

// plain is text that ends no code span.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case r < ' ' || r == '|':
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 2*maxReason {
		return string(runes[:2*maxReason]) + "…"
	}
	return text
}

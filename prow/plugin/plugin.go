// Package plugin is the server of Slipway's external Prow plugins: it takes the
// webhooks that Prow's hook passes on, and gives each to the handlers that want it.
//
// hook sends an event once. It tries again when the connection fails, never on an
// answer, whatever its status; so an event is answered only when its handlers have
// done or recorded it, one that cannot be taken now waits on its connection, and one
// that comes again is known by its delivery GUID. What no handler wants is neither
// parsed nor kept.
package plugin

import (
	"context"

	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pluginhelp"
)

// Event is a webhook of GitHub whose signature is right.
type Event struct {
	Type    string // X-GitHub-Event: issue_comment, push ...
	GUID    string // X-GitHub-Delivery
	Payload []byte
}

// Handler is one plugin.
type Handler struct {
	Name   string
	Events []string // the types of events that it wants
	// Wanted is a cheap look at a payload; nil wants all. It must not say no to an event
	// that Accept would act on.
	Wanted func(payload []byte) bool
	// Accept returns when the event is done, or recorded so that it will be. An error is
	// logged and answered with 500; the event then counts as not seen, and GitHub's
	// "redeliver" gives it again.
	Accept func(ctx context.Context, e Event) error
	Help   func([]config.OrgRepo) (*pluginhelp.PluginHelp, error)
}

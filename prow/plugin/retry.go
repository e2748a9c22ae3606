package plugin

import (
	"context"
	"errors"
	"time"
)

// Again makes an Accept that tries again after each of the pauses, for a handler that
// may be run twice without harm. hook does not send an event again by itself.
func Again(accept func(context.Context, Event) error, pauses ...time.Duration) func(context.Context, Event) error {
	return func(ctx context.Context, e Event) error {
		err := accept(ctx, e)
		for _, pause := range pauses {
			if err == nil {
				return nil
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return errors.Join(err, context.Cause(ctx))
			}
			err = accept(ctx, e)
		}
		return err
	}
}

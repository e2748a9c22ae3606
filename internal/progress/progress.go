// Package progress says of things that take long that they are still at it.
package progress

import (
	"fmt"
	"time"
)

// Watch tells say every so often that what is still at it, until it is stopped.
// A nil say is nobody.
func Watch(every time.Duration, what string, say func(message string)) (stop func()) {
	if say == nil {
		return func() {}
	}
	start, ticker, done := time.Now(), time.NewTicker(every), make(chan struct{})
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				say(fmt.Sprintf("%s: still at it after %s", what, time.Since(start).Round(every)))
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

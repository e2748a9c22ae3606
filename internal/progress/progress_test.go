package progress

import (
	"strings"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	said := make(chan string, 100)
	stop := Watch(time.Millisecond, "waiting", func(message string) { said <- message })
	select {
	case message := <-said:
		if !strings.HasPrefix(message, "waiting: still at it after ") {
			t.Errorf("got %q", message)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was said")
	}
	stop()
}

func TestWatchTellsNobody(t *testing.T) {
	Watch(time.Nanosecond, "waiting", nil)()
}

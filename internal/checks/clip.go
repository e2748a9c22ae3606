package checks

import "fmt"

// MaxText bounds what one case of a report says; the whole is in a log.
const MaxText = 64 << 10

// Clip shortens text to about limit bytes: its beginning and its end, where causes
// and verdicts are, and in between how much is missing.
func Clip(text string, limit int) string {
	c := Clipped{Max: limit}
	_, _ = c.Write([]byte(text))
	return c.String()
}

// Clipped is a writer that keeps the first and the last half of Max bytes.
type Clipped struct {
	Max        int
	head, tail []byte
	lost       int
}

// Write keeps p, or what of it there is room for. It never fails.
func (c *Clipped) Write(p []byte) (int, error) {
	n := len(p)
	if room := c.Max/2 - len(c.head); room > 0 {
		take := min(room, len(p))
		c.head, p = append(c.head, p[:take]...), p[take:]
	}
	c.tail = append(c.tail, p...)
	if len(c.tail) > c.Max { // twice what is kept, so that bytes are moved seldom
		c.trim()
	}
	return n, nil
}

func (c *Clipped) trim() {
	if over := len(c.tail) - c.Max/2; over > 0 {
		c.lost += over
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
}

// String is what was kept, and how much was not.
func (c *Clipped) String() string {
	c.trim()
	if c.lost == 0 {
		return string(c.head) + string(c.tail)
	}
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", c.head, c.lost, c.tail)
}

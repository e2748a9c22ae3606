package check

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/guest"
)

// Sockets are Unix sockets that somebody listens at. A name that begins with @ is
// abstract. A socket's file alone, left by a program that is gone, does not count.
type Sockets []string

// Validate is part of Check.
func (s Sockets) Validate() error {
	if err := eachPlain("socket", s); err != nil {
		return err
	}
	for _, name := range s {
		if name[0] != '/' && name[0] != '@' {
			return fmt.Errorf("socket %q: want a path that begins with /, or an abstract name with @", name)
		}
	}
	return nil
}

// Check is part of Check.
func (s Sockets) Check(ctx context.Context, g guest.Guest) []string {
	out, err := ask(ctx, g, "cat", "/proc/net/unix")
	if err != nil {
		return []string{err.Error()}
	}
	open := listening(out)
	var problems []string
	for _, name := range s {
		if !open[name] {
			problems = append(problems, "nobody listens at "+name)
		}
	}
	return problems
}

const (
	acceptsConnections = 0x10000 // __SO_ACCEPTCON of a socket that listens
	datagram           = 2       // SOCK_DGRAM, which has no connections: to be bound is to listen
)

// listening reads /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path.
func listening(table string) map[string]bool {
	open := map[string]bool{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		flags, flagsErr := strconv.ParseUint(fields[3], 16, 64)
		kind, kindErr := strconv.ParseUint(fields[4], 16, 64)
		if flagsErr == nil && kindErr == nil && (flags&acceptsConnections != 0 || kind == datagram) {
			open[fields[7]] = true
		}
	}
	return open
}

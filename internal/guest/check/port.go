package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/guest"
)

// Port is a TCP port of the guest that is open, or is closed. From outside it is
// connected to. From inside it is looked up among what listens, on whatever address.
type Port struct {
	Number int      `yaml:"number"`
	From   string   `yaml:"from"`   // outside or inside
	Closed bool     `yaml:"closed"` // it must be
	Send   string   `yaml:"send"`   // said to the server first
	Banner *Pattern `yaml:"banner"` // what the server says
}

// Validate is part of Check.
func (p *Port) Validate() error {
	switch {
	case p.Number < 1 || p.Number > 65535:
		return fmt.Errorf("port: number %d: want 1 to 65535", p.Number)
	case p.From != "outside" && p.From != "inside":
		return fmt.Errorf("port %d: from %q: want outside or inside", p.Number, p.From)
	case p.Banner != nil && (p.Closed || p.From == "inside"):
		return fmt.Errorf("port %d: a banner is seen from outside, at a port that is open; from inside, run a client", p.Number)
	case p.Send != "" && p.Banner == nil:
		return fmt.Errorf("port %d: send without banner: say what the answer is to be", p.Number)
	}
	return nil
}

// Check is part of Check.
func (p *Port) Check(ctx context.Context, g guest.Guest) []string {
	look := p.outside
	if p.From == "inside" {
		look = p.inside
	}
	closed, err := look(ctx, g)
	switch {
	case err != nil:
		return []string{fmt.Sprintf("port %d from %s: %v", p.Number, p.From, err)}
	case closed == "" && p.Closed:
		return []string{fmt.Sprintf("port %d is open from %s, want it closed", p.Number, p.From)}
	case closed != "" && !p.Closed:
		return []string{fmt.Sprintf("port %d is closed from %s (%s), want it open", p.Number, p.From, closed)}
	}
	return nil
}

// quiet is how long a server that is connected to may say nothing until it counts as
// open. The network that QEMU gives a guest takes every connection itself and closes it
// when it learns that the guest refuses, so to be connected says nothing yet.
const quiet = time.Second

// outside connects to the port. closed is how it refused, or "".
func (p *Port) outside(ctx context.Context, g guest.Guest) (closed string, err error) {
	conn, err := g.Dial(ctx, p.Number)
	if err != nil {
		return refused(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if p.Banner != nil {
		return "", p.converse(ctx, conn)
	}
	if err := conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
		return "", err
	}
	n, err := conn.Read(make([]byte, 1))
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case n > 0 || errors.Is(err, os.ErrDeadlineExceeded):
		return "", nil
	default:
		return "the connection was closed at once", nil
	}
}

// refused says whether err means that the port is closed. Any other error says nothing
// of the port, and so lets no test pass that wants it closed.
func refused(ctx context.Context, err error) (closed string, _ error) {
	if ctx.Err() == nil && (errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EHOSTUNREACH)) {
		return err.Error(), nil
	}
	return "", err
}

// converse says what is to be said, and reads until the answer is what is wanted.
func (p *Port) converse(ctx context.Context, conn net.Conn) error {
	if _, err := io.WriteString(conn, p.Send); err != nil {
		return fmt.Errorf("say something to the server: %w", err)
	}
	if problem := p.read(ctx, conn); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// read takes what the server says until it is what is wanted, or it says no more.
func (p *Port) read(ctx context.Context, conn net.Conn) string {
	var said []byte
	buffer := make([]byte, 4<<10)
	for len(said) < 64<<10 {
		n, err := conn.Read(buffer)
		said = append(said, buffer[:n]...)
		if p.Banner.Match(said) {
			return ""
		}
		if err != nil {
			problem := p.Banner.mismatch("what the server says", said)
			if ctx.Err() != nil {
				problem += ": " + context.Cause(ctx).Error()
			}
			return problem
		}
	}
	return p.Banner.mismatch("what the server says", said)
}

func (p *Port) inside(ctx context.Context, g guest.Guest) (closed string, err error) {
	// A guest without IPv6 has the first file only, which cat tells by its exit code.
	args := []string{"cat", "/proc/net/tcp", "/proc/net/tcp6"}
	out, err := g.Run(ctx, guest.Command{Args: args})
	switch {
	case err != nil:
		return "", unanswered(args, err)
	case len(out.Stdout) == 0:
		return "", fmt.Errorf("read /proc/net/tcp: %s", quote(out.Stderr))
	case !listens(string(out.Stdout), p.Number):
		return "nobody listens at it", nil
	}
	return "", nil
}

// listens reads /proc/net/tcp: sl local_address rem_address st ..., in hexadecimal; 0A listens.
func listens(table string, port int) bool {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		_, text, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(text, 16, 16); err == nil && int(n) == port {
			return true
		}
	}
	return false
}

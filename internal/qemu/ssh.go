package qemu

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"slipway.dev/slipway/internal/guest"
)

// identity is who we are to a guest's SSH server. The key is made for one machine and
// those that come from it, and lives as long.
type identity struct {
	user   string
	signer ssh.Signer
	key    ed25519.PrivateKey
}

func newIdentity(user string) (*identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for the guest: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a key for the guest: %w", err)
	}
	return &identity{user: user, signer: signer, key: key}, nil
}

// authorized is the public key as a line of authorized_keys.
func (i *identity) authorized() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(i.signer.PublicKey()))) + " slipway"
}

// private is the key as OpenSSH's client reads it.
func (i *identity) private() ([]byte, error) {
	block, err := ssh.MarshalPrivateKey(i.key, "slipway")
	if err != nil {
		return nil, fmt.Errorf("write the guest's key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// How long the guest's SSH server may take: to say its first word, which grows with each
// attempt, since a connection that began before the server did may never be heard; and
// to let us in.
const (
	firstBanner, longestBanner = time.Second, 8 * time.Second
	handshake                  = 30 * time.Second
	betweenAttempts            = 100 * time.Millisecond
)

// dialSSH tries until the guest lets us in.
func (m *Machine) dialSSH(ctx context.Context) (*ssh.Client, error) {
	port, err := m.Forward(ctx, sshGuestPort)
	if err != nil {
		return nil, err
	}
	banner := firstBanner
	for {
		client, err := m.trySSH(ctx, port, banner)
		if err == nil {
			return client, nil
		}
		banner = min(banner*3/2, longestBanner)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w; at last: %w", context.Cause(ctx), err)
		case <-time.After(betweenAttempts):
		}
	}
}

func (m *Machine) trySSH(ctx context.Context, port int, banner time.Duration) (*ssh.Client, error) {
	known := m.callback() // of the boot that goes on before we connect
	dialer := net.Dialer{Timeout: banner}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	heard := &patient{Conn: conn}
	err = conn.SetDeadline(time.Now().Add(banner))
	if err == nil {
		heard.first = func() { _ = conn.SetDeadline(time.Now().Add(handshake)) }
		var c ssh.Conn
		var channels <-chan ssh.NewChannel
		var requests <-chan *ssh.Request
		c, channels, requests, err = ssh.NewClientConn(heard, "guest", &ssh.ClientConfig{
			User: m.identity.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(m.identity.signer)}, HostKeyCallback: known,
		})
		if err == nil {
			err = conn.SetDeadline(time.Time{})
			return ssh.NewClient(c, channels, requests), err
		}
	}
	_ = conn.Close()
	return nil, err
}

// patient tells of the first bytes that arrive.
type patient struct {
	net.Conn
	first func()
}

func (p *patient) Read(data []byte) (int, error) {
	n, err := p.Conn.Read(data)
	if n > 0 && p.first != nil {
		p.first()
		p.first = nil
	}
	return n, err
}

// noProgram is how the guest's shell says that there is no such program: exit code 127
// alone may be the program's own.
const noProgram = "slipway-guest-has-no-such-program"

// overSSH runs a program through the guest's shell.
func overSSH(ctx context.Context, client *ssh.Client, c guest.Command) (guest.Output, error) {
	session, err := client.NewSession()
	if err != nil {
		return guest.Output{}, fmt.Errorf("run %s over SSH: %w", c.Args[0], err)
	}
	defer func() { _ = session.Close() }() // it is closed already if the program ended
	stop := context.AfterFunc(ctx, func() {
		_ = session.Signal(ssh.SIGKILL)
		_ = session.Close()
	})
	defer stop()
	stdout, stderr := &limited{}, &limited{}
	session.Stdin, session.Stdout, session.Stderr = bytes.NewReader(c.Stdin), stdout, stderr
	err = session.Run(shellLine(c.Args))
	if cause := context.Cause(ctx); cause != nil {
		return guest.Output{}, fmt.Errorf("run %s over SSH: %w", c.Args[0], cause)
	}
	out := guest.Output{Stdout: stdout.data, Stderr: stderr.data}
	exit, exited := errors.AsType[*ssh.ExitError](err)
	switch {
	case err == nil:
		return out, nil
	case !exited:
		return guest.Output{}, fmt.Errorf("run %s over SSH: %w", c.Args[0], err)
	case exit.ExitStatus() == 127 && strings.TrimSpace(string(stderr.data)) == noProgram:
		return guest.Output{}, fmt.Errorf("run %s: %w", c.Args[0], guest.ErrNoProgram)
	}
	out.Code = exit.ExitStatus()
	return out, nil
}

// shellLine is a command for a POSIX shell that becomes the program.
func shellLine(args []string) string {
	program := quote(args[0])
	line := "command -v " + program + " >/dev/null || { echo " + noProgram + " >&2; exit 127; }; exec"
	for _, arg := range args {
		line += " " + quote(arg)
	}
	return line
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// limited keeps the beginning of an output.
type limited struct{ data []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.data = append(l.data, p[:min(len(p), guest.MaxOutput-len(l.data))]...)
	return len(p), nil
}

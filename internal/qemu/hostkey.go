package qemu

import (
	"bytes"
	"errors"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// hostKey is the key that a guest's SSH server showed first. It holds for one boot: a
// guest that keeps nothing has another key after each, and the port that leads to it is
// QEMU's own, so nobody else can answer there.
type hostKey struct {
	mu   sync.Mutex
	boot <-chan struct{} // closed when the boot is over
	key  []byte
}

var errOtherKey = errors.New("the guest's SSH server shows another key than before")

// check takes the first key of a boot, and no other after it.
func (h *hostKey) check(boot <-chan struct{}, key ssh.PublicKey) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-boot: // what is still heard of it says nothing of the next one
		return errReset
	default:
	}
	if h.boot != boot {
		h.boot, h.key = boot, key.Marshal()
	}
	if !bytes.Equal(h.key, key.Marshal()) {
		return errOtherKey
	}
	return nil
}

// inherit takes the key that another machine's boot has, which goes on in this one.
func (h *hostKey) inherit(from *hostKey, boot <-chan struct{}) {
	from.mu.Lock()
	defer from.mu.Unlock()
	if from.key != nil {
		h.boot, h.key = boot, from.key
	}
}

// callback checks the key of the boot that goes on now.
func (m *Machine) callback() ssh.HostKeyCallback {
	boot := m.boots.nextReset()
	return func(_ string, _ net.Addr, key ssh.PublicKey) error { return m.host.check(boot, key) }
}

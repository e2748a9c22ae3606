package gitrefs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/version"
)

// errNotV2 is a server that does not speak protocol version 2.
var errNotV2 = errors.New("server does not speak git protocol version 2")

// pktKind tells data packets from the markers between them.
type pktKind int

const (
	pktData pktKind = iota
	pktFlush
	pktOther // delimiter or end of response
)

// readPkt reads one packet: four hexadecimal digits that count themselves, then data.
func readPkt(r io.Reader) (string, pktKind, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("packet length %q is no hexadecimal number", head)
	case n == 0:
		return "", pktFlush, nil
	case n < 3:
		return "", pktOther, nil
	case n == 3:
		return "", 0, fmt.Errorf("packet length %q is not allowed", head)
	}
	data := make([]byte, n-4)
	if _, err := io.ReadFull(r, data); err != nil {
		return "", 0, fmt.Errorf("read packet of %d bytes: %w", n, err)
	}
	return strings.TrimSuffix(string(data), "\n"), pktData, nil
}

func writePkt(w *bytes.Buffer, line string) {
	fmt.Fprintf(w, "%04x%s\n", len(line)+5, line)
}

// lsRefsRequest asks for the refs below prefixes, with annotated tags peeled.
func lsRefsRequest(prefixes []string) []byte {
	var b bytes.Buffer
	writePkt(&b, "command=ls-refs")
	b.WriteString("0001")
	writePkt(&b, "peel")
	for _, p := range prefixes {
		writePkt(&b, "ref-prefix "+p)
	}
	b.WriteString("0000")
	return b.Bytes()
}

// readGreeting reads what a server says first, up to its end, and insists on version 2.
func readGreeting(r io.Reader) error {
	line, kind, err := readPkt(r)
	if strings.HasPrefix(line, "# service=") { // some servers say so over HTTP
		if _, kind, err = readPkt(r); err == nil && kind == pktFlush {
			line, kind, err = readPkt(r)
		}
	}
	if err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	if kind != pktData || line != "version 2" {
		return errNotV2
	}
	for kind != pktFlush {
		if _, kind, err = readPkt(r); err != nil {
			return fmt.Errorf("read greeting: %w", err)
		}
	}
	return nil
}

// readRefs reads the answer to ls-refs, up to its flush packet. An answer without
// one was cut short, and is an error.
func readRefs(r io.Reader) ([]version.Ref, error) {
	r = bufio.NewReader(r)
	var refs []version.Ref
	for {
		line, kind, err := readPkt(r)
		if err != nil {
			return nil, fmt.Errorf("read refs: %w", err)
		}
		if kind == pktFlush {
			return refs, nil
		}
		ref, err := parseRef(line)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
}

// parseRef reads "<object> <name>[ peeled:<object>]".
func parseRef(line string) (version.Ref, error) {
	fields := strings.Split(line, " ")
	if len(fields) < 2 {
		return version.Ref{}, fmt.Errorf("server answered ls-refs with %q", line)
	}
	ref := version.Ref{Name: fields[1], Object: fields[0], Peeled: fields[0]}
	for _, attribute := range fields[2:] {
		if peeled, ok := strings.CutPrefix(attribute, "peeled:"); ok {
			ref.Peeled = peeled
		}
	}
	return ref, nil
}

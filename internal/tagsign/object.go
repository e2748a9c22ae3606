package tagsign

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"time"
)

// maxObject bounds a tag object: a message for people and one signature.
const maxObject = 1 << 20

// format is the kind of keys that made a signature.
type format string

const (
	unsigned format = ""
	openPGP  format = "OpenPGP"
	sshFile  format = "SSH"
)

// object is a tag object taken apart.
type object struct {
	hash   string // of the whole object, as git names it
	commit string
	name   string    // the name that the signature covers
	tagged time.Time // the tagger's time, which the signature covers
	format format
	signed []byte // what the signature covers
	block  []byte // the armored signature, to the object's end
}

// header is all that a tag object may have before its message.
var header = regexp.MustCompile(`\Aobject ([0-9a-f]{40}|[0-9a-f]{64})\ntype ([a-z]+)\ntag ([^\r\n]+)\n` +
	`tagger [^\r\n<>]*<[^\r\n<>]*> ([0-9]{1,11}) [+-][0-9]{4}\n\n`)

// parse reads a tag object strictly: git itself overlooks more than a signature may.
func parse(raw []byte) (object, error) {
	if len(raw) > maxObject {
		return object{}, fmt.Errorf("the object has %d bytes; a tag has %d at most", len(raw), maxObject)
	}
	m := header.FindSubmatch(raw)
	if m == nil || bytes.IndexByte(raw, 0) >= 0 {
		return object{}, errors.New("the object does not have the form of a tag: object, type, tag, tagger, an empty line, a message")
	}
	if kind := string(m[2]); kind != "commit" {
		return object{}, fmt.Errorf("it tags a %s; tag a commit itself", kind)
	}
	seconds, err := strconv.ParseInt(string(m[4]), 10, 64)
	if err != nil {
		return object{}, fmt.Errorf("read the tagger's time: %w", err)
	}
	o := object{commit: string(m[1]), name: string(m[3]), tagged: time.Unix(seconds, 0).UTC()}
	o.hash = hashLike(o.commit, "tag", raw)
	return o, o.split(raw, len(m[0]))
}

// starts are how the first line of a signature begins, in git's eyes.
var starts = []struct {
	line   string
	format format
}{
	{"-----BEGIN PGP SIGNATURE-----", openPGP},
	{"-----BEGIN PGP MESSAGE-----", openPGP},
	{"-----BEGIN SSH SIGNATURE-----", sshFile},
	{"-----BEGIN SIGNED MESSAGE-----", "X.509"},
}

// split parts the object where its signature begins. That is at the last such line,
// as git has it: a message may well speak of signatures.
func (o *object) split(raw []byte, message int) error {
	at := len(raw)
	for start := message; start < len(raw); {
		for _, s := range starts {
			if bytes.HasPrefix(raw[start:], []byte(s.line)) {
				at, o.format = start, s.format
			}
		}
		next := bytes.IndexByte(raw[start:], '\n')
		if next < 0 {
			return errors.New("the object's last line does not end")
		}
		start += next + 1
	}
	o.signed, o.block = raw[:at], raw[at:]
	return nil
}

// hashLike is git's hash of an object, by the algorithm that the hash like is of.
func hashLike(like, kind string, raw []byte) string {
	var h hash.Hash
	if len(like) == 2*sha256.Size {
		h = sha256.New()
	} else {
		h = sha1.New()
	}
	_, _ = fmt.Fprintf(h, "%s %d\x00", kind, len(raw))
	_, _ = h.Write(raw)
	return hex.EncodeToString(h.Sum(nil))
}

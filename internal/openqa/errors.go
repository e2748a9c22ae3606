package openqa

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// What may be wrong with an openQA, or the way to it. None of it is a test's failure.
var (
	ErrDown    = errors.New("openQA does not answer")
	ErrBusy    = errors.New("openQA is too busy, or broken")
	ErrTLS     = errors.New("openQA's certificate is not trusted")
	ErrKey     = errors.New("openQA refuses the key")
	ErrClock   = errors.New("this machine's clock and openQA's differ")
	ErrRubbish = errors.New("the answer is none of openQA's")
	ErrAbsent  = errors.New("openQA does not have it")
	ErrRefused = errors.New("openQA refuses it")
)

// Error is a request that did not get what it asked for.
type Error struct {
	Do     string // what was asked, as in "cancel job 12"
	Host   string
	Status int    // of HTTP; 0 if there was no answer
	Said   string // by openQA or the library, without secrets
	Cure   string
	Err    error // one of the errors above
	cause  error // the library's

	retryAfter time.Duration // that openQA asked for
}

func (e *Error) Error() string {
	text := e.Do + " at " + e.Host + ": " + e.Err.Error()
	if e.Status != 0 && e.Status != http.StatusOK {
		text += fmt.Sprintf(" (%d %s)", e.Status, http.StatusText(e.Status))
	}
	if e.Said != "" {
		text += ": " + e.Said
	}
	if e.Cure != "" {
		text += "; " + e.Cure
	}
	return text
}

func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.cause}
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// passing says whether the same request may succeed a little later.
func (e *Error) passing() bool { return e.Err == ErrDown || e.Err == ErrBusy } //nolint:errorlint // the field is one of ours

// away says whether openQA answered nothing of use for as long as it was waited for.
func away(err error) bool {
	e := asError(err)
	return e != nil && e.passing()
}

// explainLost words a request that got no answer, or not all of it.
func explainLost(err error) *Error {
	var (
		unknown   x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		failed    *tls.CertificateVerificationError
		plain     tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &unknown), errors.As(err, &wrongName), errors.As(err, &invalid), errors.As(err, &failed):
		return &Error{Err: ErrTLS, cause: err, Said: err.Error(), Cure: "name the file of its authority in $SSL_CERT_FILE, or the host by the name that the certificate has"}
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return &Error{Err: ErrTLS, cause: err, Said: "it speaks no TLS", Cure: "write http:// if it is meant to be without"}
	}
	return &Error{Err: ErrDown, cause: err, Said: err.Error(), Cure: "look whether it is up and can be reached from here"}
}

// Skew is how far clocks may differ: openQA takes no request that is older.
const Skew = 5 * time.Minute

// explainStatus words an answer that is no success. server is the time by the answer's
// own clock, if it tells; client is this machine's.
func explainStatus(status int, header http.Header, body []byte, client time.Time) *Error {
	said := saidIn(body)
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return explainRefusal(said, header, client)
	case status == http.StatusNotFound:
		return &Error{Err: ErrAbsent}
	case status == http.StatusTooManyRequests || status >= 500:
		return &Error{Err: ErrBusy, Said: said, Cure: "try again later", retryAfter: retryAfter(header.Get("Retry-After"), client)}
	case status >= 300 && status < 400:
		return &Error{Err: ErrRefused, Said: "it points to " + clip(redactURL(header.Get("Location"))), Cure: "name that host, if it is the openQA that you mean"}
	}
	return &Error{Err: ErrRefused, Said: said}
}

// explainRefusal tells a clock from a key: openQA answers 403 to both.
func explainRefusal(said string, header http.Header, client time.Time) *Error {
	server, err := http.ParseTime(header.Get("Date"))
	if err == nil {
		if by := client.Sub(server); by.Abs() > Skew {
			direction := "ahead"
			if by < 0 {
				direction = "behind"
			}
			return &Error{Err: ErrClock, Said: fmt.Sprintf("this one is %s %s", by.Abs().Round(time.Second), direction), Cure: "set the clock; five minutes are let through"}
		}
	}
	cure := "look at its page of API keys, and give key and secret as they are there"
	switch {
	case strings.Contains(said, "timestamp"):
		cure = "its clock and this machine's may differ; compare them"
	case strings.Contains(said, "expired"):
		cure = "make a new one on its page of API keys"
	case strings.Contains(said, "secret"):
		cure = "the key is known, and its secret is another; copy it again from the page of API keys"
	case strings.Contains(said, "level required"):
		cure = "its user must be an operator; an administrator of that openQA can say so"
	}
	return &Error{Err: ErrKey, Said: said, Cure: cure}
}

// saidIn is the reason in an answer: openQA's own, or the beginning of whatever it is.
func saidIn(body []byte) string {
	var answer struct {
		Error any `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error != nil {
		return clip(fmt.Sprint(answer.Error))
	}
	return clip(string(body))
}

// retryAfter reads seconds, or a time.
func retryAfter(text string, now time.Time) time.Duration {
	if d, err := time.ParseDuration(text + "s"); err == nil && d > 0 {
		return d
	}
	if t, err := http.ParseTime(text); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// clip makes one short line of a text.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return text
}

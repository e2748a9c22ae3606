package registry

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Fault is a way in which a registry answers wrongly.
type Fault string

// The faults. Reset, Lost, Busy, Broken and Stall happen to any request.
const (
	Broken      Fault = "500"
	Busy        Fault = "429"          // with Retry-After
	Reset       Fault = "reset"        // of the connection, before the registry sees the request
	Lost        Fault = "lost answer"  // the registry does what it is asked, and the connection is reset
	Stall       Fault = "stall"        // no answer ever
	Truncate    Fault = "truncate"     // half of what a GET gives, under the length of the whole
	WrongBytes  Fault = "wrong bytes"  // one bit of a manifest or blob that a GET gives
	WrongDigest Fault = "wrong digest" // in the header that belongs to a manifest
)

// Faults are all of them.
func Faults() []Fault {
	return []Fault{Broken, Busy, Reset, Lost, Stall, Truncate, WrongBytes, WrongDigest}
}

// Breakage says which requests go wrong, and how.
type Breakage struct {
	Seed   uint64
	Share  float64                  // of the requests, 0 to 1
	Faults []Fault                  // among which one is drawn; nil is all
	Match  func(*http.Request) bool // only these requests; nil is all
	Status int                      // if not 0: every matching request is answered so, and no fault is drawn
}

// dice draws the faults of requests in the order in which they come.
type dice struct {
	Breakage
	random *rand.Rand
}

func (b Breakage) dice() *dice {
	if b.Faults == nil {
		b.Faults = Faults()
	}
	return &dice{Breakage: b, random: rand.New(rand.NewPCG(b.Seed, 0))}
}

// roll draws a request's fault among those that can happen to it.
func (d *dice) roll(r *http.Request) Fault {
	if d.Match != nil && !d.Match(r) {
		return ""
	}
	if d.Status != 0 {
		return Fault(strconv.Itoa(d.Status))
	}
	var possible []Fault
	for _, fault := range d.Faults {
		if fault.fits(r) {
			possible = append(possible, fault)
		}
	}
	if d.random.Float64() >= d.Share || len(possible) == 0 {
		return ""
	}
	return possible[d.random.IntN(len(possible))]
}

func (f Fault) fits(r *http.Request) bool {
	manifest := strings.Contains(r.URL.Path, "/manifests/")
	switch f {
	case Truncate:
		return r.Method == http.MethodGet && r.URL.Path != "/v2/"
	case WrongBytes:
		return r.Method == http.MethodGet && (manifest || strings.Contains(r.URL.Path, "/blobs/"))
	case WrongDigest:
		return manifest
	default:
		return true
	}
}

// instead says whether the registry never sees the request.
func (f Fault) instead() bool {
	switch f {
	case "", Lost, Truncate, WrongBytes, WrongDigest:
		return false
	default:
		return true
	}
}

// refuse answers instead of the registry.
func (p *Proxy) refuse(fault Fault, w http.ResponseWriter, r *http.Request) {
	switch fault {
	case Reset:
		reset(w)
	case Stall:
		select { // the server does not see a client go that has still to send
		case <-r.Context().Done():
		case <-p.ended:
		}
		panic(http.ErrAbortHandler)
	case Busy:
		w.Header().Set("Retry-After", "0")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	default:
		status, err := strconv.Atoi(string(fault))
		if err != nil {
			status = http.StatusInternalServerError
		}
		http.Error(w, http.StatusText(status), status)
	}
}

// reset ends a connection without the goodbye of TCP.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

var errLost = errors.New("the answer is lost")

// spoil changes what the registry answered.
func (f Fault) spoil(response *http.Response) error {
	switch f {
	case Lost:
		return errLost
	case WrongDigest:
		if digest := response.Header.Get("Docker-Content-Digest"); digest != "" {
			response.Header.Set("Docker-Content-Digest", otherDigest(digest))
		}
	case Truncate, WrongBytes:
		if response.StatusCode != http.StatusOK {
			return nil
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		response.Body = io.NopCloser(f.spoiled(body))
		response.ContentLength = int64(len(body))
		response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return nil
}

func (f Fault) spoiled(body []byte) io.Reader {
	middle := len(body) / 2
	if f == Truncate {
		return io.MultiReader(bytes.NewReader(body[:middle]), failing{})
	}
	if len(body) > 0 {
		body[middle] ^= 1
	}
	return bytes.NewReader(body)
}

// otherDigest is as good as digest, but another.
func otherDigest(digest string) string {
	last := "0"
	if strings.HasSuffix(digest, last) {
		last = "1"
	}
	return digest[:len(digest)-1] + last
}

// failing is the end of an answer that is cut.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errLost }

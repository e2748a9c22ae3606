package plugin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/semaphore"
	"sigs.k8s.io/prow/pkg/pluginhelp/externalplugins"
)

// Config is what a server is made of.
type Config struct {
	Handlers []Handler
	Secret   *Secret
	Log      *logrus.Entry
	Metrics  *prometheus.Registry // nil is one of the server's own

	InFlight int           // events that handlers work on at a time; 0 is 32
	Memory   int64         // bytes of payloads at a time; 0 is 64 MiB
	Remember int           // deliveries; 0 is 10,000
	Accept   time.Duration // how long a handler may take; 0 is 10 minutes
	Drain    time.Duration // how long what is under way may take after the end; 0 is 25 s
}

// Server takes webhooks. It is an http.Handler; Run serves it.
type Server struct {
	config  Config
	mux     *http.ServeMux
	wanted  map[string][]*Handler // by type of event
	seen    *seen
	metrics *metrics
	slots   chan struct{}
	memory  *semaphore.Weighted
	buffers sync.Pool
	ready   readiness

	ctx  context.Context // of every handler: ends when draining takes too long
	stop context.CancelCauseFunc
}

// New makes a server.
func New(c Config) (*Server, error) {
	if c.Secret == nil || c.Log == nil {
		return nil, errors.New("make a plugin server: it needs a secret and a log")
	}
	c.InFlight, c.Remember = cmp.Or(c.InFlight, 32), cmp.Or(c.Remember, 10_000)
	c.Accept, c.Drain = cmp.Or(c.Accept, 10*time.Minute), cmp.Or(c.Drain, 25*time.Second)
	c.Memory = max(cmp.Or(c.Memory, 64<<20), maxBody) // or the largest would wait for ever
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, fmt.Errorf("make a plugin server: %w", err)
	}
	s := &Server{
		config: c, mux: http.NewServeMux(), wanted: map[string][]*Handler{}, seen: newSeen(c.Remember), metrics: m,
		slots: make(chan struct{}, c.InFlight), memory: semaphore.NewWeighted(c.Memory),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.register()
	return s, nil
}

func (s *Server) register() {
	for i := range s.config.Handlers {
		h := &s.config.Handlers[i]
		for _, kind := range h.Events {
			s.wanted[kind] = append(s.wanted[kind], h)
		}
	}
	s.mux.HandleFunc("/", s.webhook)
	help := http.NewServeMux()
	externalplugins.ServeExternalPluginHelp(help, s.config.Log, s.help)
	s.mux.Handle("/help", http.MaxBytesHandler(help, 1<<20))
}

// ServeHTTP takes a webhook, or a question for help.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	err := s.receive(w, r)
	refused, ok := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		_, _ = io.WriteString(w, "Received.\n")
	case ok:
		s.refused(r, refused)
		http.Error(w, refused.reason, refused.status)
	default:
		http.Error(w, "the event was not accepted; the plugin's log says why, and \"redeliver\" at the webhook's settings gives it again", http.StatusInternalServerError)
	}
}

// refused says what was not taken: hook does not send it again. One that was lost may
// have a wrong signature too, if the sender left before it was read.
func (s *Server) refused(r *http.Request, why *refusal) {
	kind, guid := r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery")
	if why.status == http.StatusServiceUnavailable {
		s.metrics.event(s.kind(kind), "", resultLost)
	} else {
		s.metrics.event("", "", resultRefused)
	}
	s.config.Log.WithFields(logrus.Fields{"status": why.status, "event-type": fmt.Sprintf("%.100s", kind), "event-GUID": fmt.Sprintf("%.100s", guid)}).Warnf("A webhook was not taken: %s.", why.reason)
}

// receive returns when the event is accepted by all who want it.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) error {
	e, err := open(r)
	if err != nil {
		return err
	}
	keys, handlers := s.config.Secret.current(), s.wanted[e.Type]
	if len(handlers) == 0 {
		if err := e.read(w, r, keys, nil); err != nil {
			return err
		}
		s.metrics.event(s.kind(e.Type), "", resultIgnored)
		return nil
	}
	release, err := s.room(r.Context(), r.ContentLength)
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "the sender left while the server was busy")
	}
	defer release()
	return s.take(w, r, e, keys, handlers)
}

// take reads a payload that some handler may want.
func (s *Server) take(w http.ResponseWriter, r *http.Request, e *envelope, k *keys, handlers []*Handler) error {
	buffer := s.buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	if err := e.read(w, r, k, buffer); err != nil {
		s.put(buffer)
		return err
	}
	handlers = slices.DeleteFunc(slices.Clone(handlers), func(h *Handler) bool { return h.Wanted != nil && !h.Wanted(e.Payload) })
	if len(handlers) == 0 {
		s.put(buffer)
		s.metrics.event(s.kind(e.Type), "", resultIgnored)
		return nil
	}
	// A handler may keep the payload, so the buffer is not used again.
	if err := e.inScope(k); err != nil {
		return err
	}
	return s.accept(r.Context(), e, handlers)
}

// put keeps a buffer for the next payload, unless it was a large one.
func (s *Server) put(buffer *bytes.Buffer) {
	if buffer.Cap() <= 256<<10 {
		s.buffers.Put(buffer)
	}
}

// kind is a type of event as metrics name it: of those that nobody wants GitHub has many.
func (s *Server) kind(name string) string {
	if s.wanted[name] == nil {
		return "other"
	}
	return name
}

// accept gives the event to its handlers, once there is a free slot. It waits as long
// as the sender does: hook would not send it again.
func (s *Server) accept(sender context.Context, e *envelope, handlers []*Handler) error {
	s.metrics.waiting.Inc()
	select {
	case s.slots <- struct{}{}:
		s.metrics.waiting.Dec()
	case <-sender.Done():
		s.metrics.waiting.Dec()
		return refuse(http.StatusServiceUnavailable, "the sender left while the server was busy")
	}
	defer func() { <-s.slots }()
	s.metrics.running.Inc()
	defer s.metrics.running.Dec()
	var errs []error
	for _, h := range handlers {
		errs = append(errs, s.give(h, e))
	}
	return errors.Join(errs...)
}

// give runs one handler. Its context is not the request's: a sender that breaks off
// must not leave the work half done.
func (s *Server) give(h *Handler, e *envelope) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.config.Accept)
	defer cancel()
	begin := time.Now()
	first, err := s.seen.once(ctx, delivery{h.Name, e.GUID, string(e.mac)}, func() error { return guarded(ctx, h, e.Event) })
	result := resultAccepted
	switch {
	case err != nil:
		result = resultFailed
		s.config.Log.WithError(err).WithFields(logrus.Fields{"plugin": h.Name, "event-type": e.Type, "event-GUID": e.GUID}).Error("An event was not accepted.")
	case !first:
		result = resultDuplicate
	}
	s.metrics.event(e.Type, h.Name, result)
	s.metrics.took(h.Name, begin)
	return err
}

// guarded turns a handler's panic into its error: the others' events go on.
func guarded(ctx context.Context, h *Handler, e Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s panicked: %v\n%s", h.Name, r, debug.Stack())
		}
	}()
	return h.Accept(ctx, e)
}

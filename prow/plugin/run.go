package plugin

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
)

// Listeners are where a server is reached. Each is open before anything is said to be
// ready, so that an address in use is an error at the start.
type Listeners struct {
	Webhooks net.Listener
	Health   net.Listener // /healthz and /healthz/ready; nil is none
	Metrics  net.Listener // /metrics; nil is none
}

// Listen opens addresses; an empty one is none.
func Listen(webhooks, health, metrics string) (l Listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, at := range []struct {
		address string
		to      *net.Listener
	}{{webhooks, &l.Webhooks}, {health, &l.Health}, {metrics, &l.Metrics}} {
		if at.address == "" {
			continue
		}
		if *at.to, err = net.Listen("tcp", at.address); err != nil {
			return l, fmt.Errorf("listen at %s: %w", at.address, err)
		}
	}
	return l, nil
}

func (l Listeners) close() {
	for _, each := range []net.Listener{l.Webhooks, l.Health, l.Metrics} {
		if each != nil {
			_ = each.Close()
		}
	}
}

// readiness says whether webhooks are taken.
type readiness struct{ atomic.Bool }

func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if !r.Load() {
		http.Error(w, "it takes no webhooks now", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("OK"))
}

// Run serves until ctx ends. Then it takes nothing new, and ends when what is under
// way is done; what is not done at Config.Drain is cut off and is the error.
func (s *Server) Run(ctx context.Context, l Listeners) error {
	health := http.NewServeMux()
	health.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })
	health.Handle("/healthz/ready", &s.ready)
	metrics := http.NewServeMux()
	all := prometheus.Gatherers{s.config.Metrics, prometheus.DefaultGatherer} // the process's, and those of Prow's clients: what is left of GitHub's tokens
	metrics.Handle("/metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	webhooks := s.server(s)
	serving := []struct {
		at     net.Listener
		server *http.Server
	}{{l.Webhooks, webhooks}, {l.Health, s.server(health)}, {l.Metrics, s.server(metrics)}}
	var group errgroup.Group
	ended, end := context.WithCancel(ctx)
	defer end()
	for _, each := range serving {
		if each.at != nil {
			group.Go(func() error {
				defer end()
				return serve(each.server, each.at)
			})
		}
	}
	s.ready.Store(true)
	<-ended.Done()
	err := s.drain(webhooks)
	for _, each := range serving {
		_ = each.server.Close()
	}
	return errors.Join(err, group.Wait())
}

func serve(server *http.Server, at net.Listener) error {
	if err := server.Serve(at); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve at %s: %w", at.Addr(), err)
	}
	return nil
}

// drain lets what is under way end. Listening ends first: hook tries again where
// nobody listens, and meets the next server there.
func (s *Server) drain(webhooks *http.Server) error {
	s.ready.Store(false)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Drain)
	defer cancel()
	err := webhooks.Shutdown(ctx)
	if err == nil {
		s.stop(nil)
		s.config.Log.Infof("Drained in %s.", time.Since(begin).Round(time.Millisecond))
		return nil
	}
	cut := len(s.slots)
	s.stop(errors.New("the server ended before the event was accepted"))
	s.settle(cutDeadline)
	return fmt.Errorf("drain within %s: %d events were cut off; \"redeliver\" at the webhook's settings gives them again", s.config.Drain, cut)
}

// cutDeadline is how long handlers that were cut off get to notice.
const cutDeadline = 2 * time.Second

// settle waits until no handler is at work.
func (s *Server) settle(most time.Duration) {
	over := time.After(most)
	for range cap(s.slots) {
		select {
		case s.slots <- struct{}{}:
		case <-over:
			return
		}
	}
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(complaints{s.config.Log}, "", 0),
	}
}

// complaints takes what net/http says of connections into the log.
type complaints struct{ log *logrus.Entry }

func (c complaints) Write(line []byte) (int, error) {
	c.log.Debug(strings.TrimSpace(string(line)))
	return len(line), nil
}

package plugin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What became of an event.
const (
	resultAccepted  = "accepted"
	resultDuplicate = "duplicate"
	resultIgnored   = "ignored" // no handler wants it
	resultFailed    = "failed"
	resultRefused   = "refused" // it is no webhook of GitHub's
	resultLost      = "lost"    // the sender left before a handler was free
)

type metrics struct {
	events  *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	waiting prometheus.Gauge
	running prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_plugin_events_total", Help: "Webhooks by their type, the handler and what became of them.",
		}, []string{"type", "handler", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_plugin_event_seconds", Help: "How long a handler took to accept an event.",
			Buckets: []float64{.001, .01, .1, .5, 1, 5, 15, 60, 300},
		}, []string{"handler"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "slipway_plugin_events_waiting", Help: "Events that wait for a handler to be free."}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "slipway_plugin_events_in_flight", Help: "Events that handlers are at work on."}),
	}
	for _, c := range []prometheus.Collector{m.events, m.seconds, m.waiting, m.running} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) event(kind, handler, result string) {
	m.events.WithLabelValues(kind, handler, result).Inc()
}

func (m *metrics) took(handler string, since time.Time) {
	m.seconds.WithLabelValues(handler).Observe(time.Since(since).Seconds())
}

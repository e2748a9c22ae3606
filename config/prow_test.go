package config

import (
	"testing"
	"time"

	"sigs.k8s.io/prow/pkg/config"
)

// config.yaml is what Prow's components are started with: it must load, as strictly
// as Prow can, without any job.
func TestConfigLoads(t *testing.T) {
	loaded, err := config.LoadStrict("config.yaml", "", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	dc := loaded.Plank.GuessDefaultDecorationConfig("example/hello-guest", "")
	if err := dc.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := dc.Timeout.Get(), 2*time.Hour; got != want {
		t.Errorf("jobs end after %v, want %v", got, want)
	}
	if loaded.Plank.PodRunningTimeout.Duration <= dc.Timeout.Get()+dc.GracePeriod.Get() {
		t.Errorf("plank ends pods after %v, before their own timeout of %v", loaded.Plank.PodRunningTimeout, dc.Timeout)
	}
}

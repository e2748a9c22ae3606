package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"sigs.k8s.io/yaml"
)

// StartControl runs etcd and the API server alone until the test ends: no pod runs, no
// controller acts. It needs no rights, and several are no trouble to each other.
func StartControl(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{dir: t.TempDir(), program: InstallControl(t)}
	c.Kubeconfig = c.in("kubeconfig")
	t.Cleanup(func() { c.stopControl(t) })
	if err := c.startControl(t.Context()); err != nil {
		t.Fatalf("start the API server: %v\n%s", err, c.logs())
	}
	return c
}

// InstallControl builds what StartControl runs, if this user never did, and gives its path.
func InstallControl(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildDeadline)
	defer cancel()
	program, err := control.install(ctx, func(format string, args ...any) { fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...) })
	if err != nil {
		t.Fatalf("build the API server: %v", err)
	}
	return program
}

func (c *Cluster) startControl(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	if err := c.configure(); err != nil {
		return err
	}
	c.run(c.etcd())
	c.run(c.apiServer())
	if err := c.await(ctx, "/readyz", func([]byte) bool { return true }); err != nil {
		return err
	}
	return c.await(ctx, "/api/v1/namespaces/default", func([]byte) bool { return true })
}

func (c *Cluster) stopControl(t testing.TB) {
	if t.Failed() {
		t.Log(c.logs())
	}
	for i := len(c.processes) - 1; i >= 0; i-- {
		c.processes[i].stop()
	}
}

// Create makes an object of a manifest, in YAML or JSON, and waits until path answers
// with what ready wants.
func (c *Cluster) Create(ctx context.Context, collection string, manifest []byte, path string, ready func([]byte) bool) error {
	object, err := yaml.YAMLToJSON(manifest) // which is smaller: the API server takes 3 MiB
	if err != nil {
		return err
	}
	client := insecure()
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+local(c.ports.api)+collection, bytes.NewReader(object))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if answer, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusCreated {
		return fmt.Errorf("create in %s: %s: %.500s", collection, response.Status, answer)
	}
	return c.await(ctx, path, ready)
}

package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
)

const (
	buildDeadline = 15 * time.Minute
	startDeadline = time.Minute
)

// The credentials of every server started here.
const (
	User     = "slipway-test"
	Password = "slipway-test-password"
)

// StartS3 runs an S3 server for the time of the test, points the environment of
// AWS' SDK at it, and returns its URL. It is minio, or what SLIPWAY_TEST_S3 names.
func StartS3(t *testing.T) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	if os.Getenv("SLIPWAY_TEST_S3") == Versitygw.Name() {
		start(t, Versitygw, address, "--port", address, "--quiet", "posix", dir)
	} else {
		start(t, Minio, address, "server", "--quiet", "--address", address, dir)
	}
	endpoint := "http://" + address
	UseS3(t, endpoint)
	return endpoint
}

// UseS3 points the environment of AWS' SDK at an S3 server started here.
func UseS3(t *testing.T, endpoint string) {
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", User)
	t.Setenv("AWS_SECRET_ACCESS_KEY", Password)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// StartGCS runs fake-gcs-server for the time of the test, points
// STORAGE_EMULATOR_HOST at it, and returns its URL.
func StartGCS(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	start(t, FakeGCS, address, "-backend", "memory", "-scheme", "http", "-host", host, "-port", port,
		"-public-host", address, "-log-level", "error")
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	return "http://" + address
}

// start runs a program, and returns when something listens at its address.
func start(t *testing.T, p Program, address string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	file := install(t, p)
	go func() {
		defer close(ended)
		ended <- exec.Run(ctx, exec.Cmd{
			Args: append([]string{p.Name()}, args...),
			Path: file,
			Env: append(os.Environ(), "MINIO_ROOT_USER="+User, "MINIO_ROOT_PASSWORD="+Password, "MINIO_BROWSER=off", "MINIO_UPDATE=off",
				"ROOT_ACCESS_KEY="+User, "ROOT_SECRET_KEY="+Password),
			Stdout: os.Stderr,
		})
	}()
	t.Cleanup(func() {
		cancel()
		for range ended { // until it is gone
		}
	})
	if err := listening(ended, address); err != nil {
		t.Fatalf("start %s: %v", p.Name(), err)
	}
}

func install(t *testing.T, p Program) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), buildDeadline)
	defer cancel()
	file, err := p.Install(ctx)
	switch {
	case err == nil:
		return file
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skipf("%v: run go test ./internal/store/storetest/server where the Go module proxy can be reached", err)
	}
	return ""
}

func listening(ended <-chan error, address string) error {
	deadline := time.After(startDeadline)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended at once: %w", err)
		case <-deadline:
			return fmt.Errorf("nothing listens at %s after %v", address, startDeadline)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddress is an address on loopback where nobody listens. Another program
// could take it before the server does; then the test fails, and says so.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

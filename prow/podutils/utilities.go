package podutils

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/clonerefs"
	"sigs.k8s.io/prow/pkg/entrypoint"
	"sigs.k8s.io/prow/pkg/initupload"
	"sigs.k8s.io/prow/pkg/logrusutil"
	"sigs.k8s.io/prow/pkg/sidecar"

	"slipway.dev/slipway/prow/local/ferry"
)

// prepare loads a utility's options and checks them.
func prepare(o checked, args []string) error {
	if err := load(o, args, os.LookupEnv); err != nil {
		return fmt.Errorf("resolve options: %w", err)
	}
	if err := o.Validate(); err != nil {
		return fmt.Errorf("check options: %w", err)
	}
	return nil
}

func cloneRefs(args []string) int {
	logrusutil.ComponentInit()
	o := &clonerefs.Options{}
	if err := prepare(o, args); err != nil {
		return fail("Could not start", err)
	}
	if err := o.Run(); err != nil {
		return fail("Failed to clone refs", err)
	}
	logrus.Info("Finished cloning refs")
	return exitDone
}

func initUpload(args []string) int {
	logrusutil.ComponentInit()
	o := initupload.NewOptions()
	if err := prepare(o, args); err != nil {
		return fail("Could not start", err)
	}
	if err := o.Run(); err != nil {
		return fail("Failed to initialize job", err)
	}
	return exitDone
}

func runEntrypoint(args []string) int {
	logrusutil.ComponentInit()
	o := entrypoint.NewOptions()
	if err := load(o, args, os.LookupEnv); err != nil {
		return fail("Could not resolve options", err)
	}
	if o.CopyModeOnly {
		if err := place(o.CopyDst); err != nil {
			return fail("Could not place entrypoint", err)
		}
		return exitDone
	}
	if err := o.Validate(); err != nil {
		return fail("Invalid options", err)
	}
	return o.Run()
}

// place copies this program to where test containers start it as entrypoint.
func place(destination string) error {
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	source, err := os.Open(program)
	if err != nil {
		return err
	}
	defer source.Close()
	copied, err := os.OpenFile(destination, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(copied, source); err != nil {
		_ = copied.Close()
		return fmt.Errorf("copy %s to %s: %w", program, destination, err)
	}
	return copied.Close()
}

func runSidecar(args []string) int {
	logFile, err := sidecar.LogSetup()
	if err != nil {
		return fail("Unable to set up log file", err)
	}
	defer os.Remove(logFile.Name())
	o := sidecar.NewOptions()
	if err := prepare(o, args); err != nil {
		return fail("Could not start", err)
	}
	failures, err := o.Run(context.Background(), logFile)
	if err != nil {
		logrus.WithError(err).Error("Failed to report job status")
	}
	if failures > 0 && o.EntryError {
		return fail("Failed", fmt.Errorf("%d containers failed", failures))
	}
	return exitDone
}

// runFerry carries folders to and from the machine that started the pod. Its output
// is what it carries, so it logs nothing.
func runFerry(args []string) int {
	if err := ferry.Run(context.Background(), args, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

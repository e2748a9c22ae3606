// Package podutils is Prow's pod utilities as one program: clonerefs, initupload,
// entrypoint and sidecar, and beside them the ferry of local runs on a cluster.
//
// A decorated pod starts its containers with the image's own entrypoint and one
// variable of options each, so one image can serve all four: the program becomes
// what it was called, what its first argument names, or whose options it was given.
// What a utility does is Prow's own code, unchanged; four programs of it would be
// four times fifty megabytes.
package podutils

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/clonerefs"
	"sigs.k8s.io/prow/pkg/entrypoint"
	"sigs.k8s.io/prow/pkg/initupload"
	"sigs.k8s.io/prow/pkg/pod-utils/options"
	"sigs.k8s.io/prow/pkg/sidecar"
	"sigs.k8s.io/prow/pkg/version"
)

// Exit codes of the utilities. Entrypoint exits with its command's code instead.
const (
	exitDone    = 0
	exitFailed  = 1
	exitMisused = 2
)

// utility is one of Prow's programs.
type utility struct {
	name     string
	variable string                  // holds its options, as the pod's decoration sets it; empty is none
	run      func(args []string) int // returns what the process is to exit with
}

func utilities() []utility {
	return []utility{
		{"clonerefs", clonerefs.JSONConfigEnvVar, cloneRefs},
		{"initupload", initupload.JSONConfigEnvVar, initUpload},
		{"sidecar", sidecar.JSONConfigEnvVar, runSidecar},
		{"entrypoint", entrypoint.JSONConfigEnvVar, runEntrypoint},
		{"ferry", "", runFerry},
	}
}

// Run is the utility that argv and the environment ask for. It returns what the
// process is to exit with: entrypoint passes its command's code on.
func Run(argv []string, lookup func(string) (string, bool)) int {
	called, args, err := choose(argv, lookup)
	if err != nil {
		logrus.Error(err)
		return exitMisused
	}
	version.Name = called.name // the component of the log's lines; Prow's builds set it by linker flag
	return called.run(args)
}

// choose says which utility is meant, and what its arguments are.
func choose(argv []string, lookup func(string) (string, bool)) (utility, []string, error) {
	all, args := utilities(), argv[1:]
	named := func(name string) int {
		return slices.IndexFunc(all, func(u utility) bool { return u.name == name })
	}
	if i := named(filepath.Base(argv[0])); i >= 0 {
		return all[i], args, nil
	}
	if len(args) > 0 {
		if i := named(args[0]); i >= 0 {
			return all[i], args[1:], nil
		}
	}
	for _, u := range all {
		if _, found := lookup(u.variable); found && u.variable != "" {
			return u, args, nil
		}
	}
	if len(args) > 0 && strings.TrimLeft(args[0], "-") == "copy-mode-only" {
		return all[named("entrypoint")], args, nil
	}
	return utility{}, nil, errors.New("which pod utility? Call it clonerefs, initupload, entrypoint or sidecar, name one of them " +
		"as the first argument, or set CLONEREFS_OPTIONS, INITUPLOAD_OPTIONS, SIDECAR_OPTIONS or ENTRYPOINT_OPTIONS")
}

// checked are options that know whether they make sense.
type checked interface {
	options.OptionLoader
	Validate() error
}

// load takes the options from their variable or else from args, as Prow's
// options.Load does, but leaves it to the caller to end the process.
func load(o options.OptionLoader, args []string, lookup func(string) (string, bool)) error {
	if config, found := lookup(o.ConfigVar()); found {
		if err := o.LoadConfig(config); err != nil {
			return fmt.Errorf("read %s: %w", o.ConfigVar(), err)
		}
		return nil
	}
	flags := flag.NewFlagSet(version.Name, flag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		return &usageError{err}
	}
	o.Complete(flags.Args())
	return nil
}

// usageError is a flag that does not exist, or a request for the list of them;
// the flag package has told the caller so.
type usageError struct{ error }

// fail says why a utility ends, and returns its exit code.
func fail(what string, err error) int {
	var usage *usageError
	if !errors.As(err, &usage) {
		logrus.WithError(err).Log(logrus.FatalLevel, what)
		return exitFailed
	}
	if errors.Is(usage.error, flag.ErrHelp) {
		return exitDone
	}
	return exitMisused
}

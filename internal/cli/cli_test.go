package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// call runs a command that ends with err.
func call(err error, args ...string) (code int, said string) {
	var stdout, stderr bytes.Buffer
	env := Env{Args: args, Stdout: &stdout, Stderr: &stderr}
	verb := &cobra.Command{Use: "verb", Short: "Do it", Args: NoArgs, RunE: func(*cobra.Command, []string) error { return err }}
	verb.Flags().Int("number", 0, "a number")
	root := Group("program", "A program", Group("noun", "A noun", verb))
	code = Run(context.Background(), env, root)
	return code, stdout.String() + stderr.String()
}

func TestRunExits(t *testing.T) {
	tests := []struct {
		name string
		err  error
		args []string
		code int
		said string
	}{
		{"done", nil, []string{"noun", "verb"}, ExitDone, ""},
		{"failed", errors.New("no luck"), []string{"noun", "verb"}, ExitFailed, "program noun verb: no luck\n"},
		{"misused", Misuse("wrong: %w", errors.New("no luck")), []string{"noun", "verb"}, ExitMisused, "wrong: no luck"},
		{"wrapped misuse", fmt.Errorf("target: %w", Misuse("wrong")), []string{"noun", "verb"}, ExitMisused, "target: wrong"},
		{"a code of its own", fmt.Errorf("job: %w", &ExitError{124, errors.New("timeout")}), []string{"noun", "verb"}, 124, "program noun verb: job: timeout\n"},
		{"misuse goes before", &ExitError{124, Misuse("wrong")}, []string{"noun", "verb"}, ExitMisused, "wrong"},
		{"unknown flag", nil, []string{"noun", "verb", "--colour"}, ExitMisused, "see `program noun verb --help`"},
		{"bad value", nil, []string{"noun", "verb", "--number", "x"}, ExitMisused, "see `program noun verb --help`"},
		{"argument", nil, []string{"noun", "verb", "x"}, ExitMisused, `unexpected argument "x"`},
		{"unknown verb", nil, []string{"noun", "adverb"}, ExitMisused, "see `program noun --help`"},
		{"unknown noun", nil, []string{"pronoun"}, ExitMisused, "see `program --help`"},
		{"help", nil, []string{"noun"}, ExitDone, "Do it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, said := call(tt.err, tt.args...)
			if code != tt.code || !strings.Contains(said, tt.said) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, said, tt.code, tt.said)
			}
		})
	}
}

func TestLogIsForPeople(t *testing.T) {
	var stderr bytes.Buffer
	log := Env{Stderr: &stderr}.Log()
	log.WithField("secret", "x").Info("it goes on")
	log.Warn("it may stop")
	lines := strings.Split(stderr.String(), "\n")
	if !strings.HasSuffix(lines[0], " it goes on") || !strings.HasSuffix(lines[1], " warning: it may stop") {
		t.Errorf("got %q", lines)
	}
}

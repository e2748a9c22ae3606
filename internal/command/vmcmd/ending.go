package vmcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/guest/report"
)

// result is what --output json prints.
type result struct {
	Good   bool           `json:"good"`
	Report string         `json:"report"`
	Suites []report.Suite `json:"suites"`
}

// end writes the report, says how the tests went and files evidence. broken is why they
// are no verdict, if they are none: then what was seen is reported, and no more.
func (t *tests) end(ctx context.Context, broken error) error {
	if len(t.suites) == 0 {
		return broken
	}
	page := filepath.Join(t.artifacts, report.HTMLFile)
	err := report.Write(t.artifacts, t.suites)
	if err == nil {
		good := broken == nil && report.Good(t.suites)
		err = command.Show(t.env.Stdout, t.form, result{good, page, t.suites}, func(w io.Writer) { t.text(w, page) })
	}
	if broken != nil || err != nil {
		return errors.Join(broken, err)
	}
	if err := t.file(ctx); err != nil {
		return err
	}
	if report.Good(t.suites) {
		return nil
	}
	all := 0
	for _, s := range t.suites {
		all += len(s.Run.Tests)
	}
	return fmt.Errorf("%d of %d tests failed; see %s", len(report.Judge(t.suites).Failed), all, page)
}

// text says each test in a line, and of a suite that failed how to have the same guest.
func (t *tests) text(w io.Writer, page string) {
	for i, s := range t.suites {
		fmt.Fprintf(w, "%s: %s\n", s.Name, report.Summary(s.Run))
		for _, test := range s.Run.Tests {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", test.Status, test.Name, report.Seconds(test.Time), test.Reason)
		}
		if !s.Run.Good() {
			fmt.Fprintf(w, "the same guest by hand: %s\n", t.commands[i])
		}
	}
	fmt.Fprintf(w, "report: %s\n", page)
}

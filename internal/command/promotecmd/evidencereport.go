package promotecmd

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence/importer"
)

// reportFlags name a test runner's report, in one of the formats that we read.
type reportFlags struct {
	formats    []*reportFormat
	softfailed bool
}

type reportFormat struct {
	flag, help string
	read       func([]byte) (importer.Report, error)
	file       string
}

func (f *reportFlags) add(flags *pflag.FlagSet) {
	f.formats = []*reportFormat{
		{flag: "junit", help: "report in JUnit XML", read: importer.JUnit},
		{flag: "finished", help: "finished.json of a Prow job", read: importer.Prow},
		{flag: "tap", help: "report of the Test Anything Protocol", read: importer.TAP},
		{flag: "openqa", help: "job of openQA, as its API answers to GET /api/v1/jobs/ID or /details", read: f.openQA},
		{flag: "tast", help: "results.json of Tast", read: importer.Tast},
	}
	for _, format := range f.formats {
		flags.StringVar(&format.file, format.flag, "", format.help)
	}
	flags.BoolVar(&f.softfailed, "allow-softfailed", false, "take openQA's softfailed for a warning instead of a failure")
}

func (f *reportFlags) openQA(data []byte) (importer.Report, error) {
	return importer.OpenQA(data, f.softfailed)
}

// chosen is the one report that is named, or nil.
func (f *reportFlags) chosen() *reportFormat {
	for _, format := range f.formats {
		if format.file != "" {
			return format
		}
	}
	return nil
}

func (f *reportFlags) check() error {
	var named []string
	for _, format := range f.formats {
		if format.file != "" {
			named = append(named, "--"+format.flag)
		}
	}
	if len(named) > 1 {
		return cli.Misuse("%s exclude each other; add evidence for each", strings.Join(named, " and "))
	}
	return nil
}

// read reads the report, if there is one.
func (f *reportFlags) read() (report importer.Report, found bool, err error) {
	format := f.chosen()
	if format == nil {
		return importer.Report{}, false, nil
	}
	data, err := readFile(format.file, importer.MaxSize)
	if err != nil {
		return importer.Report{}, false, fmt.Errorf("read report: %w", err)
	}
	if report, err = format.read(data); err != nil {
		return importer.Report{}, false, fmt.Errorf("%s: %w; nothing was signed", format.file, err)
	}
	return report, true, nil
}

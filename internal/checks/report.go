package checks

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/junit"
)

// Report prints the cases that failed and a line that counts all, and writes
// junit_NAME.xml if there is an output. The error says how many cases failed.
func (j Job) Report(name string, suites []junit.Suite) error {
	j.print(suites)
	total, failed, skipped := count(suites)
	if err := j.writeJUnit(name, suites); err != nil {
		return err
	}
	if total == 0 {
		return fmt.Errorf("%s: nothing was checked", name)
	}
	summary := fmt.Sprintf("%s: %d of %d failed", name, failed, total)
	if skipped > 0 {
		summary += fmt.Sprintf(", %d skipped", skipped)
	}
	fmt.Fprintln(j.Stdout, summary)
	if failed > 0 {
		return fmt.Errorf("%s: %d of %d failed", name, failed, total)
	}
	return nil
}

func count(suites []junit.Suite) (total, failed, skipped int) {
	for _, s := range suites {
		total += len(s.Cases)
		failed += s.Failed()
		skipped += s.Skipped()
	}
	return total, failed, skipped
}

func (j Job) print(suites []junit.Suite) {
	for _, s := range suites {
		for _, c := range s.Cases {
			if c.Failure != nil {
				fmt.Fprintf(j.Stdout, "--- %s: %s\n%s\n", c.Class, c.Name, strings.TrimRight(c.Failure.Text, "\n"))
			}
		}
	}
}

func (j Job) writeJUnit(name string, suites []junit.Suite) error {
	var xml bytes.Buffer
	if err := junit.Write(&xml, suites); err != nil {
		return err
	}
	return j.Write("", "junit_"+name+".xml", xml.Bytes())
}

// Write writes a report of a folder of the checkout, if there is an output.
func (j Job) Write(folder, name string, data []byte) error {
	if j.Output == "" {
		return nil
	}
	path := j.Path(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of a report: %w", err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("write a report: %w", err)
	}
	return nil
}

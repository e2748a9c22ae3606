package lint

import "slipway.dev/slipway/internal/junit"

// Suites are the reports as JUnit: a suite for each package. In it each tag with
// errors is a case that failed, and the linter is a case that passed and shows
// all other findings as its output.
func Suites(reports []Report) []junit.Suite {
	var suites []junit.Suite
	for _, r := range reports {
		suites = append(suites, junit.Suite{Name: r.Package, Cases: r.cases()})
	}
	return suites
}

func (r Report) cases() []junit.Case {
	failed := map[string]int{} // tag to index in cases
	cases := []junit.Case{{Name: r.Linter, Class: r.Linter, Time: r.Time}}
	for _, f := range r.Findings {
		if f.Severity != Error || f.Overridden {
			cases[0].Output += f.String() + "\n"
			continue
		}
		i, seen := failed[f.Tag]
		if !seen {
			i = len(cases)
			failed[f.Tag] = i
			cases = append(cases, junit.Case{Name: f.Tag, Class: r.Linter, Failure: &junit.Message{Line: f.String()}})
		}
		cases[i].Failure.Text += f.String() + "\n"
	}
	return cases
}

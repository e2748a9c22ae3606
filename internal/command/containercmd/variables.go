package containercmd

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/guest/plan"
)

var (
	variable = regexp.MustCompile(`\$?\$\{([^}\n]*)\}`)
	// A value must stay one value wherever it stands in a plan.
	valueForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+~/-]*$`)
)

// substitute puts values in the places of ${NAME}. A name without a value is an error, and
// so is a value that no place takes: it would be a test that somebody believes in.
func substitute(file, text string, set map[string]string) (string, error) {
	var errs []error
	used := map[string]bool{}
	for name, value := range set {
		if !valueForm.MatchString(value) {
			errs = append(errs, fmt.Errorf("--set %s=%s: a value is letters, digits and . _ + ~ / -", name, value))
		}
	}
	out := variable.ReplaceAllStringFunc(text, func(place string) string {
		if plain, ok := strings.CutPrefix(place, "$$"); ok {
			return "$" + plain
		}
		name := place[2 : len(place)-1]
		value, ok := set[name]
		if !ok && !used[name] {
			errs = append(errs, fmt.Errorf("%s: ${%s} has no value; add --set %s=VALUE, or write $${ for a plain ${", file, name, name))
		}
		used[name] = true
		return value
	})
	for name := range set {
		if !used[name] {
			errs = append(errs, fmt.Errorf("--set %s: there is no ${%s} in %s", name, name, file))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return out, errors.Join(errs...)
}

// loadPlan reads the plan and its denylist. What is wrong in them is misuse: nothing was started.
func (f *flags) loadPlan(file string) (p *plan.Plan, denied *plan.Denylist, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, cli.Misuse("read the test plan: %w", err)
	}
	text, err := substitute(file, string(data), f.set)
	if err == nil {
		p, err = plan.Parse(file, []byte(text))
	}
	if err == nil && f.denylist != "" {
		denied, err = plan.LoadDenylist(f.denylist, p, time.Now())
	}
	if err == nil && p.Upgrades() {
		err = fmt.Errorf("%s: upgrade is for disks; of a container test the packages' upgrade by run", file)
	}
	if err != nil {
		return nil, nil, &cli.UsageError{Err: err}
	}
	return p, denied, nil
}

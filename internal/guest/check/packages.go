package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/guest"
)

// Packages are packages that are installed, with bounds of their versions, or are not.
// dpkg's database is asked, or rpm's in a guest where dpkg knows no package; versions are
// compared by the guest's own dpkg or rpm.
type Packages struct {
	Present []string `yaml:"present"` // NAME, or NAME >= VERSION
	Absent  []string `yaml:"absent"`
}

// wanted is an entry of Present, or one without an operator of Absent.
type wanted struct{ name, operator, version string }

// Versions get into a command line and into an expression of rpm: so no other characters.
var (
	wantedPattern  = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9+._-]*)(?:\s*(>=|<=|>|<|=)\s*([0-9A-Za-z][0-9A-Za-z.+~^:_-]*))?$`)
	versionPattern = regexp.MustCompile(`^[0-9A-Za-z.+~^:_-]*$`)
)

func parseWanted(text string) (wanted, error) {
	m := wantedPattern.FindStringSubmatch(text)
	if m == nil {
		return wanted{}, fmt.Errorf("package %q: want NAME, or NAME >= VERSION", text)
	}
	return wanted{m[1], m[2], m[3]}, nil
}

// Validate is part of Check.
func (p *Packages) Validate() error {
	if len(p.Present)+len(p.Absent) == 0 {
		return errors.New("packages: names no package")
	}
	for _, text := range slices.Concat(p.Present, p.Absent) {
		if _, err := parseWanted(text); err != nil {
			return err
		}
	}
	for _, text := range p.Absent {
		if w, err := parseWanted(text); err != nil || w.operator != "" {
			return fmt.Errorf("package %q: what is absent has no version", text)
		}
	}
	return nil
}

// Check is part of Check.
func (p *Packages) Check(ctx context.Context, g guest.Guest) []string {
	installed, database, err := find(ctx, g)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, text := range p.Present {
		if problem := present(ctx, g, database, installed, text); problem != "" {
			problems = append(problems, problem)
		}
	}
	for _, name := range p.Absent {
		if have := installed[name]; len(have) > 0 {
			problems = append(problems, fmt.Sprintf("%s %s is installed, want it absent", name, strings.Join(have, ", ")))
		}
	}
	return problems
}

// present holds one entry of Present against what is installed. Where a package is there
// more than once, for two architectures or as several kernels, one has to fit.
func present(ctx context.Context, g guest.Guest, db database, installed map[string][]string, text string) string {
	w, err := parseWanted(text)
	if err != nil {
		return err.Error()
	}
	have := installed[w.name]
	if len(have) == 0 {
		return w.name + " is not installed"
	}
	if w.operator == "" {
		return ""
	}
	for _, version := range have {
		if !versionPattern.MatchString(version) {
			return fmt.Sprintf("%s has the version %q, which is none", w.name, version)
		}
		ok, err := db.compare(ctx, g, version, w.operator, w.version)
		if err != nil {
			return fmt.Sprintf("compare %s's versions: %v", w.name, err)
		}
		if ok {
			return ""
		}
	}
	return fmt.Sprintf("%s is %s, want %s %s", w.name, strings.Join(have, ", "), w.operator, w.version)
}

// database is a package manager's: how to list it, and its order of versions.
type database struct {
	list    []string // prints a line for each package: name, version, installed or not
	compare func(ctx context.Context, g guest.Guest, have, operator, want string) (bool, error)
}

// databases are asked in this order.
var databases = []database{
	{[]string{"dpkg-query", "-W", "-f", `${Package}\t${Version}\t${db:Status-Status}\n`}, compareDpkg},
	{[]string{"rpm", "-qa", "--qf", `%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\tinstalled\n`}, compareRpm},
}

// find returns what is installed, by the first database that knows a package.
func find(ctx context.Context, g guest.Guest) (map[string][]string, database, error) {
	var errs []error
	for _, db := range databases {
		out, err := g.Run(ctx, guest.Command{Args: db.list})
		switch {
		case errors.Is(err, guest.ErrNoProgram):
			errs = append(errs, fmt.Errorf("the guest has no %s", db.list[0]))
			continue
		case err != nil:
			return nil, db, unanswered(db.list[:1], err)
		case len(out.Stdout) >= guest.MaxOutput:
			return nil, db, fmt.Errorf("%s lists more packages than the %d bytes that are read", db.list[0], guest.MaxOutput)
		}
		if installed := parseInstalled(string(out.Stdout)); len(installed) > 0 {
			return installed, db, nil
		}
		errs = append(errs, fmt.Errorf("%s knows no package: %s", db.list[0], quote(out.Stderr)))
	}
	return nil, database{}, errors.Join(errs...)
}

func parseInstalled(list string) map[string][]string {
	installed := map[string][]string{}
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 3 && fields[2] == "installed" && !slices.Contains(installed[fields[0]], fields[1]) {
			installed[fields[0]] = append(installed[fields[0]], fields[1])
		}
	}
	for _, versions := range installed {
		slices.Sort(versions) // rpm lists them in any order
	}
	return installed
}

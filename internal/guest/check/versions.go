package check

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/guest"
)

// dpkgOperators are dpkg's words: its < and > mean something else.
var dpkgOperators = map[string]string{">=": "ge", ">": "gt", "<=": "le", "<": "lt", "=": "eq"}

func compareDpkg(ctx context.Context, g guest.Guest, have, operator, want string) (bool, error) {
	args := []string{"dpkg", "--compare-versions", have, dpkgOperators[operator], want}
	out, err := g.Run(ctx, guest.Command{Args: args})
	if err != nil {
		return false, unanswered(args, err)
	}
	if out.Code > 1 || len(out.Stderr) > 0 {
		return false, fmt.Errorf("%s ended with code %d: %s", strings.Join(args, " "), out.Code, quote(out.Stderr))
	}
	return out.Code == 0, nil
}

// compareRpm compares as rpm does where a package requires another: without an epoch it
// is 0, and a release that is not asked for does not count.
func compareRpm(ctx context.Context, g guest.Guest, have, operator, want string) (bool, error) {
	h, w := splitRpm(have), splitRpm(want)
	if w.release == "" {
		h.release, w.release = "0", "0" // rpm refuses to compare nothing
	}
	expression := fmt.Sprintf(`%%{lua:print(rpm.vercmp("%s","%s").." "..rpm.vercmp("%s","%s").." "..rpm.vercmp("%s","%s"))}`,
		h.epoch, w.epoch, h.version, w.version, h.release, w.release)
	out, err := ask(ctx, g, "rpm", "--eval", expression)
	if err != nil {
		return false, err
	}
	fields := strings.Fields(out)
	if len(fields) != 3 {
		return false, fmt.Errorf("rpm says %s, want three comparisons", quote([]byte(out)))
	}
	for _, field := range fields {
		order, err := strconv.Atoi(field)
		if err != nil {
			return false, fmt.Errorf("rpm says %s, want three comparisons", quote([]byte(out)))
		}
		if order != 0 {
			return holds(order, operator), nil
		}
	}
	return holds(0, operator), nil
}

// rpmVersion is [EPOCH:]VERSION[-RELEASE].
type rpmVersion struct{ epoch, version, release string }

func splitRpm(text string) rpmVersion {
	v := rpmVersion{epoch: "0", version: text}
	if epoch, rest, ok := strings.Cut(text, ":"); ok {
		v.epoch, v.version = epoch, rest
	}
	if i := strings.LastIndexByte(v.version, '-'); i >= 0 {
		v.version, v.release = v.version[:i], v.version[i+1:]
	}
	return v
}

package promotecmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/retention"
	"slipway.dev/slipway/internal/store"
)

func (p *pruner) showPlans(plans []retention.Plan) error {
	if plans == nil {
		plans = []retention.Plan{}
	}
	return command.Show(p.env.Stdout, p.form, plans, func(w io.Writer) {
		for _, plan := range plans {
			printRetention(w, plan)
		}
	})
}

func printRetention(w io.Writer, plan retention.Plan) {
	fmt.Fprintf(w, "%s: %d of %d manifests go, and at most %s with them\n", plan.Repository, len(plan.Delete), plan.Manifests, humanSize(plan.Size()))
	fmt.Fprintf(w, "plan %s\n", plan.Hash)
	for _, d := range plan.Delete {
		age := ""
		if len(d.Tags) > 0 {
			age = fmt.Sprintf("%d days", d.Age/86400)
		}
		fmt.Fprintf(w, "  delete\t%s\t%s\t%s\t%s\n", d.Digest, strings.Join(d.Tags, " "), age, d.Why)
	}
	for _, why := range plan.Reasons() {
		fmt.Fprintf(w, "  keep %d: %s\n", plan.Keep[why], why)
	}
}

// humanSize writes a number of bytes for people.
func humanSize(n int64) string {
	const unit = 1000
	size, suffix := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if size < unit {
			break
		}
		size, suffix = size/unit, next
	}
	return fmt.Sprintf("%.3g %s", size, suffix)
}

func (p *pruner) showOutcomes(outcomes []retention.Outcome) error {
	return command.Show(p.env.Stdout, p.form, outcomes, func(w io.Writer) {
		for _, o := range outcomes {
			fmt.Fprintf(w, "%s: %d deleted, %d gone before, %d kept, %d set aside\n", o.Repository, o.Deleted, o.Gone, len(o.Kept), len(o.Aside))
			if o.Run != "" {
				fmt.Fprintf(w, "  what was deleted lies in %s\n", p.store.URL(o.Run))
			}
			for _, k := range o.Kept {
				fmt.Fprintf(w, "  kept\t%s\t%s\t%s\n", k.Digest, strings.Join(k.Tags, " "), k.Why)
			}
			for _, a := range o.Aside {
				fmt.Fprintf(w, "  aside\t%s\t%s\t%s\n", a.Digest, strings.Join(a.Tags, " "), a.Why)
			}
		}
	})
}

// planLife is how long a plan counts as one that may still be approved and applied.
const planLife = 30 * 24 * time.Hour

// inFlight reads the plans that wait for approvals. Each is read once.
type inFlight struct {
	store store.Store
	known map[string][]string // digests, by key
}

// digests are those that a plan of the last while names.
func (f *inFlight) digests(ctx context.Context) ([]string, error) {
	if f.known == nil {
		f.known = map[string][]string{}
	}
	var all []string
	for key, err := range f.store.List(ctx, promotion.Plans) {
		if err != nil {
			return nil, err
		}
		digests, known := f.known[key]
		if !known {
			if digests, err = f.read(ctx, key); err != nil {
				return nil, err
			}
			f.known[key] = digests
		}
		all = append(all, digests...)
	}
	return all, nil
}

func (f *inFlight) read(ctx context.Context, key string) (digests []string, err error) {
	info, err := f.store.Stat(ctx, key)
	if err != nil || time.Since(info.Modified) > planLife {
		return nil, err
	}
	hash := strings.TrimSuffix(strings.TrimPrefix(key, promotion.Plans), ".json")
	document, err := promotion.ReadPlan(ctx, f.store, "sha256:"+hash)
	for _, edge := range document.Edges {
		digests = append(digests, edge.Digest)
	}
	return digests, err
}

package version

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// clockSkew is how far two machines' clocks may differ around midnight before
	// a day counts as the future.
	clockSkew = 5 * time.Minute
	// claimTimeout bounds a claim whose context has no earlier deadline.
	claimTimeout = 10 * time.Minute
	// minPause and maxPause bound the random pause after a number was lost.
	minPause, maxPause = 100 * time.Millisecond, 2 * time.Second
	// maxDoublings of minPause are over maxPause.
	maxDoublings = 5
)

// ErrFuture is a version tag or claim that is dated after today.
var ErrFuture = errors.New("dated after today")

// errLost is a number that turned out to be another run's.
var errLost = errors.New("number lost to another run")

// ClaimRequest says what a version is claimed for.
type ClaimRequest struct {
	Commit string           // full hash of the commit to be built
	Now    func() time.Time // the clock; nil is time.Now
	// Taken says whether a number is used in a way that refs do not show, such as
	// a release in the store whose tag was never made. Optional.
	Taken func(ctx context.Context, v Version) (bool, error)
	// FollowFuture numbers on the latest day that a tag or claim has, where that is
	// after today, instead of refusing.
	FollowFuture bool
	// Floor is a version known from elsewhere; the one claimed is above it.
	Floor Version
	// Progress is told what is waited for. Optional.
	Progress func(message string)
}

func (r ClaimRequest) withDefaults() ClaimRequest {
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Progress == nil {
		r.Progress = func(string) {}
	}
	return r
}

// Claimed is a version that is this run's alone until its claim is dropped.
type Claimed struct {
	Version Version
	Ref     Ref  // the claim's
	Adopted bool // the claim was there: a run for this commit died, or is at work too
}

// Claim takes the next version of the day for a commit. A claim that the commit
// already has is adopted, the lowest of several. Of any number of runs at the same
// time each gets a number of its own, without gaps.
func Claim(ctx context.Context, refs Refs, req ClaimRequest) (Claimed, error) {
	if err := checkCommit(req.Commit); err != nil {
		return Claimed{}, err
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	c := claimer{refs: refs, req: req.withDefaults()}
	seen, err := c.begin(ctx)
	for attempt := 0; err == nil; attempt++ {
		claimed, failed := c.attempt(ctx, seen)
		if failed == nil {
			return claimed, nil
		}
		if err = c.pauseAfter(ctx, failed, attempt); err == nil {
			seen, err = look(ctx, c.refs, claimPrefix, dayPrefix(c.day))
		}
	}
	return Claimed{}, fmt.Errorf("claim a version for %s: %w", req.Commit, err)
}

// withDeadline bounds a claim whose caller set no bound.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, claimTimeout, fmt.Errorf("no version could be claimed within %v", claimTimeout))
}

// Peek is the version that Claim would return now, and takes nothing.
func Peek(ctx context.Context, refs Refs, req ClaimRequest) (Version, error) {
	c := claimer{refs: refs, req: req.withDefaults()}
	seen, err := c.begin(ctx)
	if err != nil {
		return Version{}, err
	}
	if own, ok := seen.claimOf(req.Commit); ok {
		return own.Version, nil
	}
	return c.next(seen), nil
}

// checkCommit insists on a full hash: a claim that names less could be moved.
func checkCommit(hash string) error {
	if n := len(hash); n != 40 && n != 64 {
		return fmt.Errorf("commit %q is no full hash; want 40 or 64 hexadecimal digits", hash)
	}
	for _, r := range hash {
		if !('0' <= r && r <= '9' || 'a' <= r && r <= 'f') {
			return fmt.Errorf("commit %q is no hash: it holds %q", hash, r)
		}
	}
	return nil
}

// claimer is one claim in the making.
type claimer struct {
	refs  Refs
	req   ClaimRequest
	day   string    // on which is numbered
	spent []Version // numbers that no listing shows as used, but are
}

// begin looks at everything once and settles the day.
func (c *claimer) begin(ctx context.Context) (survey, error) {
	now := c.req.Now()
	seen, err := look(ctx, c.refs, prefixesFor(c.refs, now)...)
	if err != nil {
		return survey{}, err
	}
	c.spent = append(c.spent, c.req.Floor)
	latest := seen.latest()
	if c.req.Floor.Compare(latest.Version) > 0 {
		latest = standing{c.req.Floor, Ref{Name: "release " + c.req.Floor.String()}}
	}
	c.day = max(Today(now), latest.Day)
	if c.day > Today(now.Add(clockSkew)) && !c.req.FollowFuture {
		return survey{}, futureError(latest, now)
	}
	return seen, nil
}

func futureError(latest standing, now time.Time) error {
	return fmt.Errorf("%s is %w, which is %s by this machine's clock (%s); set the clock right, "+
		"delete the ref if it is a mistake, or number on that later day with --follow-future",
		latest.Ref.Name, ErrFuture, Today(now), now.UTC().Format(time.RFC3339))
}

func (c *claimer) next(seen survey) Version {
	return nextOn(c.day, append(seen.used(), c.spent...))
}

// attempt adopts the commit's claim or makes one for the next number.
func (c *claimer) attempt(ctx context.Context, seen survey) (Claimed, error) {
	if own, ok := seen.claimOf(c.req.Commit); ok {
		return c.adopt(ctx, own)
	}
	return c.create(ctx, c.next(seen))
}

// adopt takes over a claim, unless its number is the tag of another commit by now.
func (c *claimer) adopt(ctx context.Context, own standing) (Claimed, error) {
	seen, err := look(ctx, c.refs, dayPrefix(own.Day), TagRef(own.Version))
	if err != nil {
		return Claimed{}, err
	}
	claimed := Claimed{Version: own.Version, Ref: own.Ref, Adopted: true}
	tag, tagged := seen.tag(own.Version)
	taken := tagged && tag.Peeled != c.req.Commit
	if !taken {
		if taken, err = c.recorded(ctx, own.Version); err != nil {
			return Claimed{}, err
		}
	}
	if taken {
		return Claimed{}, c.lose(ctx, claimed)
	}
	return claimed, nil
}

// create claims v. The claims and tags that were listed may be old news: another
// run can have tagged v and dropped its claim since. Its tag came before its claim
// went, and ours came after that, so a look at the tags now is certain.
func (c *claimer) create(ctx context.Context, v Version) (Claimed, error) {
	name := ClaimRef(v)
	object, err := c.refs.Create(ctx, name, c.claimObject(v))
	if errors.Is(err, ErrExists) {
		c.req.Progress(fmt.Sprintf("version %v was claimed by another run", v))
		return Claimed{}, errLost
	}
	if err != nil {
		return Claimed{}, err // says which ref
	}
	claimed := Claimed{Version: v, Ref: Ref{Name: name, Object: object, Peeled: c.req.Commit}}
	taken, err := c.taken(ctx, v)
	if err != nil {
		return Claimed{}, err
	}
	if taken {
		return Claimed{}, c.lose(ctx, claimed)
	}
	return claimed, nil
}

// claimObject is unlike every other run's, since git lets any number of pushes of
// the same object succeed.
func (c *claimer) claimObject(v Version) TagObject {
	return TagObject{
		Commit:  c.req.Commit,
		Name:    v.String(),
		Message: fmt.Sprintf("Claim of version %v\n\nNonce: %s", v, cryptorand.Text()),
		Time:    c.req.Now(),
	}
}

func (c *claimer) taken(ctx context.Context, v Version) (bool, error) {
	seen, err := look(ctx, c.refs, dayPrefix(v.Day))
	if err != nil {
		return false, err
	}
	if _, tagged := seen.tag(v); tagged {
		return true, nil
	}
	return c.recorded(ctx, v)
}

// recorded asks for what refs do not show.
func (c *claimer) recorded(ctx context.Context, v Version) (bool, error) {
	if c.req.Taken == nil {
		return false, nil
	}
	taken, err := c.req.Taken(ctx, v)
	if err != nil {
		return false, fmt.Errorf("ask whether version %v is taken: %w", v, err)
	}
	return taken, nil
}

// lose gives up a claim to a number that is used.
func (c *claimer) lose(ctx context.Context, claimed Claimed) error {
	c.req.Progress(fmt.Sprintf("version %v is used already", claimed.Version))
	c.spent = append(c.spent, claimed.Version)
	if err := Drop(ctx, c.refs, claimed); err != nil {
		return err
	}
	return errLost
}

// pauseAfter waits, after a number was lost, for a random time that grows with each
// attempt, so that many claimants come one after the other. Other failures are final.
func (c *claimer) pauseAfter(ctx context.Context, failed error, attempt int) error {
	if !errors.Is(failed, errLost) {
		return failed
	}
	limit := min(minPause<<min(attempt, maxDoublings), maxPause)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

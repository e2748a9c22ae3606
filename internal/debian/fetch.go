package debian

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	sideBySide = 8 // downloads
	// defaultPatience is how long a server may say nothing.
	defaultPatience = 30 * time.Second
	// settling is how long the snapshot service may take to see what mirrors have.
	settling = 24 * time.Hour
)

// Fetch brings the lock's packages for one architecture into the cache. What the
// mirror has dropped comes from the snapshot service. Only bytes with the lock's
// sha256 get in.
func (a Archive) Fetch(ctx context.Context, lock Lock, arch string) error {
	var missing []Package
	var size int64
	for _, p := range lock.Packages[arch] {
		if _, err := os.Stat(a.Path(p)); err != nil {
			missing = append(missing, p)
			size += p.Size
		}
	}
	if len(missing) == 0 {
		return nil
	}
	what := fmt.Sprintf("fetch %d Debian packages (%d MB)", len(missing), (size+999_999)/1_000_000)
	a.say("%s from %s", what, a.mirror())
	ctx, done := a.begin(ctx, what)
	defer done()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for _, p := range missing {
		group.Go(func() error { return a.fetchOne(ctx, p, lock.Snapshot) })
	}
	return group.Wait()
}

// fetchOne asks every place that may have the package, until one does.
func (a Archive) fetchOne(ctx context.Context, p Package, snapshot time.Time) error {
	var errs []error
	for _, place := range a.places(p, snapshot) {
		err := a.download(ctx, p, place)
		if _, answered := errors.AsType[answer](err); err != nil && !answered {
			err = a.download(ctx, p, place) // what fails in the middle mostly works again
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fetch package %s: %w", p, context.Cause(ctx))
		}
		errs = append(errs, fmt.Errorf("%s: %w", place, err))
	}
	return fmt.Errorf("fetch package %s: %w", p, errors.Join(errs...))
}

// answer is what a server says instead of the package.
type answer string

func (a answer) Error() string { return string(a) }

// places are the URLs that may have the package, best first.
func (a Archive) places(p Package, snapshot time.Time) []string {
	archive, rest, _ := strings.Cut(p.Pool, "/")
	service := strings.TrimSuffix(cmp.Or(a.Snapshot, DefaultSnapshot), "/")
	at := func(t time.Time) string {
		return service + "/archive/" + archive + "/" + t.UTC().Format(stamp) + escaped(rest)
	}
	return []string{a.mirror() + escaped(p.Pool), at(snapshot), at(snapshot.Add(settling))}
}

func escaped(path string) string { return (&url.URL{Path: "/" + path}).EscapedPath() }

// download gets the package into the cache, whole or not at all.
func (a Archive) download(ctx context.Context, p Package, from string) error {
	final := a.Path(p)
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(final), ".fetch-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(aside.Name()) }() // nothing is there once it is renamed
	err = errors.Join(a.transfer(ctx, aside, p, from), aside.Chmod(0o644), aside.Close())
	if err != nil {
		return err
	}
	return os.Rename(aside.Name(), final)
}

// transfer writes what the URL serves to w, and compares it with the package.
func (a Archive) transfer(ctx context.Context, w io.Writer, p Package, from string) error {
	patience := cmp.Or(a.patience, defaultPatience)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(patience, func() { cancel(fmt.Errorf("the server said nothing for %s", patience)) })
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reason(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return answer(response.Status)
	}
	hash := sha256.New()
	body := io.LimitReader(response.Body, p.Size+1)
	size, err := io.Copy(io.MultiWriter(w, hash), wakeful{body, func() { watch.Reset(patience) }})
	sum := hex.EncodeToString(hash.Sum(nil))
	switch {
	case err != nil:
		return reason(ctx, err)
	case size != p.Size:
		return fmt.Errorf("it has not the %d bytes that the lock names", p.Size)
	case sum != p.SHA256:
		return fmt.Errorf("it has sha256 %s, the lock says %s", sum, p.SHA256)
	}
	return nil
}

// reason is why ctx ended, if it did, and else err without the URL that Go adds.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		return asked.Err
	}
	return err
}

// wakeful tells of every read.
type wakeful struct {
	io.Reader
	tell func()
}

func (w wakeful) Read(p []byte) (int, error) {
	defer w.tell()
	return w.Reader.Read(p)
}

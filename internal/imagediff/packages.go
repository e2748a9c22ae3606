package imagediff

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/progress"
)

// progressEvery is how often a layer that takes long is told of again.
const progressEvery = 10 * time.Second

// ReadPackages reads, for each platform that both images have, the packages in which
// they may differ. say is told of each layer that is read; nil is nobody.
func ReadPackages(ctx context.Context, src Source, a, b *Image, say func(string)) error {
	layers := &layers{src: src, say: say, done: map[string]*once{}}
	for _, pair := range pairs(a.Platforms, b.Platforms) {
		if pair.a == nil || pair.b == nil {
			continue
		}
		if err := layers.fill(ctx, side{a.Repository, pair.a}, side{b.Repository, pair.b}); err != nil {
			return err
		}
	}
	return nil
}

// side is one of two that are compared.
type side struct {
	repository string
	*Platform
}

// fill reads the databases that a layer touches which only one of the two has.
func (l *layers) fill(ctx context.Context, a, b side) error {
	if !a.isReadable() || !b.isReadable() {
		return nil
	}
	low, high := shared(a.Layers, b.Layers)
	touched, err := l.touched(ctx, a.between(low, high), b.between(low, high))
	if err != nil {
		return err
	}
	for _, db := range databases {
		if !touched[db.path] {
			continue
		}
		if err := l.fillFrom(ctx, db, a, b); err != nil {
			return err
		}
	}
	return nil
}

// fillFrom adds what two sides have in a database, or why that cannot be told.
func (l *layers) fillFrom(ctx context.Context, db database, sides ...side) error {
	views := make([]view, len(sides))
	isKnown := true
	for i, s := range sides {
		v, err := l.look(ctx, s, db)
		if err != nil {
			return err
		}
		if db.format == rpm && v.isThere {
			v.notes = append(v.notes, fmt.Sprintf("rpm: a layer changes /%s, which is not read; `rpm -qa` in both images tells", db.path))
		}
		views[i], isKnown = v, isKnown && len(v.notes) == 0
	}
	for i, s := range sides {
		s.Unread = append(s.Unread, views[i].notes...)
		if isKnown {
			s.Packages = append(s.Packages, views[i].packages...)
		}
	}
	return nil
}

func (l *layers) look(ctx context.Context, s side, db database) (view, error) {
	topDown := slices.Clone(s.Layers)
	slices.Reverse(topDown)
	return look(topDown, func(layer Layer) (*trace, error) {
		traces, err := l.traces(ctx, s.repository, layer)
		return traces[db.path], err
	})
}

// isReadable says whether all layers are archives of files, and notes if not.
func (s side) isReadable() bool {
	i := slices.IndexFunc(s.Layers, func(l Layer) bool {
		return !strings.Contains(l.MediaType, ".tar") || strings.HasSuffix(l.MediaType, "encrypted")
	})
	if i < 0 {
		return true
	}
	s.Unread = append(s.Unread, fmt.Sprintf("layer %s is of media type %q, which is not read", s.Layers[i].Digest, s.Layers[i].MediaType))
	return false
}

// shared is how many layers two images share below and above those in which they differ.
func shared(a, b []Layer) (low, high int) {
	for low < min(len(a), len(b)) && a[low].Digest == b[low].Digest {
		low++
	}
	for high < min(len(a), len(b))-low && a[len(a)-1-high].Digest == b[len(b)-1-high].Digest {
		high++
	}
	return low, high
}

func (s side) between(low, high int) side {
	p := *s.Platform
	p.Layers = p.Layers[low : len(p.Layers)-high]
	return side{s.repository, &p}
}

// touched are the databases that any of the layers touches.
func (l *layers) touched(ctx context.Context, sides ...side) (map[string]bool, error) {
	var mu sync.Mutex
	touched := map[string]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, s := range sides {
		for _, layer := range s.Layers {
			group.Go(func() error {
				traces, err := l.traces(ctx, s.repository, layer)
				mu.Lock()
				defer mu.Unlock()
				for name := range traces {
					touched[name] = true
				}
				return err
			})
		}
	}
	return touched, group.Wait()
}

// layers reads each layer once.
type layers struct {
	src Source
	say func(string)

	mu   sync.Mutex
	done map[string]*once // by digest
}

type once struct {
	sync.Mutex
	isRead bool
	traces map[string]*trace
}

func (l *layers) traces(ctx context.Context, repository string, layer Layer) (map[string]*trace, error) {
	l.mu.Lock()
	if l.done[layer.Digest] == nil {
		l.done[layer.Digest] = &once{}
	}
	o := l.done[layer.Digest]
	l.mu.Unlock()
	o.Lock()
	defer o.Unlock()
	if o.isRead {
		return o.traces, nil
	}
	traces, err := l.read(ctx, repository, layer)
	o.traces, o.isRead = traces, err == nil
	return traces, err
}

func (l *layers) read(ctx context.Context, repository string, layer Layer) (traces map[string]*trace, err error) {
	what := fmt.Sprintf("read layer %s of %s, %s", layer.Digest, repository, Size(layer.Size))
	if l.say != nil {
		l.say(what)
	}
	defer progress.Watch(progressEvery, what, l.say)()
	err = l.src.ReadBlob(ctx, repository, layer.Digest, layer.Size, func(body io.Reader) error {
		if traces, err = scan(body); err != nil {
			return fmt.Errorf("it is no whole layer: %v", err) //nolint:errorlint // of right bytes, so no fault of the registry's
		}
		return nil
	})
	return traces, err
}

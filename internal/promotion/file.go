package promotion

import (
	"context"
	"crypto/rand"
	"fmt"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/filestore"
	"slipway.dev/slipway/internal/store"
)

// filePlace is a store of files; its pointers are small objects that name a digest.
type filePlace struct {
	edge     Edge
	from, at store.Store
	carrier  filestore.Carrier
}

func (p *Promoter) filePlace(ctx context.Context, e Edge) (place, error) {
	at, err := p.open(ctx, e.Location)
	if err != nil {
		return nil, err
	}
	from, err := p.open(ctx, e.Source)
	if err != nil {
		return nil, err
	}
	return &filePlace{edge: e, from: from, at: at, carrier: filestore.Carrier{Progress: p.Say}}, nil
}

// open opens a store once.
func (p *Promoter) open(ctx context.Context, url string) (store.Store, error) {
	if known, ok := p.stores.Load(url); ok {
		return known.(store.Store), nil
	}
	opened, err := p.OpenStore(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", url, err)
	}
	known, _ := p.stores.LoadOrStore(url, opened)
	return known.(store.Store), nil
}

func (f *filePlace) look(ctx context.Context, p pointer) (string, error) {
	if p.isVersion {
		now, _, err := filestore.Version(ctx, f.at, f.edge.Artifact, p.name)
		return now.Digest, err
	}
	now, _, err := filestore.Now(ctx, f.at, f.edge.Channel())
	return now.Digest, err
}

// confirm has nothing to see: look read the pointer itself.
func (f *filePlace) confirm(context.Context, string) error { return nil }

// bring copies what is not there, and then reads what is there to its end: a blob may
// have been damaged since it was created.
func (f *filePlace) bring(ctx context.Context) error {
	if f.edge.Kind == channel.Release {
		if err := f.carrier.BringRelease(ctx, f.from, f.at, f.edge.Digest); err != nil {
			return err
		}
		return filestore.VerifyRelease(ctx, f.at, f.edge.Digest)
	}
	if err := f.carrier.Bring(ctx, f.from, f.at, f.edge.Digest); err != nil {
		return err
	}
	return filestore.Verify(ctx, f.at, f.edge.Digest)
}

// parts are none: retention deletes no files.
func (f *filePlace) parts(context.Context) ([]string, error) { return nil, nil }

func (f *filePlace) point(ctx context.Context, p pointer, by move) error {
	to := filestore.Pointer{Digest: f.edge.Digest, Channel: f.edge.Channel(), Version: f.edge.Version, Plan: by.plan, Record: by.record}
	if p.isVersion {
		return filestore.Versioned(ctx, f.at, f.edge.Artifact, p.name, to)
	}
	return filestore.Point(ctx, f.at, f.edge.Channel(), by.had, to)
}

// mayWrite swaps a small object that nobody reads: bring may have found all blobs there,
// and then it wrote nothing.
func (f *filePlace) mayWrite(ctx context.Context) error {
	_, err := f.at.Swap(ctx, "runs/may-write-"+rand.Text()+".json", store.Absent, []byte("{}"))
	return err
}

package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/store"
)

// Stored is what a store knows of a disk: nothing that another build of the same bytes
// could say otherwise, so that it is created once.
type Stored struct {
	Disk      string      `json:"disk"`  // digest of the file
	Image     string      `json:"image"` // digest of what it was made of
	Format    disk.Format `json:"format"`
	Size      int64       `json:"size"`
	Kernel    string      `json:"kernel"`
	Arguments []string    `json:"arguments"`
}

// Key is where a store keeps what it knows of a disk, by the disk's digest.
func Key(digest string) string { return "disks/" + strings.TrimPrefix(digest, "sha256:") + ".json" }

// Store puts the disks of a record, which lie in a folder, into a store: each as a blob,
// which is what a channel of files names, and then what it was made of.
func Store(ctx context.Context, s store.Store, record *disk.Record, folder string) ([]Stored, error) {
	var all []Stored
	for _, file := range record.Files {
		stored := Stored{
			Disk: file.Digest, Image: record.Image.Digest, Format: file.Format, Size: file.Size,
			Kernel: record.Boot.Version, Arguments: record.Arguments,
		}
		if err := storeFile(ctx, s, stored, filepath.Join(folder, file.Name)); err != nil {
			return all, fmt.Errorf("store %s: %w", file.Name, err)
		}
		all = append(all, stored)
	}
	return all, nil
}

func storeFile(ctx context.Context, s store.Store, stored Stored, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	digest, _, err := store.PutBlob(ctx, s, f)
	switch {
	case err != nil:
		return err
	case "sha256:"+digest != stored.Disk:
		return fmt.Errorf("it is sha256:%s, and its record says %s: it was changed since it was made", digest, stored.Disk)
	}
	return store.CreateJSON(ctx, s, Key(stored.Disk), stored)
}

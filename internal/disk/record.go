package disk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RecordEnding is how the record of disks ends, beside them.
const RecordEnding = ".disk.json"

// Record says what disks were made of, and how. It lies beside them.
type Record struct {
	Image      Image             `json:"image"`
	Boot       Boot              `json:"boot"`
	Arguments  []string          `json:"arguments"` // of the kernel
	Size       int64             `json:"size"`      // of the disk
	UUID       string            `json:"uuid"`
	Partitions []Partition       `json:"partitions"`
	Builder    string            `json:"builder"` // slipway, or bootc
	Tools      map[string]string `json:"tools"`   // the versions that the bytes depend on
	Files      []File            `json:"files"`
}

// File is one form of the disk.
type File struct {
	Name   string `json:"name"`
	Format Format `json:"format"`
	Digest string `json:"digest"` // sha256:HEX
	Size   int64  `json:"size"`
}

// ErrNoRecord is a disk that has no record beside it.
var ErrNoRecord = errors.New("no record of what it was made of lies beside it")

// Read finds the record of a disk, NAME.disk.json beside NAME.qcow2, and the disk's row
// in it. Whether the disk is still what the row says is Verify's question.
func Read(disk string) (*Record, File, error) {
	name := filepath.Base(disk)
	path := strings.TrimSuffix(disk, filepath.Ext(disk)) + RecordEnding
	record, err := readRecord(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, File{}, fmt.Errorf("%s: %w (%s)", disk, ErrNoRecord, path)
	}
	if err != nil {
		return nil, File{}, err
	}
	i := slices.IndexFunc(record.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return nil, File{}, fmt.Errorf("%s: %w: %s is about others", disk, ErrNoRecord, path)
	}
	return record, record.Files[i], nil
}

func readRecord(path string) (*Record, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return &r, nil
}

// Verify reads a disk and says whether it is the one that the row is about.
func (f File) Verify(disk string) error {
	digest, err := Digest(disk)
	if err != nil {
		return err
	}
	if digest != f.Digest {
		return fmt.Errorf("%s is %s, and its record says %s: it was changed since it was made; make it again", disk, digest, f.Digest)
	}
	return nil
}

// Digest is the digest of a file's bytes.
func Digest(path string) (string, error) { return digest(context.Background(), path) }

func digest(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if err := copyContext(ctx, sum, struct{ io.Reader }{file}); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

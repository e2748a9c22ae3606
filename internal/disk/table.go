package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"slipway.dev/slipway/internal/disk/gpt"
	"slipway.dev/slipway/internal/disk/qcow2"
)

// Table is what the partition table of a disk says.
type Table struct {
	Size       int64           `json:"size"` // of the disk
	UUID       string          `json:"uuid"`
	Partitions []gpt.Partition `json:"partitions"`
}

// ReadTable reads the partition table of a raw or qcow2 disk.
func ReadTable(path string) (_ *Table, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	disk, size := io.ReaderAt(f), info.Size()
	begin := make([]byte, 4)
	if _, err := f.ReadAt(begin, 0); err == nil && qcow2.IsQCOW2(begin) {
		opened, err := qcow2.Open(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		disk, size = opened, opened.Size
	}
	table, err := gpt.Read(disk, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Table{Size: size, UUID: table.UUID, Partitions: table.Partitions}, nil
}

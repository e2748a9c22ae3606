package disk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/scratch"
)

// Types of partitions.
const (
	typeBIOS = "21686148-6449-6e6f-744e-656564454649"
	typeESP  = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	typeRoot = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" // linux-root-x86-64
)

const sector = 512

// Partition is a row of a partition table. Its first byte is at Start, of Size bytes.
type Partition struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Type   string `json:"type"` // UUID
	UUID   string `json:"uuid"`
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
}

// Table is what the partition table of a disk says.
type Table struct {
	Size       int64       `json:"size"` // of the disk
	UUID       string      `json:"uuid"`
	Partitions []Partition `json:"partitions"`
}

// tableArgs is the command that writes a partition table, of the script that it reads.
func tableArgs(disk string) []string {
	return []string{"sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--wipe=never", "--wipe-partitions=never", disk}
}

// tableScript is a table as sfdisk reads it.
func tableScript(t Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "label: gpt\nlabel-id: %s\nunit: sectors\nfirst-lba: 34\n\n", t.UUID)
	for _, p := range t.Partitions {
		fmt.Fprintf(&b, "%d : start=%d, size=%d, type=%s, uuid=%s, name=%q\n", p.Number, p.Start/sector, p.Size/sector, p.Type, p.UUID, p.Name)
	}
	return b.String()
}

// ReadTable reads the partition table of a raw or qcow2 disk.
func ReadTable(ctx context.Context, path string) (*Table, error) {
	begin, err := readBegin(path)
	if err != nil {
		return nil, err
	}
	if string(begin) != "QFI\xfb" {
		return readRaw(ctx, path)
	}
	work, remove, err := scratch.Place{Parent: os.TempDir(), Prefix: "slipway-table-"}.Make()
	if err != nil {
		return nil, err
	}
	defer remove()
	raw := filepath.Join(work, "begin")
	if err := takeBegin(ctx, path, raw); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return readRaw(ctx, raw)
}

func readBegin(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	begin := make([]byte, 4)
	if _, err := f.ReadAt(begin, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: this is no disk: %w", path, err), f.Close())
	}
	return begin, f.Close()
}

// takeBegin makes a raw disk of the size of a qcow2 one that has its table, and no more.
func takeBegin(ctx context.Context, path, raw string) error {
	said, err := output(ctx, "qemu-img", "info", "--output=json", "-f", "qcow2", path)
	if err != nil {
		return err
	}
	var info struct {
		Size    int64  `json:"virtual-size"`
		Backing string `json:"backing-filename"`
		Format  struct {
			Data struct {
				File string `json:"data-file"`
			} `json:"data"`
		} `json:"format-specific"`
	}
	if err := json.Unmarshal(said, &info); err != nil {
		return fmt.Errorf("parse what qemu-img says: %w", err)
	}
	if info.Backing != "" || info.Format.Data.File != "" {
		return errors.New("it is only a part of a disk, the rest of which is in another file; join them: qemu-img convert -O qcow2")
	}
	if _, err := output(ctx, "qemu-img", "dd", "-f", "qcow2", "-O", "raw", "bs=1M", "count=1", "if="+path, "of="+raw); err != nil {
		return err
	}
	return os.Truncate(raw, info.Size)
}

// readRaw asks sfdisk. It warns of a second table that is not there, which is no fault of
// a disk of which we took the beginning.
func readRaw(ctx context.Context, path string) (*Table, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	said, err := output(ctx, "sfdisk", "--json", path)
	if err != nil {
		return nil, fmt.Errorf("read the partition table: %w", err)
	}
	var read struct {
		Table struct {
			Label, ID  string
			Partitions []struct {
				Node, Type, UUID, Name string
				Start, Size            int64
			}
		} `json:"partitiontable"`
	}
	if err := json.Unmarshal(said, &read); err != nil {
		return nil, fmt.Errorf("parse what sfdisk says of %s: %w", path, err)
	}
	if read.Table.Label != "gpt" {
		return nil, fmt.Errorf("%s has a partition table of type %s, and not GPT", path, read.Table.Label)
	}
	t := &Table{Size: info.Size(), UUID: strings.ToLower(read.Table.ID)}
	for _, p := range read.Table.Partitions {
		number, err := strconv.Atoi(p.Node[strings.LastIndexFunc(p.Node, func(c rune) bool { return c < '0' || c > '9' })+1:])
		if err != nil {
			return nil, fmt.Errorf("parse what sfdisk says of %s: %q names no partition", path, p.Node)
		}
		t.Partitions = append(t.Partitions, Partition{
			Number: number, Name: p.Name, Type: strings.ToLower(p.Type), UUID: strings.ToLower(p.UUID),
			Start: p.Start * sector, Size: p.Size * sector,
		})
	}
	return t, nil
}

// output runs a program, and returns what it says.
func output(ctx context.Context, args ...string) ([]byte, error) {
	var said bytes.Buffer
	err := step{args: args, stdout: &said}.run(ctx)
	return said.Bytes(), err
}

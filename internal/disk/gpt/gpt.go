// Package gpt writes and reads a disk's partition table.
//
// sgdisk would do, but it syncs all of the machine's disks and then sleeps for a second.
// A table that is read is believed only if its checksums hold, in both copies.
package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Sector is the size of a sector.
const Sector = 512

// Types of partitions.
const (
	BIOSBoot = "21686148-6449-6e6f-744e-656564454649"
	ESP      = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	RootX86  = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" // linux-root-x86-64
)

// Table is a partition table.
type Table struct {
	UUID       string
	Partitions []Partition
}

// Partition is a row of it. Its first byte is at Start, of Size bytes.
type Partition struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Type   string `json:"type"` // UUID
	UUID   string `json:"uuid"`
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
}

var le = binary.LittleEndian

// Read reads the table of a disk of a size.
func Read(disk io.ReaderAt, size int64) (Table, error) {
	first, err := readAt(disk, size, 1)
	if err != nil {
		return Table{}, fmt.Errorf("read the partition table: %w", err)
	}
	second, err := readAt(disk, size, size/Sector-1)
	if err != nil {
		return Table{}, fmt.Errorf("read the second partition table, at the end: %w", err)
	}
	if first.UUID != second.UUID || fmt.Sprint(first.Partitions) != fmt.Sprint(second.Partitions) {
		return Table{}, errors.New("the two partition tables differ")
	}
	return first, nil
}

const (
	headerSize = 92
	entrySize  = 128
	entries    = 128
)

func readAt(disk io.ReaderAt, size, sector int64) (Table, error) {
	h := make([]byte, Sector)
	if _, err := disk.ReadAt(h, sector*Sector); err != nil {
		return Table{}, err
	}
	sum := le.Uint32(h[16:])
	le.PutUint32(h[16:], 0)
	at := int64(le.Uint64(h[72:])) * Sector
	switch {
	case string(h[:8]) != "EFI PART":
		return Table{}, errors.New("there is no GPT")
	case le.Uint32(h[12:]) != headerSize || crc32.ChecksumIEEE(h[:headerSize]) != sum:
		return Table{}, errors.New("the checksum of its header is wrong")
	case le.Uint32(h[80:]) != entries || le.Uint32(h[84:]) != entrySize || at < 0 || at > size:
		return Table{}, errors.New("its form is not understood")
	}
	rows := make([]byte, entries*entrySize)
	if _, err := disk.ReadAt(rows, at); err != nil {
		return Table{}, err
	}
	if crc32.ChecksumIEEE(rows) != le.Uint32(h[88:]) {
		return Table{}, errors.New("the checksum of its entries is wrong")
	}
	table := Table{UUID: uuid(h[56:72])}
	for i := range entries {
		if row := rows[i*entrySize : (i+1)*entrySize]; !bytes.Equal(row[:16], make([]byte, 16)) {
			table.Partitions = append(table.Partitions, partition(i+1, row))
		}
	}
	return table, nil
}

func partition(number int, row []byte) Partition {
	var name []uint16
	for i := 56; i < entrySize; i += 2 {
		if c := le.Uint16(row[i:]); c != 0 {
			name = append(name, c)
		}
	}
	start, last := int64(le.Uint64(row[32:])), int64(le.Uint64(row[40:]))
	return Partition{
		Number: number, Name: string(utf16.Decode(name)), Type: uuid(row[:16]), UUID: uuid(row[16:32]),
		Start: start * Sector, Size: (last - start + 1) * Sector,
	}
}

// uuid is a UUID as GPT keeps it: its first three parts the other way round.
func uuid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

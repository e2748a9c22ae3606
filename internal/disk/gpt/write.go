package gpt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf16"
)

// tableSectors is how many sectors the entries take; a header stands beside them.
const tableSectors = entries * entrySize / Sector

// Write writes a table onto a disk of a size, in both places, and the MBR that keeps
// programs which know no GPT from it. The code in the MBR stays.
func Write(disk io.WriterAt, size int64, t Table) error {
	last := size/Sector - 1
	rows, err := rowsOf(t, last)
	if err != nil {
		return fmt.Errorf("write the partition table: %w", err)
	}
	id, err := parseUUID(t.UUID)
	if err != nil {
		return fmt.Errorf("write the partition table: %w", err)
	}
	return errors.Join(
		writeAt(disk, 446, mbr(last)),
		writeAt(disk, Sector, header(id, rows, 1, last, 2, last)),
		writeAt(disk, 2*Sector, rows),
		writeAt(disk, (last-tableSectors)*Sector, rows),
		writeAt(disk, last*Sector, header(id, rows, last, 1, last-tableSectors, last)),
	)
}

func writeAt(disk io.WriterAt, at int64, data []byte) error {
	_, err := disk.WriteAt(data, at)
	return err
}

// mbr is the rest of the first sector behind its code: one partition over all of the disk.
func mbr(last int64) []byte {
	m := make([]byte, Sector-446)
	copy(m, []byte{0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0})
	le.PutUint32(m[12:], uint32(min(last, 0xFFFFFFFF)))
	m[len(m)-2], m[len(m)-1] = 0x55, 0xAA
	return m
}

// header is a header that lies at a sector, with its copy at another.
func header(id, rows []byte, here, other, table, last int64) []byte {
	h := make([]byte, Sector)
	copy(h, "EFI PART\x00\x00\x01\x00")
	le.PutUint32(h[12:], headerSize)
	le.PutUint64(h[24:], uint64(here))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[40:], 2+tableSectors)
	le.PutUint64(h[48:], uint64(last-tableSectors-1))
	copy(h[56:], id)
	le.PutUint64(h[72:], uint64(table))
	le.PutUint32(h[80:], entries)
	le.PutUint32(h[84:], entrySize)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(rows))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
	return h
}

// rowsOf are the entries. Each partition has to lie between the tables.
func rowsOf(t Table, last int64) ([]byte, error) {
	rows := make([]byte, entries*entrySize)
	for _, p := range t.Partitions {
		kind, err := parseUUID(p.Type)
		if err != nil {
			return nil, err
		}
		id, err := parseUUID(p.UUID)
		if err != nil {
			return nil, err
		}
		name := utf16.Encode([]rune(p.Name))
		first, end := p.Start/Sector, (p.Start+p.Size)/Sector-1
		if p.Number < 1 || p.Number > entries || len(name) > 36 || first < 2+tableSectors || end < first || end >= last-tableSectors {
			return nil, fmt.Errorf("partition %d, %q, of sectors %d to %d does not fit", p.Number, p.Name, first, end)
		}
		row := rows[(p.Number-1)*entrySize:]
		copy(row, kind)
		copy(row[16:], id)
		le.PutUint64(row[32:], uint64(first))
		le.PutUint64(row[40:], uint64(end))
		for i, c := range name {
			le.PutUint16(row[56+2*i:], c)
		}
	}
	return rows, nil
}

// parseUUID is a UUID in the form that GPT keeps.
func parseUUID(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		return nil, fmt.Errorf("%q is no UUID", text)
	}
	for _, part := range [][]byte{b[:4], b[4:6], b[6:8]} {
		for i, j := 0, len(part)-1; i < j; i, j = i+1, j-1 {
			part[i], part[j] = part[j], part[i]
		}
	}
	return b, nil
}

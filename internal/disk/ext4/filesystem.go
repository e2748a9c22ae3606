package ext4

import (
	"errors"
	"fmt"
	"io"
)

const (
	blockSize  = 4096
	inodeSize  = 256
	descSize   = 64
	rootInode  = 2
	lostInode  = 11 // lost+found, which mke2fs makes
	firstInode = 12

	inodeUninit = 1 // flags of a group
	blockUninit = 2
)

// Device is where a file system is, from its first byte on.
type Device interface {
	io.ReaderAt
	io.WriterAt
}

// Placer is a device that can be told where a file's bytes belong, and reads them there
// itself when it must: they are not written. It is told in the order of the device.
type Placer interface {
	Place(at, size int64, content io.ReaderAt, from int64)
}

// filesystem is an empty file system being filled.
type filesystem struct {
	out        *writer
	super      []byte
	seed       uint32 // of all checksums
	blocks     uint64
	perGroup   uint32 // blocks of a group
	inodes     uint32 // of a group
	descBlocks uint64 // of the group descriptors
	reserved   uint64 // blocks kept for their growth
	groups     []*group
	cursor     uint64 // no block before it is free
	next       uint32 // inode
	delta      int64  // less what was taken
}

// group is a group of blocks and inodes.
type group struct {
	desc    []byte
	bitmap  []byte // of blocks
	inodes  []byte // bitmap
	table   []byte // the inodes; nil if none is used
	changed bool
}

// What the file system must have, and all that it may: the bits of Features.
const (
	compatible   = 0x4 | 0x8 | 0x10 | 0x20
	incompatible = 0x2 | 0x40 | 0x80 | 0x200
	readOnly     = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400
)

// open reads an empty file system.
func open(dev Device) (*filesystem, error) {
	f := &filesystem{out: &writer{to: dev}, super: make([]byte, 1024), next: firstInode}
	if _, err := dev.ReadAt(f.super, 1024); err != nil {
		return nil, fmt.Errorf("read the superblock: %w", err)
	}
	s := f.super
	switch {
	case le.Uint16(s[0x38:]) != 0xEF53:
		return nil, errors.New("this is no ext4 file system")
	case le.Uint32(s[0x5C:]) != compatible || le.Uint32(s[0x60:]) != incompatible || le.Uint32(s[0x64:]) != readOnly,
		le.Uint32(s[0x18:]) != 2, le.Uint16(s[0x58:]) != inodeSize, le.Uint16(s[0xFE:]) != descSize:
		return nil, errors.New("the file system has other features than Format gives it")
	case le.Uint32(s[0x3FC:]) != checksum(^uint32(0), s[:0x3FC]):
		return nil, errors.New("the superblock's checksum is wrong")
	}
	f.seed = checksum(^uint32(0), s[0x68:0x78])
	f.blocks = uint64(le.Uint32(s[0x4:])) | uint64(le.Uint32(s[0x150:]))<<32
	f.perGroup, f.inodes = le.Uint32(s[0x20:]), le.Uint32(s[0x28:])
	f.reserved = uint64(le.Uint16(s[0xCE:]))
	return f, f.readGroups(dev)
}

func (f *filesystem) readGroups(dev Device) error {
	count := (f.blocks + uint64(f.perGroup) - 1) / uint64(f.perGroup)
	f.descBlocks = (count*descSize + blockSize - 1) / blockSize
	table := make([]byte, count*descSize)
	if _, err := dev.ReadAt(table, blockSize); err != nil {
		return fmt.Errorf("read the group descriptors: %w", err)
	}
	for i := range count {
		f.groups = append(f.groups, &group{desc: table[i*descSize : (i+1)*descSize]})
	}
	for i, g := range f.groups {
		if err := f.readGroup(dev, uint64(i), g); err != nil {
			return fmt.Errorf("read group %d: %w", i, err)
		}
	}
	f.markTables()
	return nil
}

// readGroup reads a group's bitmaps. Those that were never written are computed: what
// is used in them is known from the layout alone.
func (f *filesystem) readGroup(dev Device, number uint64, g *group) error {
	g.bitmap, g.inodes = make([]byte, blockSize), make([]byte, blockSize)
	flags := le.Uint16(g.desc[0x12:])
	if flags&blockUninit == 0 {
		if _, err := dev.ReadAt(g.bitmap, int64(g.blockBitmap())*blockSize); err != nil {
			return err
		}
	} else {
		f.computeBitmap(number, g)
	}
	if flags&inodeUninit == 0 {
		_, err := dev.ReadAt(g.inodes, int64(g.inodeBitmap())*blockSize)
		return err
	}
	for i := f.inodes; i < blockSize*8; i++ {
		set(g.inodes, i)
	}
	return nil
}

func (f *filesystem) computeBitmap(number uint64, g *group) {
	if hasSuper(number) {
		for i := range 1 + f.descBlocks + f.reserved {
			set(g.bitmap, uint32(i))
		}
	}
	first := number * uint64(f.perGroup)
	for i := min(f.blocks-first, uint64(f.perGroup)); i < blockSize*8; i++ {
		set(g.bitmap, uint32(i))
	}
}

// markTables marks the groups' bitmaps and inode tables as used. With flex_bg they lie
// in other groups too, of which some never had a bitmap.
func (f *filesystem) markTables() {
	tableBlocks := uint64(f.inodes) * inodeSize / blockSize
	for _, g := range f.groups {
		f.mark(g.blockBitmap())
		f.mark(g.inodeBitmap())
		for i := range tableBlocks {
			f.mark(g.inodeTable() + i)
		}
	}
}

func (f *filesystem) mark(block uint64) {
	set(f.groups[block/uint64(f.perGroup)].bitmap, uint32(block%uint64(f.perGroup)))
}

// hasSuper says whether a group has a copy of the superblock and the descriptors.
func hasSuper(group uint64) bool {
	if group <= 1 {
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		power := base
		for power < group {
			power *= base
		}
		if power == group {
			return true
		}
	}
	return false
}

func set(bitmap []byte, i uint32)        { bitmap[i/8] |= 1 << (i % 8) }
func isSet(bitmap []byte, i uint32) bool { return bitmap[i/8]&(1<<(i%8)) != 0 }

// long joins the two halves that a descriptor keeps of a number.
func (g *group) long(low, high int) uint64 {
	return uint64(le.Uint32(g.desc[low:])) | uint64(le.Uint32(g.desc[high:]))<<32
}

func (g *group) blockBitmap() uint64 { return g.long(0x0, 0x20) }
func (g *group) inodeBitmap() uint64 { return g.long(0x4, 0x24) }
func (g *group) inodeTable() uint64  { return g.long(0x8, 0x28) }

// count adds to one of the descriptor's counters, of which it keeps two halves too.
func (g *group) count(low, high int, by int64) {
	n := int64(le.Uint16(g.desc[low:])) | int64(le.Uint16(g.desc[high:]))<<16
	n += by
	le.PutUint16(g.desc[low:], uint16(n))
	le.PutUint16(g.desc[high:], uint16(n>>16))
}

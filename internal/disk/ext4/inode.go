package ext4

import (
	"fmt"
	"time"

	"slipway.dev/slipway/internal/disk/tree"
)

const (
	extentsFlag = 0x80000
	extentMagic = 0xF30A
	inExtents   = 4   // extents that an inode holds itself
	inLeaf      = 340 // and that a block of them does
	inodeExtra  = 32  // bytes of fields beyond the first 128
	xattrSpace  = inodeSize - 128 - inodeExtra
)

// fill writes what a node says of itself into its inode.
func fill(inode []byte, n *tree.Node, links uint32, size uint64) {
	if links > 65000 {
		links = 1 // of a directory, as dir_nlink wants it; Check refuses other files
	}
	le.PutUint16(inode[0x0:], uint16(n.Mode))
	le.PutUint16(inode[0x2:], uint16(n.UID))
	le.PutUint16(inode[0x78:], uint16(n.UID>>16))
	le.PutUint16(inode[0x18:], uint16(n.GID))
	le.PutUint16(inode[0x7A:], uint16(n.GID>>16))
	le.PutUint16(inode[0x1A:], uint16(links))
	le.PutUint32(inode[0x4:], uint32(size))
	le.PutUint32(inode[0x6C:], uint32(size>>32))
	le.PutUint16(inode[0x80:], inodeExtra)
	seconds, extra := encodeTime(n.Modified)
	for _, at := range [][2]int{{0x8, 0x8C}, {0xC, 0x84}, {0x10, 0x88}, {0x90, 0x94}} { // access, change, modification, creation
		le.PutUint32(inode[at[0]:], seconds)
		le.PutUint32(inode[at[1]:], extra)
	}
}

// encodeTime is a time in the form of ext4, whose years are 1901 to 2446: what is
// before or after is put to the border.
func encodeTime(t time.Time) (seconds, extra uint32) {
	s := min(max(t.Unix(), -1<<31), 1<<34-1<<31-1)
	epoch := (s - int64(int32(s))) >> 32
	return uint32(s), uint32(epoch)&3 | uint32(t.Nanosecond())<<2
}

// device writes the number of a device.
func device(inode []byte, major, minor uint32) {
	if major < 256 && minor < 256 {
		le.PutUint32(inode[0x28:], major<<8|minor)
		return
	}
	le.PutUint32(inode[0x2C:], minor&0xff|major<<8|(minor&^0xff)<<12)
}

// addBlocks counts blocks that a file takes, in sectors.
func addBlocks(inode []byte, blocks uint64) {
	n := uint64(le.Uint32(inode[0x1C:])) | uint64(le.Uint16(inode[0x74:]))<<32
	n += blocks * (blockSize / 512)
	le.PutUint32(inode[0x1C:], uint32(n))
	le.PutUint16(inode[0x74:], uint16(n>>32))
}

// setExtents writes where a file's blocks are. More than four runs need blocks of
// their own, which happens where the file is larger than what is free in a row.
func (f *filesystem) setExtents(number uint32, runs []run) error {
	inode := f.inode(number)
	le.PutUint32(inode[0x20:], le.Uint32(inode[0x20:])|extentsFlag)
	var blocks uint64
	for _, r := range runs {
		blocks += uint64(r.count)
	}
	addBlocks(inode, blocks)
	if len(runs) <= inExtents {
		extents(inode[0x28:0x28+60], inExtents, 0, runs)
		return nil
	}
	if len(runs) > inExtents*inLeaf {
		return fmt.Errorf("it would lie in %d pieces, and %d are the most that is written", len(runs), inExtents*inLeaf)
	}
	header(inode[0x28:], 0, inExtents, 1)
	logical := uint32(0)
	for i := 0; len(runs) > 0; i++ {
		part := runs[:min(len(runs), inLeaf)]
		at, err := f.allocate(1)
		if err != nil {
			return err
		}
		index := inode[0x28+12*(i+1):]
		le.PutUint32(index, logical)
		le.PutUint32(index[4:], uint32(at[0].start))
		le.PutUint16(index[8:], uint16(at[0].start>>32))
		le.PutUint16(inode[0x2A:], uint16(i+1))
		leaf := make([]byte, blockSize)
		logical = extents(leaf, inLeaf, logical, part)
		le.PutUint32(leaf[blockSize-4:], checksum(f.inodeSeed(number), leaf[:blockSize-4]))
		f.out.write(int64(at[0].start)*blockSize, leaf)
		addBlocks(inode, 1)
		runs = runs[len(part):]
	}
	return nil
}

func header(node []byte, entries, most, depth int) {
	le.PutUint16(node, extentMagic)
	le.PutUint16(node[2:], uint16(entries))
	le.PutUint16(node[4:], uint16(most))
	le.PutUint16(node[6:], uint16(depth))
}

// extents writes runs into a node of the tree, from a block of the file on, and
// returns the block after them.
func extents(node []byte, most int, logical uint32, runs []run) uint32 {
	header(node, len(runs), most, 0)
	for i, r := range runs {
		e := node[12*(i+1):]
		le.PutUint32(e, logical)
		le.PutUint16(e[4:], uint16(r.count)) // 32768 is written as it is: only more would mean unwritten
		le.PutUint16(e[6:], uint16(r.start>>32))
		le.PutUint32(e[8:], uint32(r.start))
		logical += r.count
	}
	return logical
}

// inodeSeed is where the checksums of what belongs to an inode begin. Its generation is 0.
func (f *filesystem) inodeSeed(number uint32) uint32 {
	return checksum32(checksum32(f.seed, number), 0)
}

// seal writes an inode's checksum: the last that is done to it.
func (f *filesystem) seal(number uint32) {
	inode := f.inode(number)
	sum := checksum(f.inodeSeed(number), inode)
	le.PutUint16(inode[0x7C:], uint16(sum))
	le.PutUint16(inode[0x82:], uint16(sum>>16))
}

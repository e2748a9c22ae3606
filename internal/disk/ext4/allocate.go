package ext4

import "errors"

// maxRun is how many blocks one extent may have.
const maxRun = 32768

var (
	errBlocks = errors.New("the file system is full: give it more room")
	errInodes = errors.New("the file system has no inode left: give it more room")
)

// run is blocks in a row.
type run struct {
	start uint64
	count uint32
}

// allocate takes n blocks: the first that are free, so that what is written one after
// the other lies in a row.
func (f *filesystem) allocate(n uint64) ([]run, error) {
	var runs []run
	for ; n > 0; n-- {
		block, err := f.allocateOne()
		if err != nil {
			return nil, err
		}
		if last := len(runs) - 1; last >= 0 && runs[last].start+uint64(runs[last].count) == block && runs[last].count < maxRun {
			runs[last].count++
		} else {
			runs = append(runs, run{block, 1})
		}
	}
	return runs, nil
}

func (f *filesystem) allocateOne() (uint64, error) {
	for ; f.cursor < f.blocks; f.cursor++ {
		g, bit := f.groups[f.cursor/uint64(f.perGroup)], uint32(f.cursor%uint64(f.perGroup))
		if isSet(g.bitmap, bit) {
			continue
		}
		set(g.bitmap, bit)
		le.PutUint16(g.desc[0x12:], le.Uint16(g.desc[0x12:])&^blockUninit)
		g.count(0xC, 0x2C, -1)
		g.changed = true
		f.delta--
		f.cursor++
		return f.cursor - 1, nil
	}
	return 0, errBlocks
}

// free gives back a block.
func (f *filesystem) free(block uint64) {
	g, bit := f.groups[block/uint64(f.perGroup)], uint32(block%uint64(f.perGroup))
	g.bitmap[bit/8] &^= 1 << (bit % 8)
	g.count(0xC, 0x2C, 1)
	g.changed = true
	f.delta++
}

// allocateInode takes the next inode, in order.
func (f *filesystem) allocateInode(directory bool) (uint32, error) {
	number := f.next
	at := (number - 1) / f.inodes
	if int(at) >= len(f.groups) {
		return 0, errInodes
	}
	g, bit := f.groups[at], (number-1)%f.inodes
	set(g.inodes, bit)
	le.PutUint16(g.desc[0x12:], le.Uint16(g.desc[0x12:])&^inodeUninit)
	g.count(0xE, 0x2E, -1)
	unused := int64(le.Uint16(g.desc[0x1C:])) | int64(le.Uint16(g.desc[0x32:]))<<16
	g.count(0x1C, 0x32, int64(f.inodes-bit-1)-unused)
	if directory {
		g.count(0x10, 0x30, 1)
	}
	g.changed = true
	f.next++
	return number, nil
}

// inode is where an inode is kept until the end.
func (f *filesystem) inode(number uint32) []byte {
	g, i := f.groups[(number-1)/f.inodes], (number-1)%f.inodes
	if g.table == nil {
		g.table = make([]byte, f.inodes*inodeSize)
	}
	return g.table[i*inodeSize : (i+1)*inodeSize]
}

// readReserved reads the inodes that mke2fs has made, so that they are kept.
func (f *filesystem) readReserved(dev Device) error {
	first := f.inode(1)[:0]
	_, err := dev.ReadAt(first[:lostInode*inodeSize], int64(f.groups[0].inodeTable())*blockSize)
	return err
}

// finish writes the bitmaps, inodes, descriptors and superblocks.
func (f *filesystem) finish() error {
	table := make([]byte, f.descBlocks*blockSize)
	for i, g := range f.groups {
		f.finishGroup(uint32(i), g)
		copy(table[i*descSize:], g.desc)
	}
	f.countAll()
	for i := range f.groups {
		if hasSuper(uint64(i)) {
			first := uint64(i) * uint64(f.perGroup)
			le.PutUint16(f.super[0x5A:], uint16(i))
			le.PutUint32(f.super[0x3FC:], checksum(^uint32(0), f.super[:0x3FC]))
			offset := int64(first) * blockSize
			if i == 0 {
				offset = 1024
			}
			f.out.write(offset, f.super)
			f.out.write(int64(first+1)*blockSize, table)
		}
	}
	return f.out.flush()
}

func (f *filesystem) finishGroup(number uint32, g *group) {
	if g.changed {
		// A group that was never written has no inode bitmap if it has no inode: that stays.
		g.put(0x18, 0x38, checksum(f.seed, g.bitmap[:f.perGroup/8]))
		f.out.write(int64(g.blockBitmap())*blockSize, g.bitmap)
		if le.Uint16(g.desc[0x12:])&inodeUninit == 0 {
			g.put(0x1A, 0x3A, checksum(f.seed, g.inodes[:f.inodes/8]))
			f.out.write(int64(g.inodeBitmap())*blockSize, g.inodes)
		}
	}
	if g.table != nil {
		f.out.write(int64(g.inodeTable())*blockSize, g.table[:f.usedInodes(number)*inodeSize])
	}
	le.PutUint16(g.desc[0x1E:], 0)
	le.PutUint16(g.desc[0x1E:], uint16(checksum(checksum32(f.seed, number), g.desc)))
}

// usedInodes is how many inodes at the beginning of a group's table are used.
func (f *filesystem) usedInodes(group uint32) uint32 {
	return min(f.next-1-group*f.inodes, f.inodes)
}

func (g *group) put(low, high int, sum uint32) {
	le.PutUint16(g.desc[low:], uint16(sum))
	le.PutUint16(g.desc[high:], uint16(sum>>16))
}

func (f *filesystem) countAll() {
	free := int64(le.Uint32(f.super[0xC:])) | int64(le.Uint32(f.super[0x158:]))<<32
	free += f.delta
	le.PutUint32(f.super[0xC:], uint32(free))
	le.PutUint32(f.super[0x158:], uint32(free>>32))
	le.PutUint32(f.super[0x10:], le.Uint32(f.super[0x10:])-(f.next-firstInode))
}

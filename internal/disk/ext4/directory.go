package ext4

import "slipway.dev/slipway/internal/disk/tree"

// fileTypes are the kinds of files as a directory tells them.
var fileTypes = map[uint32]byte{
	tree.Regular: 1, tree.Directory: 2, tree.CharDev: 3, tree.BlockDev: 4, tree.Fifo: 5, tree.Symlink: 7,
}

// tail is what each block of a directory ends with: its checksum, in the form of an
// entry that names nothing.
const tail = 12

// name is an entry of a directory.
type name struct {
	name  string
	inode uint32
	kind  byte
}

func (n name) size() int { return entrySize(len(n.name)) }

func entrySize(length int) int { return (8 + length + 3) &^ 3 }

// directory packs entries into blocks, one after the other. Kernels search such a
// directory from its beginning, and give it an index when it grows.
func directory(entries []name, seed uint32) [][]byte {
	var blocks [][]byte
	var block []byte
	used, last := 0, 0
	end := func() {
		le.PutUint16(block[last+4:], uint16(blockSize-tail-last))
		le.PutUint16(block[blockSize-tail+4:], tail)
		block[blockSize-tail+7] = 0xDE
		le.PutUint32(block[blockSize-4:], checksum(seed, block[:blockSize-tail]))
		blocks = append(blocks, block)
	}
	for _, e := range entries {
		if block != nil && used+e.size() > blockSize-tail {
			end()
			block = nil
		}
		if block == nil {
			block, used = make([]byte, blockSize), 0
		}
		le.PutUint32(block[used:], e.inode)
		le.PutUint16(block[used+4:], uint16(e.size()))
		block[used+6], block[used+7] = byte(len(e.name)), e.kind
		copy(block[used+8:], e.name)
		last = used
		used += e.size()
	}
	end()
	return blocks
}

// directoryBlocks is how many blocks the directory with these names takes.
func directoryBlocks(names []string) uint64 {
	blocks, used := uint64(1), 2*entrySize(2) // . and ..
	for _, n := range names {
		if used+entrySize(len(n)) > blockSize-tail {
			blocks, used = blocks+1, 0
		}
		used += entrySize(len(n))
	}
	return blocks
}

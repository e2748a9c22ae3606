package ext4

import (
	"fmt"
	"strconv"
	"time"
)

// features are named one by one, so that a machine's mke2fs.conf decides nothing.
const features = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg," +
	"sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"

// Format is an empty file system in a file that holds only zeroes there.
type Format struct {
	File   string
	Offset int64  // of the file system in it
	Size   int64  // bytes
	Inodes uint64 // how many it needs at least
	UUID   string
	Label  string
}

// Args is the command that makes it.
func (f Format) Args() []string {
	return []string{
		"mke2fs", "-q", "-F", "-b", strconv.Itoa(blockSize), "-I", strconv.Itoa(inodeSize), "-m", "1",
		"-O", features, "-J", fmt.Sprintf("size=%d", f.journal()>>20), "-N", strconv.FormatUint(f.inodes(), 10),
		"-U", f.UUID, "-L", f.Label,
		"-E", fmt.Sprintf("offset=%d,hash_seed=%s,nodiscard,assume_storage_prezeroed=1,root_owner=0:0", f.Offset, f.UUID),
		f.File, fmt.Sprintf("%dk", f.Size>>10),
	}
}

// Env is what Args runs with, beside the environment: without it the file system would
// know when it was made.
func Env(made time.Time) []string {
	return []string{"E2FSPROGS_FAKE_TIME=" + strconv.FormatInt(made.Unix(), 10), "MKE2FS_CONFIG=/dev/null"}
}

// journal is the journal's size, which grows with the file system's.
func (f Format) journal() int64 {
	switch {
	case f.Size >= 4<<30:
		return 64 << 20
	case f.Size >= 1<<30:
		return 32 << 20
	}
	return 8 << 20
}

// inodes is one for each 16 KiB, as is usual, or what is needed with a quarter more.
func (f Format) inodes() uint64 { return max(uint64(f.Size)>>14, f.Inodes+f.Inodes/4) }

// Room is how many blocks a file system has at least for a tree.
func (f Format) Room() uint64 {
	blocks := uint64(f.Size) / blockSize
	groups := blocks/(blockSize*8) + 1
	descriptors := groups*descSize/blockSize + 1
	own := uint64(f.journal())/blockSize + f.inodes()*inodeSize/blockSize + 4*groups // tables are rounded up, a group
	for g := range groups {
		if hasSuper(g) {
			own += 1 + descriptors + blockSize/4 // what its descriptors may grow by, at most
		}
	}
	return blocks - min(blocks, own+16)
}

// SizeFor is the smallest size, in whole MiB, that surely holds what is needed.
func SizeFor(need Need) int64 {
	size := int64(need.Blocks*blockSize)&^(1<<20-1) + 32<<20 // less holds no journal
	for (Format{Size: size, Inodes: need.Inodes}).Room() < need.Blocks {
		size += 1 << 20
	}
	return size
}

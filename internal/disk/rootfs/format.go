// Package rootfs says how e2fsprogs make an ext4 file system of a tree.
//
// mke2fs makes it empty, and one script of debugfs fills it: as any user, of the files of
// unpacked layers as they lie. Each file gets the next number, so all that this machine
// would decide, times, owners and modes, is set by number to what the image says. Then
// debugfs lists all names, and e2fsck looks: what was asked for is what is there.
package rootfs

import (
	"fmt"
	"strconv"
	"time"
)

// features are named one by one, so that a machine's mke2fs.conf decides nothing.
const features = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg," +
	"sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"

const (
	blockSize  = 4096
	inodeSize  = 256
	firstInode = 12 // that a tree's file gets: below it are the reserved ones and lost+found
	rootInode  = 2
)

// Format is a file system in a file that holds only zeroes there.
type Format struct {
	File   string
	Offset int64  // of the file system in it
	Size   int64  // bytes
	Inodes uint64 // how many it needs at least
	UUID   string
	Label  string
}

// MakeArgs is the command that makes it, empty.
func (f Format) MakeArgs() []string {
	return []string{
		"mke2fs", "-q", "-F", "-b", strconv.Itoa(blockSize), "-I", strconv.Itoa(inodeSize), "-m", "1",
		"-O", features, "-J", fmt.Sprintf("size=%d", f.journal()>>20), "-N", strconv.FormatUint(f.inodes(), 10),
		"-U", f.UUID, "-L", f.Label,
		"-E", fmt.Sprintf("offset=%d,hash_seed=%s,nodiscard,assume_storage_prezeroed=1,root_owner=0:0", f.Offset, f.UUID),
		f.File, fmt.Sprintf("%dk", f.Size>>10),
	}
}

// ScriptArgs is the command that runs a script of debugfs.
func (f Format) ScriptArgs(script string) []string {
	return []string{"debugfs", "-w", "-f", script, f.device()}
}

// CheckArgs is the command that sees that all is as it should be.
func (f Format) CheckArgs() []string { return []string{"e2fsck", "-fn", f.device()} }

func (f Format) device() string { return fmt.Sprintf("%s?offset=%d", f.File, f.Offset) }

// Env is what the commands run with, beside the environment: without it the file system
// would know when and where it was made.
func Env(made time.Time) []string {
	return []string{"E2FSPROGS_FAKE_TIME=" + strconv.FormatInt(made.Unix(), 10), "MKE2FS_CONFIG=/dev/null", "LC_ALL=C"}
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

// room is how many blocks a file system has at least for a tree.
func (f Format) room() uint64 {
	blocks := uint64(f.Size) / blockSize
	groups := blocks/(blockSize*8) + 1
	backups := uint64(2) // the first groups, and the powers of 3, 5 and 7
	for _, base := range []uint64{3, 5, 7} {
		for g := base; g < groups; g *= base {
			backups++
		}
	}
	descriptors := groups*64/blockSize + 1
	own := uint64(f.journal())/blockSize + f.inodes()*inodeSize/blockSize + 4*groups // tables are rounded up, a group
	own += backups * (1 + descriptors + blockSize/4)                                 // what descriptors may grow by, at most
	return blocks - min(blocks, own+16)
}

// SizeFor is a size, in whole MiB, that surely holds what is needed, and not much more.
func SizeFor(need Need) int64 {
	size := int64(need.Blocks*blockSize)&^(1<<20-1) + 32<<20 // less holds no journal
	for (Format{Size: size, Inodes: need.Inodes}).room() < need.Blocks {
		size += 1 << 20
	}
	return size
}

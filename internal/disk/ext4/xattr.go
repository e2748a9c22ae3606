package ext4

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
)

const xattrMagic = 0xEA020000

// spaces are the beginnings of attributes' names, which are kept as numbers.
var spaces = []struct {
	prefix string
	number byte
}{{"user.", 1}, {"trusted.", 4}, {"security.", 6}}

// xattr is an extended attribute as it is kept.
type xattr struct {
	space       byte
	name, value string
}

func (x xattr) entrySize() int { return 16 + (len(x.name)+3)&^3 }
func (x xattr) valueSize() int { return (len(x.value) + 3) &^ 3 }

// KeepsXattr says whether an attribute is of a kind that is written.
func KeepsXattr(name string) bool {
	return slices.ContainsFunc(spaces, func(s struct {
		prefix string
		number byte
	}) bool {
		return strings.HasPrefix(name, s.prefix) && len(name) > len(s.prefix)
	})
}

// sortXattrs puts attributes into the order in which kernels search them.
func sortXattrs(attributes map[string]string) []xattr {
	var sorted []xattr
	for _, full := range slices.Sorted(maps.Keys(attributes)) {
		for _, space := range spaces {
			if name, ok := strings.CutPrefix(full, space.prefix); ok && name != "" {
				sorted = append(sorted, xattr{space.number, name, attributes[full]})
			}
		}
	}
	slices.SortFunc(sorted, func(a, b xattr) int {
		return cmp.Or(cmp.Compare(a.space, b.space), cmp.Compare(len(a.name), len(b.name)), strings.Compare(a.name, b.name))
	})
	return sorted
}

// xattrSize is what attributes take, with the word that ends their list.
func xattrSize(attributes []xattr) int {
	size := 4
	for _, x := range attributes {
		size += x.entrySize() + x.valueSize()
	}
	return size
}

// fitsInode says whether attributes can lie in the inode itself.
func fitsInode(attributes []xattr) bool { return 4+xattrSize(attributes) <= xattrSpace }

var errXattrs = errors.New("its extended attributes are larger than a block")

// checkXattrs refuses what fits nowhere.
func checkXattrs(attributes []xattr) error {
	if 32+xattrSize(attributes) > blockSize {
		return errXattrs
	}
	for _, x := range attributes {
		if len(x.name) > 255 {
			return errors.New("the name of an extended attribute is longer than 255 bytes")
		}
	}
	return nil
}

// packXattrs writes attributes from a place in space on. Where their values lie is told
// from the beginning of base.
func packXattrs(space []byte, begin, base int, attributes []xattr, hash bool) {
	at, end := begin, len(space)
	for _, x := range attributes {
		end -= x.valueSize()
		copy(space[end:], x.value)
		entry := space[at:]
		entry[0], entry[1] = byte(len(x.name)), x.space
		if len(x.value) > 0 {
			le.PutUint16(entry[2:], uint16(end-base))
		}
		le.PutUint32(entry[8:], uint32(len(x.value)))
		if hash {
			le.PutUint32(entry[12:], x.hash())
		}
		copy(entry[16:], x.name)
		at += x.entrySize()
	}
}

func (x xattr) hash() uint32 {
	hash := uint32(0)
	for i := range len(x.name) {
		hash = hash<<5 ^ hash>>27 ^ uint32(x.name[i])
	}
	value := append([]byte(x.value), 0, 0, 0)
	for i := 0; i < x.valueSize(); i += 4 {
		hash = hash<<16 ^ hash>>16 ^ le.Uint32(value[i:])
	}
	return hash
}

// setXattrs writes attributes into an inode, or into a block of their own.
func (f *filesystem) setXattrs(number uint32, attributes []xattr) error {
	inode := f.inode(number)
	if len(attributes) == 0 {
		return nil
	}
	if fitsInode(attributes) {
		space := inode[128+inodeExtra:]
		le.PutUint32(space, xattrMagic)
		packXattrs(space, 4, 4, attributes, false)
		return nil
	}
	at, err := f.allocate(1)
	if err != nil {
		return err
	}
	number64 := at[0].start
	block := make([]byte, blockSize)
	le.PutUint32(block, xattrMagic)
	le.PutUint32(block[4:], 1) // references
	le.PutUint32(block[8:], 1) // blocks
	packXattrs(block, 32, 0, attributes, true)
	hash := uint32(0)
	for _, x := range attributes {
		hash = hash<<16 ^ hash>>16 ^ x.hash()
	}
	le.PutUint32(block[12:], hash)
	le.PutUint32(block[16:], checksum(checksum(f.seed, le.AppendUint64(nil, number64)), block))
	f.out.write(int64(number64)*blockSize, block)
	le.PutUint32(inode[0x68:], uint32(number64))
	le.PutUint16(inode[0x76:], uint16(number64>>32))
	addBlocks(inode, 1)
	return nil
}

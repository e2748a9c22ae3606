package ext4

import (
	"encoding/binary"
	"hash/crc32"
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// checksum goes on with a checksum as the kernel does: without the inversions at the
// beginning and the end that Go's crc32 has.
func checksum(seed uint32, data []byte) uint32 {
	return ^crc32.Update(^seed, castagnoli, data)
}

func checksum32(seed, number uint32) uint32 {
	return checksum(seed, le.AppendUint32(nil, number))
}

package disk

import (
	"crypto/sha256"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/disk/rootfs"
)

const (
	biosStart = mib
	biosSize  = mib
	espStart  = biosStart + biosSize
	minESP    = 128 * mib
	end       = mib // behind the last partition, for the second table
)

// slotNames are how the roots are called.
var slotNames = []string{"a", "b"}

// identity is a UUID that follows from a digest and from what it is for.
func identity(digest, of string) string {
	sum := sha256.Sum256([]byte("slipway disk " + digest + " " + of))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8: derived
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// espSize holds the kernels of all slots, each with room for a larger one.
func espSize(slots int, kernel int64) int64 {
	return max(minESP, roundUp(int64(slots)*(2*kernel)+32*mib, 8*mib))
}

func roundUp(n, by int64) int64 { return (n + by - 1) / by * by }

// rootSize decides how large each root is. A size of the disk that is too small is
// refused, with the one that is needed.
func rootSize(need rootfs.Need, o Options, esp int64) (int64, error) {
	least, around := rootfs.SizeFor(need), espStart+esp+end
	if o.Size == 0 {
		return roundUp(least+least/4+512*mib, 64*mib), nil
	}
	size := (o.Size - around) / int64(o.Slots) &^ (mib - 1)
	if size < least {
		return 0, fmt.Errorf("a disk of %d MiB is too small for the image; give it at least --size %dM", o.Size/mib, (around+int64(o.Slots)*least)/mib)
	}
	return size, nil
}

// partitions are the disk's, in their order on it.
func partitions(digest string, slots int, esp, root int64) []Partition {
	all := []Partition{
		{Name: "bios", Type: typeBIOS, Start: biosStart, Size: biosSize},
		{Name: "esp", Type: typeESP, Start: espStart, Size: esp},
	}
	for i := range slots {
		all = append(all, Partition{
			Name: "root-" + slotNames[i], Type: typeRoot, Start: espStart + esp + int64(i)*root, Size: root,
		})
	}
	for i := range all {
		all[i].Number, all[i].UUID = i+1, identity(digest, all[i].Name)
	}
	return all
}

// volumeID is the ESP's, by which GRUB finds it.
func volumeID(digest string) string { return identity(digest, "volume")[:8] }

// earliest is the first time that FAT can tell.
var earliest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// madeAt is when the disk says that it was made: when its image was.
func madeAt(created time.Time) time.Time {
	if latest := time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC); created.After(latest) {
		return latest
	}
	if created.Before(earliest) {
		return earliest
	}
	return created.UTC().Truncate(time.Second)
}

package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// grubModules are in both boot loaders: what finds the ESP, reads its configuration and
// loads a kernel from it.
var grubModules = []string{
	"part_gpt", "fat", "search", "search_fs_uuid", "normal", "configfile", "loadenv", "linux", "boot",
	"echo", "test", "sleep", "reboot", "halt", "serial", "terminal",
}

// platforms are the firmwares that a disk boots under, by GRUB's name.
var platforms = []struct {
	name    string
	modules []string // beside grubModules
	file    string   // what grub-mkimage writes
}{
	{"i386-pc", []string{"biosdisk"}, "core.img"},
	{"x86_64-efi", []string{"efi_gop", "all_video"}, "BOOTX64.EFI"},
}

// early is the configuration inside of GRUB: it finds the ESP, whichever disk it is on.
func early(volume string) string {
	return fmt.Sprintf("search --no-floppy --fs-uuid --set=root %s-%s\nset prefix=($root)/slipway\nconfigfile /slipway/grub.cfg\n",
		strings.ToUpper(volume[:4]), strings.ToUpper(volume[4:]))
}

// grubConfig is the configuration on the ESP. A guest upgrades by writing the other
// root and its folder here. It makes that the next boot's alone by the variable next in
// grubenv, so that a boot that never confirms is followed by one of the old slot; and
// every boot's by default.cfg. A slot that cannot be loaded gives way to the
// other, whose number is the place of its entry.
func grubConfig(slots int) string {
	var b strings.Builder
	b.WriteString(`serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
set default=a
if [ -s /slipway/default.cfg ]; then
  source /slipway/default.cfg
fi
load_env --file /slipway/grubenv next
if [ -n "$next" ]; then
  set default="$next"
  set next=
  save_env --file /slipway/grubenv next
fi
set fallback=1
if [ "$default" = b ]; then
  set fallback=0
fi
`)
	for _, slot := range slotNames[:slots] {
		fmt.Fprintf(&b, "menuentry \"slot %[1]s\" --id %[1]s {\n  source /slipway/%[1]s/boot.cfg\n}\n", slot)
	}
	return b.String()
}

// grubEnvironment is an empty environment: GRUB writes into the file where it lies, so
// it has its size from the beginning.
func grubEnvironment() string {
	const head = "# GRUB Environment Block\n"
	return head + strings.Repeat("#", 1024-len(head))
}

// bootConfig loads a slot's kernel. The arguments are checked: none holds a quote.
func bootConfig(slot string, arguments []string, initrd bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "linux /slipway/%s/vmlinuz", slot)
	for _, argument := range arguments {
		fmt.Fprintf(&b, " '%s'", argument)
	}
	b.WriteString("\n")
	if initrd {
		fmt.Fprintf(&b, "initrd /slipway/%s/initrd\n", slot)
	}
	return b.String()
}

// Where GRUB's first sectors name the next: the MBR's code the first sector of core.img,
// and that the list of its others.
const (
	bootCode       = 440  // bytes of the MBR that are code
	kernelSector   = 0x5c // in the MBR
	driveCheck     = 0x66
	listSector     = 0x1f4 // in core.img's first sector, with the count and segment after it
	sectorsInBlock = 512
)

// embed makes GRUB's two parts of a BIOS boot find each other: core.img lies from the
// first sector of its partition on.
func embed(boot, core []byte, start int64) (mbr, image []byte, err error) {
	sectors := (int64(len(core)) + sectorsInBlock - 1) / sectorsInBlock
	if len(boot) != sectorsInBlock || sectors < 2 || sectors*sectorsInBlock > biosSize {
		return nil, nil, errors.New("GRUB's boot.img or core.img has no size that can be right; is grub-pc-bin whole?")
	}
	le := binary.LittleEndian
	mbr = append([]byte(nil), boot[:bootCode]...)
	le.PutUint64(mbr[kernelSector:], uint64(start/sectorsInBlock))
	copy(mbr[driveCheck:], "\x90\x90") // the drive that the BIOS names is right
	image = make([]byte, sectors*sectorsInBlock)
	copy(image, core)
	le.PutUint64(image[listSector:], uint64(start/sectorsInBlock)+1)
	le.PutUint16(image[listSector+8:], uint16(sectors-1))
	return mbr, image, nil
}

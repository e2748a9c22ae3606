package openqa

import "encoding/binary"

// BootSector is a disk of 1 MiB that a PC boots: it writes text to the screen and to the
// first serial port, and halts.
func BootSector(text string) []byte {
	const origin = 0x7c00
	code := []byte{
		0xfa,       // cli
		0x31, 0xc0, // xor ax, ax
		0x8e, 0xd8, // mov ds, ax
		0xbe, 0x00, 0x00, // mov si, text
		0xac,       // next: lodsb
		0x84, 0xc0, // test al, al
		0x74, 0x12, // jz end
		0x88, 0xc1, // mov cl, al
		0xb4, 0x0e, // mov ah, 0x0e: write a character to the screen
		0xbb, 0x07, 0x00, // mov bx, 7
		0xcd, 0x10, // int 0x10
		0x88, 0xc8, // mov al, cl
		0xba, 0xf8, 0x03, // mov dx, 0x3f8: the first serial port
		0xee,       // out dx, al
		0xeb, 0xea, // jmp next
		0x90,       // nop
		0xf4,       // end: hlt
		0xeb, 0xfd, // jmp end
	}
	binary.LittleEndian.PutUint16(code[6:], uint16(origin+len(code)))
	disk := make([]byte, 1<<20)
	copy(disk, append(append(code, text...), "\r\n\x00"...))
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}

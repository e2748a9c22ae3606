package tinyguest

import (
	"bytes"
	"fmt"
)

// file is a file of the initramfs.
type file struct {
	name string // without a leading slash
	mode int    // as in stat: type and permissions
	data []byte // a link's is its target
}

// The types of files.
const (
	typeFile   = 0o100000
	typeFolder = 0o040000
	typeLink   = 0o120000
	typeDevice = 0o020000
)

// console is the number of /dev/console, the only device that the kernel needs before
// its own are there.
const consoleMajor, consoleMinor = 5, 1

// pack writes an archive as the kernel unpacks it: cpio's "newc".
func pack(files []file) []byte {
	var out bytes.Buffer
	for i, f := range append(files, file{name: "TRAILER!!!"}) {
		major, minor := 0, 0
		if f.mode&0o170000 == typeDevice {
			major, minor = consoleMajor, consoleMinor
		}
		fmt.Fprintf(&out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, f.mode, 0, 0, 1, 0, len(f.data), 0, 0, major, minor, len(f.name)+1, 0)
		out.WriteString(f.name)
		out.WriteByte(0)
		pad(&out)
		out.Write(f.data)
		pad(&out)
	}
	return out.Bytes()
}

func pad(out *bytes.Buffer) {
	for out.Len()%4 != 0 {
		out.WriteByte(0)
	}
}

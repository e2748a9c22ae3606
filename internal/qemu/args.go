package qemu

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The firmware of Debian's package ovmf.
const (
	uefiCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	uefiVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// Runtime is what a plan takes from this machine and this moment. Its zero value plans
// a command for a person: console and monitor on the terminal.
type Runtime struct {
	Accel    string
	Managed  *Descriptors // of a machine that this process runs
	Incoming bool         // the machine waits for the state of another one
	Overlays []string     // files that take what the guest writes to each disk; without them QEMU forgets it
	SeedFile string       // the NoCloud disk
	Key      string       // public, in the form of authorized_keys
}

// Descriptors are the file descriptors that QEMU inherits.
type Descriptors struct {
	Monitor, Agent, Console, Memory int
}

// Args plans QEMU's command, program first. It is a pure function.
func (c Config) Args(r Runtime) []string {
	p := planner{Config: c.withDefaults(), Runtime: r}
	p.add(p.Program, "-nodefaults", "-no-user-config", "-display", "none")
	p.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	p.board()
	p.firmware()
	p.kernel()
	p.ends()
	p.disks()
	p.network()
	p.credentials()
	return p.args
}

type planner struct {
	Config
	Runtime
	args []string
}

func (p *planner) add(args ...string) { p.args = append(p.args, args...) }

// device adds a virtio device, which a MicroVM has not on a PCI bus.
func (p *planner) device(kind, options string) {
	bus := "pci"
	if p.Machine == MicroVM {
		bus = "device"
	}
	p.add("-device", "virtio-"+kind+"-"+bus+options)
}

func (p *planner) board() {
	machine, cpu := p.Machine, "max"
	if p.Machine == MicroVM {
		machine += ",acpi=on,rtc=on"
	}
	if p.Runtime.Accel == KVM {
		cpu = "host"
	}
	if p.Managed != nil {
		machine += ",memory-backend=ram"
		p.add("-object", fmt.Sprintf("memory-backend-file,id=ram,size=%d,mem-path=/proc/self/fd/%d,share=%s",
			p.Memory, p.Managed.Memory, onOff(!p.Incoming)))
	}
	p.add("-machine", machine, "-accel", acceleration(p.Runtime.Accel), "-cpu", cpu)
	p.add("-smp", fmt.Sprint(p.CPUs), "-m", fmt.Sprintf("%dM", p.Memory/mebibyte))
}

// translations is how much translated code TCG keeps, in MiB: QEMU's own choice is up to
// 1024, which is more than overhead says, and what is kept of one boot slows the next. A
// reset forgets nothing, so each write of the new kernel to where the old one ran looks
// for what was translated from there. With QEMU 7.2 a reboot on a busy machine took 8 to
// 37 s, and always 13 s and more without KASLR; so it takes 4 to 8 s.
const translations = 32

func acceleration(name string) string {
	if name == KVM {
		return KVM
	}
	return fmt.Sprintf("%s,tb-size=%d", TCG, translations)
}

// firmware adds UEFI, whose variables are forgotten with the machine.
func (p *planner) firmware() {
	if p.Firmware == UEFI {
		p.add("-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+uefiCode)
		p.add("-drive", "if=pflash,unit=1,format=raw,snapshot=on,file="+uefiVars)
	}
}

func (p *planner) kernel() {
	for _, option := range [][2]string{{"-kernel", p.Kernel}, {"-initrd", p.Initrd}, {"-append", p.Append}} {
		if option[1] != "" {
			p.add(option[0], option[1])
		}
	}
}

// ends adds what the outside sees of the guest, and hears from it.
func (p *planner) ends() {
	agent := "null,id=agent"
	if d := p.Managed; d != nil {
		agent = fmt.Sprintf("socket,id=agent,fd=%d", d.Agent)
		p.add("-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", d.Monitor), "-mon", "chardev=monitor,mode=control")
		p.add("-chardev", fmt.Sprintf("socket,id=console,fd=%d", d.Console), "-serial", "chardev:console")
		p.add("-no-shutdown")
	} else {
		p.add("-serial", "mon:stdio")
	}
	if p.Incoming {
		p.add("-incoming", "defer")
	}
	p.device("serial", "")
	p.add("-chardev", agent, "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0")
	p.device("rng", "")
	p.add("-device", "pvpanic")
	if p.Machine == Q35 {
		p.add("-device", "VGA", "-device", "vmgenid,guid=auto")
	}
}

func (p *planner) disks() {
	for i, disk := range p.Disks {
		drive, options := fmt.Sprintf("if=none,id=disk%d", i), ""
		switch {
		case disk.ReadOnly:
			drive += ",format=" + disk.Format + ",readonly=on,file=" + escape(disk.File)
		case i < len(p.Overlays):
			drive += ",format=qcow2,cache=unsafe,discard=unmap,file=" + escape(p.Overlays[i])
		default:
			drive += ",format=" + disk.Format + ",snapshot=on,file=" + escape(disk.File)
		}
		if disk.Serial != "" {
			options += ",serial=" + escape(disk.Serial)
		}
		if i == 0 && p.Kernel == "" {
			options += ",bootindex=0" // firmware looks at no other disk
		}
		p.add("-drive", drive)
		p.device("blk", fmt.Sprintf(",drive=disk%d", i)+options)
	}
	if p.SeedFile != "" {
		p.add("-drive", "if=none,id=seed,format=raw,readonly=on,file="+escape(p.SeedFile))
		p.device("blk", ",drive=seed")
	}
}

// network adds a network of the guest alone. Port 0 lets the kernel choose a free port:
// nobody can take it in between.
func (p *planner) network() {
	options := ""
	if p.Machine != MicroVM {
		options = ",romfile="
	}
	p.add("-netdev", fmt.Sprintf("user,id=net,restrict=%s,hostfwd=tcp:127.0.0.1:%d-:22", onOff(!p.Online), p.SSHPort))
	p.device("net", ",netdev=net"+options)
}

// credentials adds what systemd in the guest reads at its first boot.
func (p *planner) credentials() {
	all := maps.Clone(p.Credentials)
	if all == nil {
		all = map[string]string{}
	}
	if p.Key != "" {
		all["ssh.authorized_keys.root"] = p.Key
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if p.Machine == MicroVM {
			p.add("-fw_cfg", "name=opt/io.systemd.credentials/"+escape(name)+",string="+escape(all[name]))
			continue
		}
		value := base64.StdEncoding.EncodeToString([]byte(all[name]))
		p.add("-smbios", "type=11,value=io.systemd.credential.binary:"+escape(name)+"="+value)
	}
}

// escape writes a value so that QEMU does not take its commas for the next option.
func escape(value string) string { return strings.ReplaceAll(value, ",", ",,") }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// withDefaults is the configuration with nothing left to choose but the accelerator.
func (c Config) withDefaults() Config {
	c.Program = cmp.Or(c.Program, "qemu-system-x86_64")
	c.Machine = cmp.Or(c.Machine, Q35)
	if c.Machine == Q35 {
		c.Firmware = cmp.Or(c.Firmware, BIOS)
	}
	c.Memory = cmp.Or(c.Memory, defaultMemory)
	c.CPUs = cmp.Or(c.CPUs, defaultCPUs)
	c.User = cmp.Or(c.User, "root")
	c.Boot = cmp.Or(c.Boot, defaultBoot)
	c.Disks = slices.Clone(c.Disks)
	for i := range c.Disks {
		c.Disks[i].Format = cmp.Or(c.Disks[i].Format, "raw")
	}
	return c
}

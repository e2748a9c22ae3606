package console

// examples are lines that consoles showed: those that a pattern is for, and those that
// look like them and are no failure, or another one.
var examples = map[string]struct{ yes, no []string }{
	Flood: {
		[]string{"[slipway: the console printed more than 67108864 bytes; what follows is not kept]", "[slipway: the console printed more than 10 bytes; what follows"},
		[]string{"console flood", "-- [slipway: the console printed more than 1 bytes"}},
	"no-boot-device": {
		[]string{"No bootable device.", "BdsDxe: No bootable option or device was found.", "UEFI Interactive Shell v2.2", "Missing operating system"},
		[]string{"Booting from Hard Disk...", "BdsDxe: starting Boot0001 \"UEFI QEMU HARDDISK QM00001 \" from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)", "Welcome to your operating system"}},
	"boot-entry": {
		[]string{"BdsDxe: failed to load Boot0001 \"UEFI QEMU DVD-ROM QM00003 \" from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0): Not Found", "Boot failed: not a bootable disk", "Boot failed: could not read the boot disk"},
		[]string{"BdsDxe: loading Boot0002 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0)"}},
	"secure-boot": {
		[]string{"Verification failed: (0x1A) Security Violation", "error: bad shim signature.", "BdsDxe: failed to load Boot0003 \"debian\" from HD(1,GPT)/\\EFI\\debian\\shimx64.efi: Access Denied"},
		[]string{"[    0.000000] secureboot: Secure boot disabled", "BdsDxe: failed to load Boot0001: Not Found"}},
	"grub-error": {
		[]string{"error: no such device: 6b3c1a4e-7c1f-4a4e-8a1e-0b8f2d0a1c55.", "error: file `/boot/vmlinuz-6.1.0-18-amd64' not found.", "error: unknown filesystem.", "error: you need to load the kernel first.", "error: ../../grub-core/fs/fshelp.c:257:file `/grub/i386-pc/normal.mod' not found.", "error: disk `hd0,gpt9' not found."},
		[]string{"error: no suitable video mode found.", "curl: error: unknown filesystem option", "GRUB loading.", "test error: no such device"}},
	"grub-rescue": {
		[]string{"Entering rescue mode...", "grub rescue> ", "grub> ", "alloc magic is broken at 0x7ff0a2a0: 0", "Minimal BASH-like line editing is supported. For the first word, TAB"},
		[]string{"GRUB loading..", "Welcome to GRUB!", "[    1.0] squashfs: magic is fine"}},
	"boot-loader": {
		[]string{"EFI stub: ERROR: Failed to open file: \\initrd.img", "Error preparing initrd: Not Found", "No DEFAULT or UI configuration directive found!"},
		[]string{"EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path", "EFI stub: UEFI Secure Boot is enabled."}},
	"kernel-unpack": {
		[]string{" -- System halted", "XZ-compressed data is corrupt", "ZSTD-compressed data is corrupt"},
		[]string{"[  100.1] reboot: System halted", "Decompressing Linux... Parsing ELF... done."}},
	"initrd-unpack": {
		[]string{"[    0.601112] Initramfs unpacking failed: invalid magic at start of compressed archive", "[    0.412000] Initramfs unpacking failed: write error", "[    1.0] rootfs image is not initramfs (no cpio magic); looks like an initrd"},
		[]string{"[    0.401112] Trying to unpack rootfs image as initramfs...", "Unpacking failed2ban (1.0.2-2) ..."}},
	"kernel-panic": {
		[]string{"[    2.183409] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "[    1.401230] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100", "Kernel panic - not syncing: Fatal exception in interrupt"},
		[]string{"[    0.000000] Command line: root=/dev/vda1 panic=-1 console=ttyS0", "[    1.402000] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---", "[    0.1] Kernel parameter elevator= does not panic"}},
	"kernel-oops": {
		[]string{"[   10.123456] Oops: 0002 [#1] PREEMPT SMP NOPTI", "[   45.000001] Internal error: Oops: 0000000096000004 [#1] SMP", "[    8.0] Oops: Oops: 0000 [#1] SMP"},
		[]string{"Oops: something went wrong, try again", "[    0.0] panic_on_oops: Oops: enabled"}},
	"kernel-bug": {
		[]string{"[   12.345678] kernel BUG at mm/slub.c:3901!", "[    3.141592] BUG: scheduling while atomic: swapper/0/0/0x00000002", "[    5.0] BUG: Bad page state in process kworker/0:1  pfn:10ee7", "[    7.1][  T812] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580"},
		[]string{"Report bugs to <https://bugs.debian.org/>", "[    1.0] systemd[1]: DEBUG: on", "[   33.1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:123]", "HOME_URL BUG_REPORT_URL"}},
	"general-protection": {
		[]string{"[   22.000000] general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] PREEMPT SMP PTI", "[   22.0] general protection fault: 0000 [#1] SMP", "[    9.9] Oops: general protection fault, probably for non-canonical address 0x6b6b6b6b6b6b6b83: 0000 [#1] SMP"},
		[]string{"[   31.0] traps: python3[812] general protection fault ip:7f1a sp:7ffd error:0 in libc.so.6[7f1a+1c4000]"}},
	"bad-address": {
		[]string{"[   10.0] BUG: kernel NULL pointer dereference, address: 0000000000000008", "[   10.0] BUG: unable to handle page fault for address: ffffb5e6c0a8f000", "[   11.0] BUG: unable to handle kernel NULL pointer dereference at 0000000000000010", "[   12.0] Unable to handle kernel paging request at virtual address ffff80001234"},
		[]string{"java.lang.Error: NULL pointer dereference", "dockerd: unable to handle request"}},
	"double-fault": {
		[]string{"[    5.5] traps: PANIC: double fault, error_code: 0x0", "[    5.5] double fault: 0000 [#1] SMP", "PANIC: double fault, error_code: 0x0"},
		[]string{"[    0.1] x86: double fault stack set up", "[    0.1] handled a double fault handler"}},
	"machine-check": {
		[]string{"[  100.0] mce: [Hardware Error]: Machine check events logged", "[  100.0] mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: b200000000070f0f", "[    0.5] mce: [Hardware Error]: CPU 1: Machine Check: 0 Bank 5: be00000000800400"},
		[]string{"[    0.03] mce: CPU0 supports 10 MCE banks", "[    0.5] MCE: In-kernel MCE decoding enabled."}},
	"stack-corruption": {
		[]string{"[    3.0] Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: start_kernel+0x5f0/0x5f4", "[    3.0] Kernel panic - not syncing: corrupted stack end detected inside scheduler", "[    4.0] BUG: stack guard page was hit at 00000000 (stack is 0000..0000)"},
		[]string{"[    0.0] Stack protector: kernel stack is protected"}},
	"list-corruption": {
		[]string{"[    4.2] list_del corruption. prev->next should be ffff8880, but was dead000000000122", "[    4.2] list_add corruption. next->prev should be prev (ffff), but was 0000.", "[    4.2] list_add double add: new=ffff, prev=ffff, next=ffff."},
		[]string{"[    4.2] RIP: 0010:__list_del_entry_valid+0x7a/0x90"}},
	"sanitizer": {
		[]string{"[    9.1] BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0x4a/0x60 [test_kasan]", "[    9.1] BUG: KFENCE: use-after-free read in test_use_after_free_read+0xb3/0x143", "[    9.2] BUG: KCSAN: data-race in do_raw_write_lock / tcp_poll"},
		[]string{"[    0.0] kasan: KernelAddressSanitizer initialized (generic)"}},
	"ubsan": {
		[]string{"[    2.0] UBSAN: array-index-out-of-bounds in drivers/net/hyperv/netvsc.c:1445:41", "[    2.0] UBSAN: shift-out-of-bounds in ./include/linux/log2.h:57:13"},
		[]string{"CONFIG_UBSAN: not set", "[    0.0] cmdline: UBSAN=1"}},
	"lockdep": {
		[]string{"[    6.6] WARNING: possible circular locking dependency detected", "[    6.6] WARNING: inconsistent lock state", "[    6.6] WARNING: suspicious RCU usage"},
		[]string{"[    0.0] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar"}},
	"kernel-warning": {
		[]string{"[    8.1] WARNING: CPU: 1 PID: 123 at net/core/dev.c:1234 dev_watchdog+0x1e2/0x1f0", "[    8.1] WARNING: kernel/sched/core.c:2270 at task_rq_lock+0x1/0x2, CPU#1: swapper/0/1", "------------[ cut here ]------------ [    8.1] WARNING: CPU: 0 PID: 1 at fs/proc/generic.c:376"},
		[]string{"WARNING: Image format was not specified for 'x.raw' and probing guessed raw.", "[    1.0] lvm: WARNING: Device for PV not found", "[    6.6] WARNING: inconsistent lock state"}},
	"soft-lockup": {
		[]string{"[   33.1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:123]", "[   60.0] BUG: soft lockup - CPU#0 stuck for 67s! [swapper/0:1]"},
		[]string{"[    0.1] Soft lockup detector on", "[    0.1] kernel.softlockup_panic: soft lockup = 0"}},
	"hard-lockup": {
		[]string{"[   33.1] NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", "[   33.1] watchdog: Watchdog detected hard LOCKUP on cpu 0"},
		[]string{"[    0.2] NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.", "[    0.2] HARDLOCKUP_DETECTOR"}},
	"workqueue-lockup": {
		[]string{"[   99.0] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 47s!", "BUG: workqueue lockup - pool cpus=1-3 flags=0x4 nice=0 stuck for 30s!"},
		[]string{"[   99.0] Showing busy workqueues and worker pools:"}},
	"rcu-stall": {
		[]string{"[   21.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", "[   21.0] rcu: INFO: rcu_preempt self-detected stall on CPU", "[   21.0] rcu: rcu_sched kthread starved for 5250 jiffies! g-1195 f0x0 RCU_GP_WAIT_FQS(5)"},
		[]string{"[    0.0] rcu: Hierarchical RCU implementation.", "[    0.0] rcu: \tRCU CPU stall warnings timeout set to 60 (rcu_cpu_stall_timeout)."}},
	"hung-task": {
		[]string{"[  242.0] INFO: task jbd2/vda1-8:216 blocked for more than 120 seconds.", "[  363.1] INFO: task systemd:1 blocked for more than 241 seconds."},
		[]string{"[  242.0] \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.", "apt: blocked for more than 3 seconds by a lock"}},
	"irq-nobody-cared": {
		[]string{"[   18.0] irq 9: nobody cared (try booting with the \"irqpoll\" option)", "[   18.0] Disabling IRQ #9"},
		[]string{"[    0.4] ACPI: PCI: Interrupt link LNKA configured for IRQ 10", "a story that nobody cared for"}},
	"net-watchdog": {
		[]string{"[   50.0] NETDEV WATCHDOG: eth0 (virtio_net): transmit queue 0 timed out", "[   50.0] virtio_net virtio0 ens3: NETDEV WATCHDOG: CPU: 0: transmit queue 0 timed out 5120 ms"},
		[]string{"[    1.0] net: NETDEV WATCHDOG enabled"}},
	"module-load": {
		[]string{"[    4.4] hello: disagrees about version of symbol module_layout", "systemd-modules-load[211]: Failed to find module 'zram'", "[    4.4] hello: Unknown symbol kmap (err -2)", "[    5.5] Loading of unsigned module is rejected"},
		[]string{"systemd-modules-load[211]: Inserted module 'fuse'", "[    4.4] hello: loading out-of-tree module taints kernel."}},
	"module-taint": {
		[]string{"[    4.4] hello: module verification failed: signature and/or required key missing - tainting kernel", "[    4.4] hello: loading out-of-tree module taints kernel.", "[    4.4] nvidia: module license 'NVIDIA' taints kernel."},
		[]string{"[    8.1] CPU: 1 PID: 123 Comm: x Not tainted 6.1.0-18-amd64 #1", "[    8.1] CPU: 1 PID: 1 Comm: x Tainted: G        W          6.1.0"}},
	"entropy": {
		[]string{"[    0.9] random: systemd: uninitialized urandom read (16 bytes read)", "[    3.1] random: 7 urandom warning(s) missed due to ratelimiting"},
		[]string{"[    1.1] random: crng init done", "[    0.2] random: get_random_u32 called from bsp_init_amd with crng_init=0"}},
	"clocksource": {
		[]string{"[    9.0] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable because the skew is too large:", "[    9.0] tsc: Marking TSC unstable due to clocksource watchdog", "[    9.0] clocksource: Long readout interval, skipping watchdog check: cs_nsec: 1 wd_nsec: 2"},
		[]string{"[    0.0] clocksource: hpet: mask: 0xffffffff max_cycles: 0xffffffff", "[    1.0] clocksource: Switched to clocksource kvm-clock"}},
	"cpu-too-old": {
		[]string{"Fatal glibc error: CPU does not support x86-64-v2", "FATAL: kernel too old", "This kernel requires an x86-64 CPU, but only detected an i686 CPU."},
		[]string{"[    0.0] x86/cpu: SGX disabled by BIOS.", "The package requires a CPU with AVX"}},
	"oom-killer": {
		[]string{"[   77.0] python3 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0", "[   77.1] Out of memory: Killed process 812 (python3) total-vm:2097152kB, anon-rss:1048576kB", "[   78.0] Memory cgroup out of memory: Killed process 901 (stress) total-vm:3996kB"},
		[]string{"[   77.0] oom_reaper: reaped process 812 (python3), now anon-rss:0kB", "go: fatal error: out of memory"}},
	"unit-oom": {
		[]string{"[   77.2] systemd[1]: hello.service: A process of this unit has been killed by the OOM killer.", "[   77.3] systemd[1]: hello.service: Failed with result 'oom-kill'."},
		[]string{"systemd[1]: Starting systemd-oomd.service - Userspace Out-Of-Memory (OOM) Killer...", "systemd[1]: Listening on systemd-oomd.socket"}},
	"allocation-failure": {
		[]string{"[   55.0] kworker/0:1: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)", "[   55.0] swapper/0: page allocation failure. order:0, mode:0x20"},
		[]string{"[    0.0] Built 1 zonelists, page allocation on"}},
	"no-root": {
		[]string{"[    2.1] VFS: Cannot open root device \"vda1\" or unknown-block(0,0): error -6", "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "[    2.1] Please append a correct \"root=\" boot option; here are the available partitions:"},
		[]string{"[    2.1] VFS: Mounted root (ext4 filesystem) readonly on device 254:1.", "[    0.9] VFS: Disk quotas dquot_6.6.0"}},
	"no-init": {
		[]string{"[    2.2] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel.", "No init found. Try passing init= bootarg.", "run-init: can't execute '/sbin/init': No such file or directory", "[    1.1] Failed to execute /init (error -2)", "[    1.1] Kernel panic - not syncing: Requested init /sbin/nothing failed (error -2)."},
		[]string{"[    2.2] Run /init as init process", "systemd[812]: foo.service: Failed to execute /usr/bin/foo: No such file or directory"}},
	"init-died": {
		[]string{"[    1.4] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b", "[    3.0] systemd[1]: segfault at 10 ip 00007f sp 00007ffd error 4 in libsystemd-shared-252.so", "[    4.5] systemd[1]: Caught <SEGV>, dumped core as pid 312.", "[    1.0] init[1]: segfault at 0 ip 0000 sp 0000 error 14"},
		[]string{"[    9.9] crond[812]: segfault at 0 ip 0000", "systemd[1]: Started init.scope"}},
	"systemd-freeze": {
		[]string{"[    4.6] systemd[1]: Freezing execution.", "[!!!!!!] Failed to mount API filesystems.", "[    3.2] systemd[1]: Failed to load SELinux policy. Freezing."},
		[]string{"[   60.0] Freezing user space processes ... (elapsed 0.001 seconds) done.", "[   60.0] PM: Freezing remaining freezable tasks"}},
	"initramfs-shell": {
		[]string{"ALERT!  UUID=6b3c1a4e-7c1f-4a4e-8a1e-0b8f2d0a1c55 does not exist.  Dropping to a shell!", "Gave up waiting for root file system device.  Common problems:", "(initramfs) ", "ERROR: Unable to find root device. You are being dropped to a recovery shell"},
		[]string{"Begin: Mounting root file system ... Begin: Running /scripts/local-top ... done.", "Gave up waiting for suspend/resume device", "update-initramfs: Generating /boot/initrd.img (initramfs)"}},
	"dracut-shell": {
		[]string{"[  190.0] dracut-initqueue[311]: Warning: Could not boot.", "[    3.0] dracut: Refusing to continue", "Generating \"/run/initramfs/rdsosreport.txt\"", "dracut:/# ", "         Starting Dracut Emergency Shell..."},
		[]string{"[    1.0] dracut: Switching root", "dracut-cmdline[220]: dracut-057 dracut-057-13.git20220816.el9"}},
	"dracut-timeout": {
		[]string{"[  130.0] dracut-initqueue[311]: Warning: dracut-initqueue: timeout, still waiting for following initqueue hooks:", "[  190.0] dracut-initqueue[311]: Warning: /dev/disk/by-uuid/6b3c does not exist", "[  190.0] dracut-initqueue[311]: Warning: dracut-initqueue timeout - starting timeout scripts"},
		[]string{"[    2.0] dracut-initqueue[311]: RD_TIMEOUT reached no device", "ls: /dev/vdz does not exist"}},
	"ignition": {
		[]string{"Ignition has failed. Please ensure your config is valid. Note that only", "ignition[744]: failed to fetch config: context canceled", "[    9.0] ignition[744]: Ignition failed: failed to create users/groups"},
		[]string{"ignition[744]: Ignition finished successfully", "ignition[744]: Ignition 2.14.0"}},
	"emergency-mode": {
		[]string{"You are in emergency mode. After logging in, type \"journalctl -xb\" to view", "[  OK  ] Reached target Emergency Mode.", "[  OK  ] Started Emergency Shell.", "Cannot open access to console, the root account is locked.", "Press Enter for maintenance", "Give root password for maintenance"},
		[]string{"[   92.0] audit: AUDIT1131 unit=emergency comm=\"systemd\"", "[    1.0] Kernel supports emergency restart", "Scheduled maintenance: unattended-upgrades"}},
	"rescue-mode": {
		[]string{"You are in rescue mode. After logging in, type \"journalctl -xb\" to view", "[  OK  ] Reached target rescue.target - Rescue Mode.", "[  OK  ] Started Rescue Shell."},
		[]string{"systemd[1]: rescue.service: skipped", "Debian GNU/Linux rescue image"}},
	"io-error": {
		[]string{"[    9.0] blk_update_request: I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0", "[    9.0] Buffer I/O error on dev vda1, logical block 0, async page read", "[    9.0] sd 0:0:0:0: rejecting I/O to offline device", "[    9.0] I/O error, dev sda, sector 123 op 0x1:(WRITE)"},
		[]string{"[    2.0] blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0", "[    1.0] io scheduler mq-deadline registered"}},
	"disk-timeout": {
		[]string{"[   40.0] ata1.00: failed command: READ FPDMA QUEUED", "[   40.0] ata1.00: exception Emask 0x0 SAct 0x1 SErr 0x0 action 0x6 frozen", "[   40.0] nvme nvme0: I/O 12 QID 3 timeout, aborting"},
		[]string{"[    1.0] ata1.00: configured for UDMA/100", "[    1.0] scsi: timeout, not set"}},
	"ext4-error": {
		[]string{"[    5.0] EXT4-fs error (device vda1): ext4_find_entry:1455: inode #2: comm systemd: reading directory lblock 0", "[    5.0] EXT4-fs (vda1): Remounting filesystem read-only", "[    5.0] Aborting journal on device vda1-8.", "[    5.0] JBD2: Detected IO errors while flushing file data on vda1-8"},
		[]string{"[    2.0] EXT4-fs (vda1): mounted filesystem with ordered data mode. Opts: (null). Quota mode: none.", "[    3.0] EXT4-fs (vda1): re-mounted. Opts: errors=remount-ro. Quota mode: none.", "[    2.0] EXT4-fs (vda1): recovery complete"}},
	"xfs-corruption": {
		[]string{"[    5.0] XFS (vda3): Metadata corruption detected at xfs_agf_read_verify+0x9c/0xe0 [xfs], xfs_agf block 0x1", "[    5.0] XFS (vda3): Corruption detected. Unmount and run xfs_repair", "[    5.0] XFS (dm-0): log I/O error -5", "[    5.0] XFS (vda3): Filesystem has been shut down due to log error (0x2)."},
		[]string{"[    2.0] XFS (vda3): Mounting V5 Filesystem", "[    2.0] XFS (vda3): Ending clean mount", "[    2.0] XFS (vda3): Starting recovery (logdev: internal)"}},
	"btrfs-corruption": {
		[]string{"[    5.0] BTRFS critical (device vda3): corrupt leaf: root=2 block=30572544 slot=0, unexpected item end", "[    5.0] BTRFS error (device vda3): bdev /dev/vda3 errs: wr 0, rd 0, flush 0, corrupt 1, gen 0", "[    5.0] BTRFS: error (device dm-0) in btrfs_commit_transaction:2332: errno=-5 IO failure (Error while writing out transaction)", "[    5.0] BTRFS warning (device vda3): csum failed root 5 ino 257 off 0"},
		[]string{"[    2.0] BTRFS info (device vda3): using crc32c (crc32c-intel) checksum algorithm", "[    2.0] BTRFS: device label fedora devid 1 transid 12 /dev/vda3 scanned by systemd-udevd (355)"}},
	"squashfs-error": {
		[]string{"[    5.0] SQUASHFS error: xz decompression failed, data probably corrupt", "[    5.0] SQUASHFS error: Unable to read page, block 1234, size abc"},
		[]string{"[    1.0] squashfs: version 4.0 (2009/01/31) Phillip Lougher"}},
	"erofs-error": {
		[]string{"[    5.0] erofs: (device vda1): erofs_read_superblock: cannot find valid erofs superblock", "[    5.0] erofs (device vda1): z_erofs_lz4_decompress: failed to decompress -14 in[4096, 0] out[8192]"},
		[]string{"[    1.0] erofs: (device vda1): mounted with root inode @ nid 36.", "[    1.0] erofs: initialized"}},
	"dm-verity": {
		[]string{"[    5.0] device-mapper: verity: 253:0: data block 123 is corrupted", "[    5.0] device-mapper: verity: 254:0: metadata block 12345 is corrupted", "[    5.0] Kernel panic - not syncing: dm-verity device corrupted", "[    5.0] fs-verity (sda1, inode 123): FILE CORRUPTED! pos=0"},
		[]string{"[    1.0] device-mapper: verity: sha256 using implementation \"sha256-avx2\"", "[    1.0] fs-verity: sha256 using implementation \"sha256-ni\""}},
	"fsck": {
		[]string{"/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.", "systemd-fsck[221]: fsck failed with exit status 4.", "fsck exited with status code 4"},
		[]string{"systemd-fsck[221]: /dev/vda1: clean, 11/1000 files, 200/4000 blocks", "fsck exited with status code 1"}},
	"no-space": {
		[]string{"dpkg: error processing archive: cannot copy: failed to write (No space left on device)", "cp: error writing '/var/x': No space left on device", "write /var/lib/x: no space left on device"},
		[]string{"[    0.0] Reserving 128MB, space left: 1024MB"}},
	"read-only-root": {
		[]string{"touch: cannot touch '/var/x': Read-only file system", "systemd-journald[211]: Failed to create new system journal: Read-only file system"},
		[]string{"[    2.1] VFS: Mounted root (ext4 filesystem) readonly on device 254:1.", "Read-only file system is the default"}},
	"ordering-cycle": {
		[]string{"[    3.3] systemd[1]: a.service: Found ordering cycle on b.service/start", "[ SKIP ] Ordering cycle found, skipping Second service", "[    3.3] systemd[1]: a.service: Job b.service/start deleted to break ordering cycle starting with a.service/start", "[    3.3] systemd[1]: Found ordering cycle on basic.target/start"},
		[]string{"systemd-analyze: ordering cycles were not found", "[    3.3] systemd[1]: Cycle to a.service"}},
	"failed-mount": {
		[]string{"[FAILED] Failed to mount /data.", "[    9.0] systemd[1]: Failed to mount boot-efi.mount - /boot/efi.", "mount: mounting /dev/vda1 on /root failed: No such device"},
		[]string{"[  OK  ] Mounted /data.", "[    9.0] systemd[1]: Mounting data.mount - /data..."}},
	"dependency-failed": {
		[]string{"[DEPEND] Dependency failed for Local File Systems.", "[    9.0] systemd[1]: Dependency failed for local-fs.target - Local File Systems."},
		[]string{"npm: Dependency failed for left-pad"}},
	"failed-unit": {
		[]string{"[FAILED] Failed to start OpenBSD Secure Shell server.", "[   11.0] systemd[1]: Failed to start ssh.service - OpenBSD Secure Shell server.", "[FAILED] Failed to listen on hello.socket - Hello."},
		[]string{"[  OK  ] Started OpenBSD Secure Shell server.", "hello: Failed to start the engine", "[  OK  ] Failed to start nothing"}},
	"unit-result": {
		[]string{"[   11.0] systemd[1]: ssh.service: Failed with result 'exit-code'.", "[   11.0] systemd[1]: hello.service: Main process exited, code=dumped, status=11/SEGV", "systemd[1]: a.service: Main process exited, code=killed, status=6/ABRT"},
		[]string{"[   11.0] systemd[1]: getty@tty1.service: Main process exited, code=killed, status=15/TERM", "systemd[1]: hello.service: Deactivated successfully."}},
	"restart-loop": {
		[]string{"[   15.0] systemd[1]: hello.service: Start request repeated too quickly.", "systemd[1]: hello.socket: Trigger limit hit: start request repeated too quickly"},
		[]string{"[   15.0] systemd[1]: hello.service: Scheduled restart job, restart counter is at 1."}},
	"device-timeout": {
		[]string{"[ TIME ] Timed out waiting for device /dev/disk/by-label/data.", "[   95.0] systemd[1]: Timed out waiting for device dev-vdb.device - /dev/vdb."},
		[]string{"[  *** ] A start job is running for /dev/vdb (5s / 1min 30s)"}},
	"start-timeout": {
		[]string{"[  100.0] systemd[1]: hello.service: start operation timed out. Terminating.", "[   95.0] systemd[1]: dev-vdb.device: Job dev-vdb.device/start timed out."},
		[]string{"ssh: connect: operation timed out"}},
	"unit-watchdog": {
		[]string{"[  190.0] systemd[1]: systemd-udevd.service: Watchdog timeout (limit 3min)!", "[  200.0] watchdog: watchdog0: watchdog did not stop!", "systemd[1]: hello.service: Failed with result 'watchdog'."},
		[]string{"[    1.0] systemd[1]: Using hardware watchdog 'iTCO_wdt', version 2", "[    0.1] watchdog: Delayed init of the lockup detector"}},
	"generator": {
		[]string{"[    3.0] systemd[220]: /lib/systemd/system-generators/systemd-fstab-generator failed with exit status 1.", "[    3.0] (sd-executor)[220]: /usr/lib/systemd/system-generators/hello terminated by signal SEGV."},
		[]string{"[    3.0] systemd-fstab-generator[221]: Checking was requested for \"/\", but it is not a device."}},
	"unit-file": {
		[]string{"[    3.0] systemd[1]: /etc/systemd/system/hello.service:3: Unknown key name 'Foo' in section 'Service', ignoring.", "[    3.0] systemd[1]: /lib/systemd/system/a.service:1: Assignment outside of section. Ignoring.", "systemd[1]: hello.service has a bad unit file setting."},
		[]string{"systemd[1]: /etc/systemd/system/hello.service:3: Standard output type syslog is obsolete"}},
	"journal-corrupted": {
		[]string{"systemd-journald[211]: File /var/log/journal/1a2b/system.journal corrupted or uncleanly shut down, renaming and replacing.", "[    4.0] systemd-journald[211]: File /run/log/journal/1a/system.journal corrupted or uncleanly shut down, renaming and replacing."},
		[]string{"systemd-journald[211]: Journal started", "EXT4-fs (vda1): uncleanly shut down?"}},
	"segfault": {
		[]string{"[   31.0] hello[812]: segfault at 0 ip 000055d0a sp 00007ffd error 4 in hello[55d0a+1000]", "[   31.0] traps: python3[812] general protection fault ip:7f1a sp:7ffd error:0 in libc.so.6[7f1a+1c4000]", "[   31.0] traps: hello[813] trap invalid opcode ip:401000 sp:7ffd error:0 in hello[401000+1000]"},
		[]string{"user said: segfault at noon", "[    0.1] traps: installed"}},
	"core-dump": {
		[]string{"systemd-coredump[1234]: [🡕] Process 1230 (hello) of user 0 dumped core.", "Segmentation fault (core dumped)", "systemd-coredump[99]: Process 98 (sleep) of user 1000 terminated abnormally without generating a coredump."},
		[]string{"[  OK  ] Listening on Process Core Dump Socket.", "kernel.core_pattern = |/lib/systemd/systemd-coredump"}},
	"stack-smashing": {
		[]string{"*** stack smashing detected ***: terminated", "double free or corruption (out)", "corrupted double-linked list"},
		[]string{"a car was smashing detected records"}},
	"go-panic": {
		[]string{"panic: runtime error: invalid memory address or nil pointer dereference", "[   20.0] guest-agent[612]: panic: no configuration", "fatal error: all goroutines are asleep - deadlock!"},
		[]string{"[    2.1] Kernel panic - not syncing: Fatal exception", "don't panic: all is well", "make: fatal error: in recipe"}},
	"missing-library": {
		[]string{"hello: error while loading shared libraries: libfoo.so.1: cannot open shared object file: No such file or directory", "/sbin/init: error while loading shared libraries: libsystemd-core-252.so: cannot open shared object file"},
		[]string{"ldconfig: loading shared libraries done"}},
	"selinux-denied": {
		[]string{"[    6.0] audit: type=1400 audit(1600000000.123:4): avc:  denied  { read } for  pid=1 comm=\"systemd\" name=\"x\" scontext=system_u:system_r:init_t:s0 tcontext=a tclass=file permissive=0", "audit[612]: AVC avc:  denied  { write } for  pid=612 comm=\"sshd\""},
		[]string{"[    6.0] audit: type=1400 audit(1600000000.1:4): avc:  granted  { setsecparam } for  pid=1", "[    3.0] SELinux:  policy capability network_peer_controls=1"}},
	"apparmor-denied": {
		[]string{"[    6.0] audit: type=1400 audit(1600000000.1:5): apparmor=\"DENIED\" operation=\"open\" class=\"file\" profile=\"man_groff\" name=\"/x\"", "[    6.0] audit: type=1400 audit(1.1:9): apparmor=\"DENIED\" operation=\"capable\" profile=\"cups\""},
		[]string{"[    6.0] audit: type=1400 audit(1600000000.1:2): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\""}},
}

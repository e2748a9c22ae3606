# Firmware for the trial boot, at 4 GiB - 64 KiB. It enters long mode with paging, counts
# to 100 million, and writes 0x10 to port 0xf4, where QEMU's isa-debug-exit ends it. The
# counting tells a processor that runs guests from one whose guests are emulated step by
# step: those are alive, and never boot.
#
# Assembled by: as trial.S -o trial.o && objcopy -O binary -j .text trial.o trial.full
# trial.bin is what comes before the zeros; the jump at the end is written by accel.go.
.code16
start16:
  cli
  lgdtl %cs:(gdtr - start16)
  movl %cr0, %eax
  orl $1, %eax
  movl %eax, %cr0
  ljmpl $8, $(0xffff0000 + start32 - start16)
.code32
start32:
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  # page tables at 0x1000: PML4; 0x2000: PDPT with 1:1 for 4 GiB through four PDs at 0x3000
  movl $0x1000, %edi
  xorl %eax, %eax
  movl $0x1800, %ecx
  cld
  rep stosl
  movl $0x2003, 0x1000
  movl $0x3003, 0x2000
  movl $0x4003, 0x2008
  movl $0x5003, 0x2010
  movl $0x6003, 0x2018
  movl $0x3000, %edi
  movl $0x83, %eax
  movl $2048, %ecx
1: movl %eax, (%edi)
  addl $0x200000, %eax
  addl $8, %edi
  loop 1b
  movl %cr4, %eax
  orl $0x20, %eax
  movl %eax, %cr4
  movl $0x1000, %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx
  rdmsr
  orl $0x100, %eax
  wrmsr
  movl %cr0, %eax
  orl $0x80000000, %eax
  movl %eax, %cr0
  ljmpl $24, $(0xffff0000 + start64 - start16)
.code64
start64:
  movl $100000000, %ecx
2: decl %ecx
  jnz 2b
  movw $0xf4, %dx
  movb $0x10, %al
  outb %al, %dx
3: hlt
  jmp 3b
.balign 8
gdt: .quad 0
  .quad 0x00cf9b000000ffff
  .quad 0x00cf93000000ffff
  .quad 0x00af9b000000ffff
gdtr: .word 31
  .long 0xffff0000 + gdt - start16
end:
.org 0x100

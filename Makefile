# SPDX-License-Identifier: Apache-2.0
# Builds Trivet, its tools' inputs and its tests.  `make help` lists what can be made; docs/testing.md explains the tests.
#
#   V=1             print every command
#   DEBUG=1         with ASSERT; use a build folder of its own: make DEBUG=1 B=build/debug
#   CROSS_COMPILE=  prefix of compiler and binutils, such as x86_64-linux-gnu-
#   CC=clang-14     another compiler

B             ?= build
CROSS_COMPILE ?=
ifeq ($(origin CC),default)
CC            := $(CROSS_COMPILE)gcc
endif
LD            := $(CROSS_COMPILE)ld
NM            := $(CROSS_COMPILE)nm
STRIP         := $(CROSS_COMPILE)objcopy --strip-debug
NASM          := nasm
IASL          := iasl
HOST_CC       := gcc
FUZZ_CC       := clang-14
PYTHON        := /usr/bin/python3
CONFIG        ?= examples/default.toml
T             ?=

ifneq ($(V),1)
Q             := @
say            = @printf '  %-6s %s\n' $(1) $(2);
endif

# --- sources -----------------------------------------------------------------------------------------------------------

# One list for each folder; tools/check/sources.sh compares them with the tree.

BOOT := bundle.c entry32.asm entry64.asm header.asm main.c mb2.c modules.c pvh.c ranges.c rsdp.c
X86  := acpi.c console.c cpu.c cpuid.c desc.c earlycon.c entry.asm fbcon.c fpu.c guest_state.c ioapic.c irq.c \
	lapic.c machine.c pt_x86.c shadow.c smp.c string.c time.c trampoline.asm trap.c user.c virt.c
VMX  := bitmap.c check.c controls.c cpu.c enter.asm exit.c inject.c pt_ept.c run.c state.c vcpu.c vpid.c
SVM  := asid.c bitmap.c check.c controls.c cpu.c enter.asm exit.c inject.c pt_npt.c run.c state.c vcpu.c
CORE := boot_memory.c boot_option.c cap.c cross.c domain.c doorbell.c ep.c event.c exit.c fmt.c hc_cap.c hc_dev.c hc_domain.c hc_ipc.c \
	hc_mem.c hc_sched.c hc_thread.c hc_vcpu.c hypercall.c irq.c klog.c limbo.c log.c main.c notify.c object.c panic.c \
	port.c refill.c root.c sched.c space.c space_change.c thread.c timer.c vcpu.c
MM   := frame.c kmap.c pt.c quota.c
RT_SRC := crt0.asm event.c fmt.c heap.c link.c log.c start.c string.c
ROOT_SRC := acpi.c blob.c child.c clock.c command.c config.c config_disk.c config_driver.c config_net.c config_prop.c console.c driver_link.c drivers.c \
	json.c line.c look.c main.c mem.c network.c network_look.c network_port.c pci.c place.c policy.c pool.c power.c sample.c serial.c shell.c system.c term.c \
	top.c vm_disk.c vm_io.c vm_life.c \
	vm_resume.c vm_scrub.c vm_spawn.c vm_text.c vm_throttle.c vm_watch.c vms.c word.c
VMM_SRC := acpi.c acpi_loader.c bus.c console.c cpu_feature.c cpu_model.c cpuid.c cr.c devices.c emulate.c exit.c exit_cpu.c firmware.c \
	gmem.c gwalk.c hyperv.c inject.c insn.c insn_alu.c insn_exec.c insn_fetch.c insn_mem.c insn_operand.c insn_seg.c insn_stack.c insn_string.c \
	insn_table.c irqchip.c layout.c legacy.c lock.c log.c main.c mmio.c mp.c msr.c pio.c pvcall.c pvclock.c record.c \
	resume.c retire.c steal.c suspend.c synic.c task.c timer.c trace.c variables.c vcpu.c vector.c vm.c
DEV_SRC := ahci.c ata.c atapi.c board.c flash.c fwcfg.c hpet.c i8042.c ioapic.c lapic.c lapic_ipi.c lapic_irq.c lapic_timer.c misc.c msix.c pci.c pci_cfg.c pic.c pit.c \
	pm.c rtc.c testdev.c uart.c
LOAD_SRC := elf.c linux.c load.c multiboot.c multiboot2.c place.c pvh.c
VIRTIO_SRC := blk.c blk_link.c blk_ram.c devices.c hvc.c net.c net_control.c rng.c virtio.c virtio_pci.c vq.c vq_packed.c vq_split.c
SERIAL_SRC := main.c uart.c
SWITCH_SRC := frame.c main.c offload.c port.c switch.c table.c
# The drivers of PCI functions: folder, and what is linked beside it.
DRIVERS := ahci e1000e nvme pci virtio_blk virtio_net
DRV_LIB_SRC := device.c driver.c nic.c virtio.c virtqueue.c
AHCI_SRC := main.c port.c
NVME_SRC := controller.c main.c prp.c queue.c
BLOCK_SRC := block.c disk.c gpt.c request.c
VIRTIO_BLK_SRC := main.c
VIRTIO_NET_SRC := main.c
E1000E_SRC := main.c
PCI_SRC := config.c main.c message.c scan.c

KERNEL := $(addprefix boot/,$(BOOT)) $(addprefix arch/x86/,$(X86)) $(addprefix arch/vmx/,$(VMX)) \
	$(addprefix arch/svm/,$(SVM)) $(addprefix kernel/,$(CORE)) $(addprefix mm/,$(MM))
RT     := $(addprefix vmm/rt/,$(RT_SRC))
ROOT   := $(addprefix vmm/root/,$(ROOT_SRC))
VMM    := $(addprefix vmm/,$(VMM_SRC)) $(addprefix vmm/dev/,$(DEV_SRC)) $(addprefix vmm/load/,$(LOAD_SRC)) \
	  $(addprefix vmm/virtio/,$(VIRTIO_SRC))
SERIAL := $(addprefix drivers/serial/,$(SERIAL_SRC))
SWITCH := $(addprefix drivers/switch/,$(SWITCH_SRC))
DRV_LIB := $(addprefix drivers/lib/,$(DRV_LIB_SRC))
PCI    := $(addprefix drivers/pci/,$(PCI_SRC))
AHCI   := $(addprefix drivers/ahci/,$(AHCI_SRC))
NVME   := $(addprefix drivers/nvme/,$(NVME_SRC))
BLOCK  := $(addprefix drivers/block/,$(BLOCK_SRC))
VIRTIO_BLK := $(addprefix drivers/virtio_blk/,$(VIRTIO_BLK_SRC))
VIRTIO_NET := $(addprefix drivers/virtio_net/,$(VIRTIO_NET_SRC))
E1000E := $(addprefix drivers/e1000e/,$(E1000E_SRC))

UNIT_TESTS  := $(wildcard tests/unit/*_test.c)
FUZZ_TESTS  := $(wildcard tests/fuzz/*_fuzz.c)
ORACLES     := $(wildcard tests/fuzz/*_zydis.c)
USER_TESTS  := $(wildcard tests/user/*.c)
GUEST_TESTS := $(wildcard tests/guest/*.asm)
MONITORS    := $(wildcard tests/monitor/*.c)

# --- flags -------------------------------------------------------------------------------------------------------------

WARN      := -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
CFLAGS    := -std=c11 $(WARN) -O2 -g -ffreestanding -mgeneral-regs-only -fno-stack-protector -fno-pic -fno-pie \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-common -fcf-protection=none \
	-ffile-prefix-map=$(CURDIR)=. -MMD -MP -Iinclude
ifeq ($(DEBUG),1)
CFLAGS    += -DDEBUG
endif
# Indirect branches end at ENDBR64; a jump table's do not, and are marked as exempt, which the kernel does not allow.
KCFLAGS   := $(CFLAGS) -fno-omit-frame-pointer -mcmodel=kernel -mno-red-zone -fcf-protection=branch -fno-jump-tables
UCFLAGS   := $(CFLAGS)
ASFLAGS   := -f elf64 -g -F dwarf -Wall -Werror -I$(B)/ -Iinclude/
LDFLAGS   := -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none --fatal-warnings
# Host tests: tests/fake shadows the headers that touch hardware or make hypercalls.
SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=undefined
HCFLAGS   := -std=gnu11 -g -O1 -Wall -Wextra -Itests/fake -Iinclude -Iarch -Ivmm -I. -I$(B)

# --- targets -----------------------------------------------------------------------------------------------------------

IMAGES := $(addprefix $(B)/,trivet.elf root.elf vmm.elf serial.elf switch.elf probe.elf cpu-model) $(addprefix $(B)/,$(addsuffix .elf,$(DRIVERS)))

# The disk of examples/disk.toml, if its guest is there; `make deps test` knows only when it comes to the test.
IMAGES += $(if $(wildcard build/guests/busybox),build/disk.img)

.PHONY: all list-sources deps deps-guests test-guests run run-bochs test tests bench bench-kvm bench-compare bench-plot bench-profile bench-vmx image coverage check fuzz-guest test-matrix fuzz vcpu-fuzz soak clean distclean help
.SECONDEXPANSION:
.DELETE_ON_ERROR:
# `make deps test` on a fresh machine: nothing may start before the packages are there.
ifneq ($(filter deps,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

all: $(IMAGES)

# What is compiled is compiled again when the compiler or its flags are others: objects of different flags do not always work together.
FLAGS := $(B)/flags
.PHONY: FORCE
$(FLAGS): FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(KCFLAGS) $(UCFLAGS) $(ASFLAGS) $(HOST_CC) $(HCFLAGS) $(SANITIZE)' | cmp -s - $@ || \
		echo '$(CC) $(KCFLAGS) $(UCFLAGS) $(ASFLAGS) $(HOST_CC) $(HCFLAGS) $(SANITIZE)' >$@

help:
	@echo 'make deps      install the Debian packages and prepare the guests'
	@echo 'make           build the hypervisor'
	@echo 'make run       boot $(CONFIG) in an emulator (CONFIG=...)'
	@echo 'make run-bochs the same on an emulated Intel CPU'
	@echo 'make test      run all tests (T=pattern: only those whose name contains it)'
	@echo 'make test-guests boot every guest of examples/guests, from Debian packages (T=word)'
	@echo 'make test-matrix boot Linux on every emulated CPU without each optional feature (CELLS=word, JOBS=1)'
	@echo 'make check     style checks'
	@echo 'make fuzz      fuzz for a while (T=pattern, FUZZ_SECONDS=60 each)'
	@echo 'make vcpu-fuzz write random guest state for a while (SECONDS=600, ON=qemu-svm or bochs-vmx, SEED=n)'
	@echo 'make fuzz-guest run random instructions in guests (SECONDS=600, SEED=1)'
	@echo 'make soak      run the isolation tests over and over (SOAK_SECONDS=3600)'
	@echo 'make bench     print the measurements, and keep them in $(B)/bench.json (T=part ...)'
	@echo 'make bench-compare BASE=commit  how the price of VM exits has changed since (PERCENT=n: fail beyond)'
	@echo 'make bench-plot draw $(B)/bench.json as $(B)/bench.svg and $(B)/bench-late.svg'
	@echo 'make bench-kvm print what VM exits cost under Trivet and under Linux KVM'
	@echo 'make bench-vmx the same on the emulated Intel CPU'
	@echo 'make bench-profile print where the instructions of an exit go (T=event ...)'
	@echo 'make image     make $(B)/trivet.img from $(CONFIG)'
	@echo 'make coverage  coverage of the unit tests, as HTML in $(B)/coverage'
	@echo 'make clean     remove what was built; distclean: the guests as well'

deps:
	$(Q)sh tools/deps.sh

# What test-guests boots beside the guests of the system tests: Debian packages, only unpacked.
deps-guests:
	$(Q)sh tools/guests.sh more

run: all
	$(Q)tools/trivet run $(CONFIG)

run-bochs: all
	$(Q)tools/trivet run --on bochs-vmx $(CONFIG)

image: all
	$(Q)tools/trivet image $(CONFIG) -o $(B)/trivet.img

test: all tests build/disk.img
	$(Q)$(PYTHON) tests/run.py $(T)

test-guests: all deps-guests
	$(Q)nice $(PYTHON) -B -m pytest -p no:cacheprovider -v tests/guests $(if $(T),-k '$(T)')

test-matrix: all
	$(Q)nice $(PYTHON) tests/matrix.py --cells '$(CELLS)' --jobs $(or $(JOBS),1)

bench: all $(B)/perf/entry.bin $(B)/perf/guest.bin $(B)/perf/kvm_host $$(USER)
	$(Q)$(PYTHON) tools/bench.py --json $(B)/bench.json $(T)

bench-kvm: all $(B)/perf/guest.bin $(B)/perf/kvm_host
	$(Q)$(PYTHON) tools/bench_exits.py

bench-compare: all $(B)/perf/guest.bin
	$(Q)$(PYTHON) tools/bench_compare.py '$(BASE)' $(PERCENT)

bench-plot:
	$(Q)$(PYTHON) tools/bench_plot.py $(B)/bench.json $(B)/bench.svg $(B)/bench-late.svg

bench-profile: all $(B)/perf/guest.bin $(B)/perf/profile.so
	$(Q)$(PYTHON) tools/bench_profile.py $(T)

bench-vmx: all $(B)/perf/guest.bin $(B)/perf/kvm_host
	$(Q)$(PYTHON) tools/bench_exits.py --vmx

check:
	$(Q)status=0; for script in tools/check/*.sh; do sh $$script || status=1; done; exit $$status

fuzz: tests
	$(Q)$(PYTHON) tests/run.py --fuzz $(or $(FUZZ_SECONDS),60) $(T)

vcpu-fuzz: all $(B)/tests/user/vcpu_fuzz.elf
	$(Q)nice $(PYTHON) tests/vcpu_fuzz.py --seconds $(or $(SECONDS),600) --on $(or $(ON),qemu-svm) $(if $(SEED),--seed $(SEED))

fuzz-guest: all tests
	$(Q)TRIVET_FUZZ_SECONDS=$(or $(SECONDS),600) TRIVET_FUZZ_SEED=$(or $(SEED),1) $(PYTHON) -m pytest -q -rP tests/system/test_fuzz.py

# The isolation tests for as long as asked.
soak: all tests
	$(Q)$(PYTHON) tests/soak.py $(or $(SOAK_SECONDS),3600)

coverage:
	$(Q)$(MAKE) --no-print-directory B=$(B)/coverage SANITIZE='--coverage' tests-unit
	$(Q)for t in $(B)/coverage/tests/unit/*_test; do $$t >/dev/null 2>&1 || echo "failed: $$t"; done
	$(Q)gcovr -r . --object-directory $(B)/coverage -e 'tests/.*' --html-details $(B)/coverage/index.html --print-summary

# Every source on a line of its own, for tools/check/sources.sh.
list-sources:
	@printf '%s\n' $(KERNEL) arch/x86/asm_offsets.c $(RT) $(ROOT) $(VMM) $(SERIAL) $(SWITCH) $(DRV_LIB) $(PCI) $(AHCI) $(NVME) $(BLOCK) $(VIRTIO_BLK) $(VIRTIO_NET) $(E1000E)

clean:
	$(Q)for entry in $(B)/*; do [ "$$entry" = $(B)/guests ] || rm -rf "$$entry"; done

distclean:
	$(Q)rm -rf $(B)

# --- the kernel --------------------------------------------------------------------------------------------------------

KERNEL_OBJ := $(addprefix $(B)/kernel/,$(addsuffix .o,$(KERNEL)) font.o)

# What is loaded has no debug information; NAME.debug, beside it, has.
$(B)/%.elf: $(B)/%.debug
	$(Q)$(STRIP) $< $@

# Linked twice: without symbols, then with the symbols of that; comparing them once more proves that nothing has moved.
$(B)/trivet.debug: linker.ld $(KERNEL_OBJ) tools/ksyms.py
	$(call say,LINK,$@)$(PYTHON) tools/ksyms.py >$(B)/kernel/ksyms0.c </dev/null
	$(Q)$(CC) $(KCFLAGS) -c -o $(B)/kernel/ksyms0.o $(B)/kernel/ksyms0.c
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $(B)/kernel/pass1.elf $(KERNEL_OBJ) $(B)/kernel/ksyms0.o
	$(Q)$(NM) -n $(B)/kernel/pass1.elf | $(PYTHON) tools/ksyms.py >$(B)/kernel/ksyms.c
	$(Q)$(CC) $(KCFLAGS) -c -o $(B)/kernel/ksyms.o $(B)/kernel/ksyms.c
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $@ $(KERNEL_OBJ) $(B)/kernel/ksyms.o
	$(Q)$(NM) -n $@ | $(PYTHON) tools/ksyms.py | cmp - $(B)/kernel/ksyms.c

# The screen console's font, out of the Debian package psf-unifont.
FONT ?= /usr/share/consolefonts/Unifont-APL8x16.psf.gz
$(B)/kernel/font.o: tools/mkfont.py
	@mkdir -p $(@D)
	$(call say,FONT,$@)$(PYTHON) tools/mkfont.py $(FONT) >$(@:.o=.c)
	$(Q)$(CC) $(KCFLAGS) -c -o $@ $(@:.o=.c)

$(B)/kernel/arch/%.c.o: KCFLAGS += -Iarch

$(B)/kernel/%.c.o: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KCFLAGS) -c -o $@ $<

$(B)/kernel/%.asm.o: %.asm $(B)/asm_offsets.inc $(FLAGS)
	@mkdir -p $(@D)
	$(call say,ASM,$<)$(NASM) $(ASFLAGS) -MD $(@:.o=.d) -MQ $@ -MP -o $@ $<

# NASM cannot read C headers: the compiler writes the offsets into assembly text, sed takes them out.
$(B)/asm_offsets.inc: arch/x86/asm_offsets.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,GEN,$@)$(CC) $(KCFLAGS) -Iarch -MF $(B)/asm_offsets.d -MT $@ -S -o $(B)/asm_offsets.s $<
	$(Q)sed -n 's/^[[:space:]]*\.ascii[[:space:]]*"@@\(.*\)\\n"$$/\1/p' $(B)/asm_offsets.s >$@

# --- user programs -----------------------------------------------------------------------------------------------------

objs    = $(addprefix $(B)/user/,$(addsuffix .o,$(1)))
RT_OBJ := $(call objs,$(RT))

$(B)/root.debug: $(call objs,$(ROOT))
$(B)/root.debug: LIBS := -l:libfdt.a
$(B)/vmm.debug: $(call objs,$(VMM))
$(B)/serial.debug: $(call objs,$(SERIAL))
$(B)/switch.debug: $(call objs,$(SWITCH))
$(B)/ahci.debug: $(call objs,$(AHCI) $(BLOCK) $(DRV_LIB))
$(B)/nvme.debug: $(call objs,$(NVME) $(BLOCK) $(DRV_LIB))
$(B)/pci.debug: $(call objs,$(PCI))
$(B)/virtio_blk.debug: $(call objs,$(VIRTIO_BLK) $(BLOCK) $(DRV_LIB))
$(B)/virtio_net.debug: $(call objs,$(VIRTIO_NET) $(DRV_LIB))
$(B)/e1000e.debug: $(call objs,$(E1000E) $(DRV_LIB))
$(addprefix $(B)/,$(addsuffix .debug,root vmm serial switch $(DRIVERS))): vmm/rt/user.ld $(RT_OBJ)
	$(call say,LINK,$@)$(LD) $(LDFLAGS) -T vmm/rt/user.ld -o $@ $(filter %.o,$^) -L/usr/lib/x86_64-linux-gnu $(LIBS)

# In vmm/, as in arch/, a folder's headers are <folder/name.h>.
$(B)/user/vmm/%.o $(B)/user/tests/%.o: UCFLAGS += -Ivmm -I$(B)
AML := $(patsubst vmm/acpi/%.asl,$(B)/%.h,$(wildcard vmm/acpi/*.asl))
$(call objs,$(VMM)): | $(AML)

$(B)/user/%.c.o: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(UCFLAGS) -c -o $@ $<

$(B)/user/%.asm.o: %.asm $(FLAGS)
	@mkdir -p $(@D)
	$(call say,ASM,$<)$(NASM) $(ASFLAGS) -MD $(@:.o=.d) -MQ $@ -MP -o $@ $<

# The guest's AML as the C array NAME_aml.
$(B)/%.h: vmm/acpi/%.asl
	@mkdir -p $(@D)
	$(call say,IASL,$<)$(IASL) -we -p $(B)/$* -tc $< >$(B)/$*.log 2>&1 || { cat $(B)/$*.log; exit 1; }
	$(Q)sed 's/^unsigned char .*_aml_code/static const unsigned char $*_aml/' $(B)/$*.hex >$@

build/disk.img: build/guests/busybox tools/mkdisk.py tools/trivetlib/disk_image.py
	$(call say,DISK,$@)$(PYTHON) tools/mkdisk.py $< $@

# Answers whether /dev/kvm really runs guests and offers them SVM.
$(B)/probe.elf: tools/probe.asm tools/probe.ld
	@mkdir -p $(@D)
	$(call say,ASM,$<)$(NASM) -f elf32 -Wall -Werror -o $(B)/probe.o $<
	$(Q)$(LD) -m elf_i386 -nostdlib --build-id=none -T tools/probe.ld -o $@ $(B)/probe.o

# `trivet cpu`: the monitor's CPU models, on the host.
$(B)/cpu-model: tools/cpu_model.c vmm/cpu_feature.c vmm/cpu_model.c vmm/cpuid.c vmm/rt/fmt.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)$(HOST_CC) -std=gnu11 $(WARN) -O2 -Iinclude -Ivmm -MM -MP -MT $@ $(filter %.c,$^) >$(B)/cpu-model.d
	$(Q)$(HOST_CC) -std=gnu11 $(WARN) -O2 -Iinclude -Ivmm -o $@ $(filter %.c,$^)

# --- tests -------------------------------------------------------------------------------------------------------------

named = $(patsubst %.$(2),$(B)/%,$(1))
UNIT  := $(call named,$(UNIT_TESTS),c)
FUZZ  := $(call named,$(FUZZ_TESTS) $(ORACLES),c)
USER  := $(addsuffix .elf,$(call named,$(USER_TESTS),c))
# Programs that a VM of a system test has as its monitor.
MONITOR := $(addsuffix .elf,$(call named,$(MONITORS),c))
GUEST := $(addsuffix .bin,$(call named,$(GUEST_TESTS),asm))
# The files that a test links, from its first comment: sources: path/a.c path/b.c
sources = $(shell sed -n 's@^/\* sources: *\(.*[^ ]\) *\*/.*@\1@p' $(1))

# $(call host_build,COMPILER,flags,libraries): one program of several sources, and its header dependencies
host_build = $(Q)mkdir -p $(@D); printf '  %-6s %s\n' HOSTCC $<; \
	$(1) $(HCFLAGS) $(2) -MM -MP -MT $@ $(filter %.c,$^) >$@.d && $(1) $(HCFLAGS) $(2) -o $@ $(filter %.c,$^) $(3)

.PHONY: tests-unit
tests: $(UNIT) $(FUZZ) $(USER) $(GUEST) $(MONITOR)
tests-unit: $(UNIT)

$(UNIT): $(B)/%: %.c $$(call sources,$$*.c) $(FLAGS) | $(AML)
	$(call host_build,$(HOST_CC),$(SANITIZE),-lcmocka -lfdt)

$(filter %_fuzz,$(FUZZ)): $(B)/%: %.c $$(call sources,$$*.c) $(FLAGS) | $(AML)
	$(call host_build,$(FUZZ_CC),$(SANITIZE) -fsanitize=fuzzer,-lfdt)

$(filter %_zydis,$(FUZZ)): $(B)/%: %.c $$(call sources,$$*.c) $(FLAGS)
	$(call host_build,$(HOST_CC),$(SANITIZE) -O2,-lZydis)

$(USER:.elf=.debug) $(MONITOR:.elf=.debug): $(B)/tests/%.debug: $(B)/user/tests/%.c.o vmm/rt/user.ld $(RT_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(LD) $(LDFLAGS) -T vmm/rt/user.ld -o $@ $(filter %.o,$^)

$(GUEST): $(B)/%.bin: %.asm
	@mkdir -p $(@D)
	$(call say,ASM,$<)$(NASM) -f bin -Wall -Werror -I$(dir $<) -MD $@.d -MQ $@ -MP -o $@ $<

# --- measurements ------------------------------------------------------------------------------------------------------

$(B)/perf/entry.bin: tests/perf/entry.asm
	@mkdir -p $(@D)
	$(call say,ASM,$<)$(NASM) -f bin -Wall -Werror -o $@ $<

# A tiny guest of C and assembly, and the program that runs it under KVM.
PERF_OBJ := $(addprefix $(B)/perf/,start.asm.o guest.c.o)

$(B)/perf/start.asm.o: tests/perf/start.asm
	@mkdir -p $(@D)
	$(call say,ASM,$<)$(NASM) -f elf64 -Wall -Werror -o $@ $<

$(B)/perf/guest.c.o: tests/perf/guest.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS) -mno-red-zone -c -o $@ $<

$(B)/perf/guest.bin: tests/perf/guest.ld $(PERF_OBJ)
	$(call say,LINK,$@)$(LD) $(LDFLAGS) -T $< -o $(@:.bin=.elf) $(PERF_OBJ)
	$(Q)$(CROSS_COMPILE)objcopy -O binary $(@:.bin=.elf) $@

$(B)/perf/profile.so: tests/perf/profile.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)$(HOST_CC) -std=gnu11 $(WARN) -O2 -fPIC -shared -fvisibility=hidden -o $@ $<

$(B)/perf/kvm_host: tests/perf/kvm_host.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 $(WARN) -O2 -static -o $@ $<

-include $(KERNEL_OBJ:.o=.d) $(RT_OBJ:.o=.d) $(patsubst %.o,%.d,$(call objs,$(ROOT) $(VMM) $(SERIAL) $(SWITCH) $(DRV_LIB) $(PCI) $(AHCI) $(NVME) $(BLOCK) $(VIRTIO_BLK) $(VIRTIO_NET) $(E1000E) $(USER_TESTS) $(MONITORS)))
-include $(B)/asm_offsets.d $(B)/cpu-model.d $(B)/perf/guest.c.d $(wildcard $(B)/tests/*/*.d)

/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1, multiboot 2 and PVH: where kernel and modules go, what the kernel is told, and what is refused. */
/* sources: vmm/load/linux.c vmm/load/load.c vmm/load/elf.c vmm/load/multiboot.c vmm/load/multiboot2.c vmm/load/place.c vmm/load/pvh.c vmm/gmem.c vmm/layout.c */
#include <load/load.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#define MEMORY		(16 * MIB)
#define BASE		0x100000u
#define CODE_AT		0x1000u			/* offset of the segment in the file */
#define CODE_SIZE	0x800u
#define BSS		0x2800u			/* bytes in memory */

static uint8_t *ram, file[CODE_AT + CODE_SIZE];
static uint64_t size;
static struct gmem mem;
static struct load_input boot;
static struct load_entry entry;
static struct load_error err;
static struct e820_entry map[LAYOUT_E820_MAX];

static uint32_t word(uint64_t gpa)
{
	uint32_t v;

	assert_true(gmem_read(&mem, (gpa_t){ gpa }, &v, sizeof(v)));
	return v;
}

static uint64_t quad(uint64_t gpa)
{
	return word(gpa) | (uint64_t)word(gpa + 4) << 32;
}

static void put(unsigned off, const uint32_t *words, unsigned count)
{
	memcpy(file + off, words, count * 4);
}

static int setup(void **state)
{
	(void)state;
	if (!ram)
		ram = aligned_alloc(PAGE_SIZE, MEMORY);
	memset(ram, 0xee, MEMORY);
	memset(&mem, 0, sizeof(mem));
	assert_true(gmem_add(&mem, (gpa_t){ 0 }, LAYOUT_VGA, ram, true));
	assert_true(gmem_add(&mem, (gpa_t){ LAYOUT_ROM }, MEMORY - LAYOUT_ROM, ram + LAYOUT_ROM, true));
	memcpy(ram + LAYOUT_ACPI, "RSD PTR ", 8);
	memset(file, 0, sizeof(file));
	for (unsigned i = 0; i < CODE_SIZE; i++)
		file[CODE_AT + i] = (uint8_t)(i * 7);
	size = sizeof(file);
	boot = (struct load_input){
		.kernel = file, .cmdline = "a=1 b", .rsdp = LAYOUT_ACPI, .e820 = map, .e820_count = layout_e820(MEMORY, map),
		.module = { { 5000, "env" }, { 1, "second" } }, .module_count = 2,
	};
	memset(&err, 0, sizeof(err));
	return 0;
}

/* A file of one segment; @wide: 64 bits. */
static void elf(bool wide, uint64_t vaddr)
{
	Elf32_Ehdr *h = (void *)file;
	Elf64_Ehdr *H = (void *)file;

	memcpy(file, ELFMAG, SELFMAG);
	file[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
	file[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_EXEC;
	h->e_machine = wide ? EM_X86_64 : EM_386;
	if (wide) {
		H->e_entry = vaddr + 16;
		H->e_phoff = 64;
		H->e_phentsize = sizeof(Elf64_Phdr);
		H->e_phnum = 2;
		*(Elf64_Phdr *)(void *)(file + 64) = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_offset = CODE_AT, .p_vaddr = vaddr, .p_paddr = BASE, .p_filesz = CODE_SIZE, .p_memsz = BSS,
		};
	} else {
		h->e_entry = (uint32_t)vaddr + 16;
		h->e_phoff = 64;
		h->e_phentsize = sizeof(Elf32_Phdr);
		h->e_phnum = 2;
		*(Elf32_Phdr *)(void *)(file + 64) = (Elf32_Phdr){
			.p_type = PT_LOAD, .p_offset = CODE_AT, .p_vaddr = (uint32_t)vaddr, .p_paddr = BASE, .p_filesz = CODE_SIZE,
			.p_memsz = BSS,
		};
	}
}

static void multiboot(uint32_t flags)
{
	const uint32_t h[3] = { 0x1badb002, flags, -(0x1badb002 + flags) };

	put(0x200, h, 3);
}

static void multiboot2(const uint32_t *tags, unsigned words)
{
	const uint32_t length = 16 + 4 * words, h[4] = { 0xe85250d6, 0, length, -(0xe85250d6 + length) };

	put(0x400, h, 4);
	put(0x410, tags, words);
}

static void pvh_note(bool wide, uint32_t address)
{
	const uint32_t note[5] = { 4, 4, 18, 0x006e6558, address };

	put(0x600, note, 5);
	if (wide)
		*(Elf64_Phdr *)(void *)(file + 64 + 56) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 0x600, .p_filesz = 20 };
	else
		*(Elf32_Phdr *)(void *)(file + 64 + 32) = (Elf32_Phdr){ .p_type = PT_NOTE, .p_offset = 0x600, .p_filesz = 20 };
}

static bool load(void)
{
	boot.kernel_size = size;
	return load_kernel(&mem, &boot, &entry, &err);
}

static void refused(const char *what, const char *text)
{
	assert_false(load());
	assert_string_equal(err.file, what);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not contain \"%s\"", err.text, text);
}

/* Kernel and modules, and the flat segments that all three protocols promise. */
static void kernel_is_placed(void)
{
	const uint64_t *gdt = (const void *)(ram + entry.gdt_base);

	assert_memory_equal(ram + BASE, file + CODE_AT, CODE_SIZE);
	for (unsigned i = CODE_SIZE; i < BSS; i++)
		assert_int_equal(ram[BASE + i], 0);
	assert_int_equal(ram[BASE + BSS], 0xee);
	assert_false(entry.long_mode);
	assert_int_equal(gdt[entry.cs / 8], 0x00cf9b000000ffffull);
	assert_int_equal(gdt[entry.ds / 8], 0x00cf93000000ffffull);
	assert_int_equal(entry.module[0], 0x103000);
	assert_int_equal(entry.module[1], 0x105000);
}

static void multiboot_tells_memory_command_line_modules_and_map(void **state)
{
	uint64_t info, m, r;

	(void)state;
	elf(false, BASE);
	multiboot(3);
	assert_true(load());
	kernel_is_placed();
	assert_int_equal(entry.rip, BASE + 16);
	assert_int_equal(entry.rax, 0x2badb002);
	info = entry.rbx;
	assert_int_equal(word(info) & 0x4d, 0x4d);
	assert_int_equal(word(info + 4), 639);
	assert_int_equal(word(info + 8), MEMORY / KIB - 1024);
	assert_string_equal(ram + word(info + 16), "a=1 b");
	assert_int_equal(word(info + 20), 2);
	m = word(info + 24);
	assert_int_equal(word(m), entry.module[0]);
	assert_int_equal(word(m + 4), entry.module[0] + 5000);
	assert_string_equal(ram + word(m + 8), "env");
	assert_string_equal(ram + word(m + 24), "second");
	assert_int_equal(word(info + 44), boot.e820_count * 24);
	r = word(info + 48);
	for (unsigned i = 0; i < boot.e820_count; i++, r += 24) {
		assert_int_equal(word(r), 20);
		assert_int_equal(quad(r + 4), map[i].addr);
		assert_int_equal(quad(r + 12), map[i].size);
		assert_int_equal(word(r + 20), map[i].type);
	}
}

static void a_multiboot_header_with_addresses_places_any_file(void **state)
{
	const uint32_t addresses[5] = { BASE - CODE_AT + 0x200 + 0x1000, BASE - CODE_AT + 0x1000, BASE + 0x1000 + 0x700, BASE + 0x1000 + 0x900,
					BASE + 0x1004 };

	(void)state;
	multiboot(0x10000);
	put(0x20c, addresses, 5);
	assert_true(load());
	assert_int_equal(entry.rip, BASE + 0x1004);
	assert_memory_equal(ram + BASE + 0x1000, file + CODE_AT, 0x700);
	assert_int_equal(ram[BASE + 0x1700], 0);
	assert_int_equal(ram[BASE + 0x1900], 0xee);
	file[0x20c + 8]++;			/* load_end_addr: beyond the file, and below the start */
	file[0x20c + 9] = 0xff;
	refused("kernel", "truncated");
	file[0x20c + 10] = 0;
	refused("kernel", "ends before");
}

static void multiboot_2_tells_the_same_by_tags_and_the_rsdp(void **state)
{
	const uint32_t tags[] = { 1, 16, 4, 6, 0, 8 };
	unsigned seen = 0, modules = 0;
	uint64_t at, end;

	(void)state;
	elf(true, BASE);
	multiboot2(tags, 6);
	assert_true(load());
	kernel_is_placed();
	assert_int_equal(entry.rax, 0x36d76289);
	assert_int_equal(entry.rbx % 8, 0);
	end = entry.rbx + word(entry.rbx);
	for (at = entry.rbx + 8; at < end; at += align_up(word(at + 4), 8)) {
		seen |= 1u << word(at);
		if (word(at) == 0)
			break;
		if (word(at) == 1)
			assert_string_equal(ram + at + 8, "a=1 b");
		if (word(at) == 3) {
			assert_int_equal(word(at + 8), entry.module[modules]);
			assert_int_equal(word(at + 12), entry.module[modules] + boot.module[modules].size);
			assert_string_equal(ram + at + 16, boot.module[modules].args);
			modules++;
		}
		if (word(at) == 4)
			assert_int_equal(word(at + 12), MEMORY / KIB - 1024);
		if (word(at) == 6)
			assert_int_equal(quad(at + 16 + 24 * 3), map[3].addr);
		if (word(at) == 15)
			assert_memory_equal(ram + at + 8, "RSD PTR ", 8);
	}
	assert_int_equal(at + 8, end);
	assert_int_equal(modules, 2);
	assert_int_equal(seen, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 15);
}

static void multiboot_2_tags_can_give_addresses_and_entry(void **state)
{
	const uint32_t tags[] = { 2, 24, BASE + 0x400, 0xffffffff, 0, BASE + 0x4000, 3, 12, BASE + 0x20, 0, 0, 8 };

	(void)state;
	multiboot2(tags, 12);
	assert_true(load());
	assert_int_equal(entry.rip, BASE + 0x20);
	assert_memory_equal(ram + BASE, file, sizeof(file));
	assert_int_equal(ram[BASE + 0x3fff], 0);
	assert_int_equal(ram[BASE + 0x4000], 0xee);
}

static void a_pvh_kernel_gets_its_start_info(void **state)
{
	uint64_t info, m, r;

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		setup(NULL);
		elf(wide, wide ? 0xffffffff80000000 : BASE);
		pvh_note(wide, BASE + 32);
		assert_true(load());
		kernel_is_placed();
		assert_int_equal(entry.rip, BASE + 32);
		info = entry.rbx;
		assert_int_equal(word(info), 0x336ec578);
		assert_int_equal(word(info + 4), 1);
		assert_int_equal(word(info + 12), 2);
		m = quad(info + 16);
		assert_int_equal(quad(m), entry.module[0]);
		assert_int_equal(quad(m + 8), 5000);
		assert_string_equal(ram + quad(m + 16), "env");
		assert_string_equal(ram + quad(info + 24), "a=1 b");
		assert_int_equal(quad(info + 32), LAYOUT_ACPI);
		r = quad(info + 40);
		assert_int_equal(word(info + 48), boot.e820_count);
		assert_int_equal(quad(r + 24 * 3), map[3].addr);
		assert_int_equal(quad(r + 24 * 3 + 8), map[3].size);
	}
}

static void an_entry_point_linked_high_is_found_in_its_segment(void **state)
{
	(void)state;
	elf(true, 0xffffffff80000000);
	multiboot(0);
	assert_true(load());
	assert_int_equal(entry.rip, BASE + 16);
}

static void a_kernel_in_low_memory_moves_the_loaders_own_structures(void **state)
{
	(void)state;
	elf(false, 0x8000);
	((Elf32_Phdr *)(void *)(file + 64))->p_paddr = 0xf000;
	((Elf32_Phdr *)(void *)(file + 64))->p_vaddr = 0xf000;
	((Elf32_Ehdr *)(void *)file)->e_entry = 0xf010;
	multiboot(0);
	assert_true(load());
	assert_true(entry.rbx >= LAYOUT_HIMEM && entry.gdt_base >= LAYOUT_HIMEM);
	assert_true(entry.module[0] >= entry.rbx);
	assert_memory_equal(ram + 0xf000, file + CODE_AT, CODE_SIZE);
}

static void what_memory_does_not_have_is_refused(void **state)
{
	Elf32_Phdr *p = (void *)(file + 64);

	(void)state;
	elf(false, BASE);
	multiboot(0);
	p->p_memsz = MEMORY;
	refused("memory", "too small");
	p->p_memsz = BSS;
	p->p_paddr = LAYOUT_ACPI;		/* where the tables are */
	refused("memory", "where there is none");
	p->p_paddr = 0xfffff000;
	refused("memory", "where there is none");
	p->p_paddr = BASE;
	boot.module[1].size = MEMORY - BASE;
	refused("module", "does not fit");
	boot.module[1].size = ~0ull;
	refused("module", "does not fit");
	boot.module[1].size = 1;
	assert_true(load());
}

static void files_that_lie_about_themselves_are_refused(void **state)
{
	Elf32_Ehdr *h = (void *)file;
	Elf32_Phdr *p = (void *)(file + 64);

	(void)state;
	elf(false, BASE);
	multiboot(0);
	size--;
	refused("kernel", "truncated");
	size++;
	p->p_memsz = CODE_SIZE - 1;
	refused("kernel", "more bytes in the file");
	p->p_memsz = BSS;
	h->e_entry = BASE + BSS;
	refused("kernel", "entry point");
	h->e_entry = BASE;
	h->e_phnum = 0xffff;
	refused("kernel", "no ELF file");
	h->e_phnum = 0;
	refused("kernel", "anything to load");
	h->e_phnum = 2;
	h->e_machine = EM_AARCH64;
	refused("kernel", "no ELF file for x86");
}

static void what_a_kernel_needs_and_this_loader_does_not_know_is_refused(void **state)
{
	const uint32_t unknown[] = { 11, 8, 0, 8 }, optional[] = { 0x1000b, 8, 0, 8 }, asks[] = { 1, 12, 22, 0, 0, 8 },
		endless[] = { 6, 8 }, arch[] = { 0xe85250d6, 4, 16, -(0xe85250d6 + 4 + 16) };

	(void)state;
	elf(false, BASE);
	multiboot(8);
	refused("kernel", "header flags");
	multiboot2(unknown, 4);
	refused("kernel", "header tag");
	multiboot2(optional, 4);
	assert_true(load());
	multiboot2(asks, 6);
	refused("kernel", "unknown information");
	multiboot2(endless, 2);
	refused("kernel", "does not end");
	put(0x400, arch, 4);
	refused("kernel", "another architecture");
}

static void command_lines_that_do_not_fit_are_refused(void **state)
{
	static char line[LAYOUT_BOOT_SIZE];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	boot.cmdline = line;
	elf(false, BASE);
	multiboot(0);
	refused("cmdline", "too long");
	multiboot2((const uint32_t[]){ 0, 8 }, 2);
	refused("cmdline", "too long");
	memset(file + 0x200, 0, 0x300);
	pvh_note(false, BASE);
	refused("cmdline", "too long");
}

static void an_elf_file_without_any_header_is_called_so(void **state)
{
	(void)state;
	elf(true, BASE);
	refused("kernel", "without multiboot header or PVH note");
	assert_true(err.unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(multiboot_tells_memory_command_line_modules_and_map, setup),
		cmocka_unit_test_setup(a_multiboot_header_with_addresses_places_any_file, setup),
		cmocka_unit_test_setup(multiboot_2_tells_the_same_by_tags_and_the_rsdp, setup),
		cmocka_unit_test_setup(multiboot_2_tags_can_give_addresses_and_entry, setup),
		cmocka_unit_test_setup(a_pvh_kernel_gets_its_start_info, setup),
		cmocka_unit_test_setup(an_entry_point_linked_high_is_found_in_its_segment, setup),
		cmocka_unit_test_setup(a_kernel_in_low_memory_moves_the_loaders_own_structures, setup),
		cmocka_unit_test_setup(what_memory_does_not_have_is_refused, setup),
		cmocka_unit_test_setup(files_that_lie_about_themselves_are_refused, setup),
		cmocka_unit_test_setup(what_a_kernel_needs_and_this_loader_does_not_know_is_refused, setup),
		cmocka_unit_test_setup(command_lines_that_do_not_fit_are_refused, setup),
		cmocka_unit_test_setup(an_elf_file_without_any_header_is_called_so, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

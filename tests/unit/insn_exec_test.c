/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction executor: what a guest sees when its instruction is emulated, above all when it faults, is interrupted, crosses
 * a page, or may not do what it tries.  Results of plain instructions are compared with the CPU in insn_native_test.c.
 */
/* sources: vmm/insn.c vmm/insn_table.c vmm/insn_exec.c vmm/insn_fetch.c vmm/insn_operand.c vmm/insn_mem.c vmm/insn_alu.c vmm/insn_string.c vmm/insn_stack.c vmm/insn_seg.c vmm/gwalk.c */
#include "insn_exec.h"

#include "insn_guest.h"
#include "insn_seen.h"

#define DATA		0x30000ull	/* RAM that 64-bit guests see at BUFFER, with a device page behind it */
#define BUFFER		0x7fff00000000ull
#define DEVICE		(BUFFER + PAGE_SIZE)
#define GDT		0x28000ull

static uint64_t peek64(const struct guest *g, uint64_t gpa)
{
	uint64_t v;

	memcpy(&v, &g->ram[gpa], 8);
	return v;
}

static void poke64(struct guest *g, uint64_t gpa, uint64_t v)
{
	memcpy(&g->ram[gpa], &v, 8);
}

/* Fetch and execute the instruction in @bytes at RIP, which is put there first. */
static enum insn_result run_bytes(struct guest *g, const char *bytes, size_t count)
{
	struct insn in;
	enum insn_result r;

	g->st.rip = GUEST_CODE;
	memcpy(&g->ram[GUEST_CODE], bytes, count);
	g->mmio_reads = g->mmio_writes = 0;
	g->ctx.fault = (struct insn_fault){ 0 };
	r = insn_fetch(&g->ctx, &in);
	if (r)
		return r;
	assert_int_equal(in.length, count);
	return insn_exec(&g->ctx, &in);
}

#define RUN(g, bytes)	run_bytes(g, bytes, sizeof(bytes) - 1)

#define assert_done(g, bytes) do {							\
	assert_int_equal(RUN(g, bytes), INSN_DONE);					\
	assert_int_equal((g)->st.rip, GUEST_CODE + sizeof(bytes) - 1);			\
	assert_true((g)->st.dirty & TV_REGS_RIP);					\
} while (0)

#define assert_raises(g, bytes, vec, code) do {						\
	assert_int_equal(RUN(g, bytes), INSN_EXCEPTION);				\
	assert_int_equal((g)->ctx.fault.vector, vec);					\
	assert_int_equal((g)->ctx.fault.error, code);					\
	assert_int_equal((g)->st.rip, GUEST_CODE);					\
} while (0)

static struct guest *guest64(void)
{
	struct guest *g = guest_create(INSN_MODE_64);

	guest_map(g, BUFFER, DATA, PTE_W | PTE_U);
	guest_map(g, DEVICE, GUEST_DEVICE, PTE_W | PTE_U);
	g->st.gpr[TV_RBX] = BUFFER;
	g->st.gpr[TV_RDI] = DEVICE;
	return g;
}

static void a_register_of_a_device_is_accessed_once_and_with_its_size(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RAX] = 0x1122334455667788;
	assert_done(g, "\x89\x47\x20");				/* mov [rdi + 0x20], eax */
	assert_int_equal(g->mmio_writes, 1);
	assert_int_equal(g->mmio_reads, 0);
	assert_memory_equal(&g->dev[0x20], "\x88\x77\x66\x55\0", 5);
	g->st.gpr[TV_RDX] = ~0ull;
	assert_done(g, "\x8b\x57\x20");				/* mov edx, [rdi + 0x20] */
	assert_int_equal(g->mmio_reads, 1);
	assert_int_equal(g->st.gpr[TV_RDX], 0x55667788);
	assert_done(g, "\x80\x4f\x21\x0f");			/* or byte [rdi + 0x21], 15 */
	assert_int_equal(g->mmio_reads, 1);
	assert_int_equal(g->mmio_writes, 1);
	assert_int_equal(g->dev[0x21], 0x7f);
	assert_done(g, "\x8a\x67\x21");				/* mov ah, [rdi + 0x21] */
	assert_int_equal(g->st.gpr[TV_RAX], 0x1122334455667f88);
	assert_done(g, "\x40\x8a\x67\x21");			/* mov spl, [rdi + 0x21] */
	assert_int_equal(g->st.gpr[TV_RSP], 0x7f);
	assert_done(g, "\xf0\x0f\xc7\x4f\x20");			/* lock cmpxchg8b: on a device a read and a write */
	assert_int_equal(g->mmio_reads, 1);
	assert_int_equal(g->mmio_writes, 1);
	test_free(g);
}

static void an_access_that_crosses_pages_is_split_at_the_border(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RAX] = 0x1122334455667788;
	assert_done(g, "\x48\x89\x47\xfd");			/* mov [rdi - 3], rax: 3 bytes RAM, 5 bytes device */
	assert_memory_equal(&g->ram[DATA + 0xffd], "\x88\x77\x66", 3);
	assert_memory_equal(&g->dev[0], "\x55\x44\x33\x22\x11\0", 6);
	assert_int_equal(g->mmio_writes, 2);			/* 4 and 1: devices see powers of two only */
	assert_done(g, "\x48\x8b\x57\xfd");
	assert_int_equal(g->st.gpr[TV_RDX], 0x1122334455667788);
	test_free(g);
}

static void a_write_that_faults_in_its_second_page_changes_nothing(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RDI] = DEVICE + 0xffe;
	g->st.gpr[TV_RAX] = ~0ull;
	assert_raises(g, "\x48\x89\x07", EXC_PF, PF_WRITE);
	assert_int_equal(g->ctx.fault.cr2, DEVICE + 0x1000);
	assert_true(g->ctx.fault.has_error);
	assert_int_equal(g->mmio_writes, 0);
	guest_map(g, DEVICE + PAGE_SIZE, DATA, PTE_U);		/* read-only */
	assert_raises(g, "\x48\x01\x07", EXC_PF, PF_WRITE | PF_PRESENT);
	assert_int_equal(g->mmio_reads, 0);			/* not even read: reading a device may have an effect */
	assert_int_equal(g->ram[DATA], 0);
	test_free(g);
}

static void user_code_gets_no_more_rights_from_the_emulator(void **state)
{
	struct guest *g = guest64();

	(void)state;
	guest_map(g, DEVICE, GUEST_DEVICE, PTE_W);
	g->st.cpl = 3;
	assert_raises(g, "\x88\x07", EXC_PF, PF_PRESENT | PF_WRITE | PF_USER);
	assert_raises(g, "\x8a\x07", EXC_PF, PF_PRESENT | PF_USER);
	assert_int_equal(g->ctx.fault.cr2, DEVICE);
	assert_int_equal(RUN(g, "\xee"), INSN_RETRY);		/* out dx, al: only the hardware can consult the bitmap */
	assert_int_equal(RUN(g, "\x6c"), INSN_RETRY);
	assert_int_equal(g->port_count, 0);
	g->st.gpr[TV_RDX] = 0x3f8;
	g->ctx.io_port = 0x3f8;
	g->ctx.io_size = 1;
	assert_done(g, "\xee");
	assert_int_equal(RUN(g, "\xef"), INSN_RETRY);		/* four ports, one was checked */
	g->ctx.io_size = 0;
	g->st.rflags |= RFLAGS_IOPL;
	assert_done(g, "\xee");
	assert_raises(g, "\x0f\x00\xd8", EXC_GP, 0);		/* ltr ax */
	assert_raises(g, "\x0f\x01\x17", EXC_GP, 0);		/* lgdt */
	g->st.cr4 |= CR4_UMIP;
	assert_raises(g, "\x0f\x01\xe0", EXC_GP, 0);		/* smsw eax */
	test_free(g);
}

static unsigned lookups;

static void count_lookup(struct guest *g)
{
	(void)g;
	lookups++;
}

static void the_address_of_the_exit_saves_a_walk_and_grants_nothing_else(void **state)
{
	struct guest *g = guest64();

	(void)state;
	guest_map(g, DEVICE, GUEST_DEVICE, PTE_U);		/* read-only */
	assert_done(g, "\x8b\x07");
	g->on_ram = count_lookup;
	lookups = 0;
	g->ctx.hint_valid = true;
	g->ctx.hint.v = GUEST_DEVICE + 0x1000;
	g->dev[0x1000] = 0x77;
	assert_done(g, "\x8a\x07");				/* mov al, [rdi] */
	assert_int_equal(g->st.gpr[TV_RAX] & 0xff, 0x77);
	assert_int_equal(lookups, 6);				/* the fetch: 5, and whether the operand is RAM */
	assert_false(g->ctx.hint_valid);
	g->ctx.hint_valid = true;				/* the exit was a read: this is another instruction by now */
	assert_raises(g, "\x88\x07", EXC_PF, PF_PRESENT | PF_WRITE);
	g->ctx.hint_valid = true;
	g->st.gpr[TV_RDI] = DEVICE + 0xfff;
	assert_raises(g, "\x66\x8b\x07", EXC_PF, 0);		/* two pages, and one of them exited */
	g->ctx.hint_valid = true;
	g->st.gpr[TV_RSI] = 0x1234;
	assert_raises(g, "\xff\x36", EXC_PF, 0);		/* push [rsi]: two operands, either may have exited */
	test_free(g);
}

static void addresses_must_be_canonical(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RAX] = 0x0000800000000000;
	g->st.gpr[TV_RSP] = g->st.gpr[TV_RBP] = 0x0000800000000000;
	assert_raises(g, "\x8a\x08", EXC_GP, 0);		/* mov cl, [rax] */
	assert_raises(g, "\x8a\x4d\x00", EXC_SS, 0);		/* mov cl, [rbp] */
	assert_raises(g, "\x8a\x0c\x24", EXC_SS, 0);
	g->st.gpr[TV_RAX] = 0x00007fffffffffff;
	assert_raises(g, "\x66\x8b\x08", EXC_GP, 0);		/* only its second byte is not */
	g->st.seg[TV_GS].base = BUFFER - 16;
	g->ram[DATA] = 0x5a;
	assert_done(g, "\x65\x8a\x0c\x25\x10\x00\x00\x00");	/* mov cl, gs:[0x10] */
	assert_int_equal(g->st.gpr[TV_RCX], 0x5a);
	poke64(g, 0x1f000, g->st.cr3 | PTE_P | PTE_W | PTE_U);	/* a fifth level */
	g->st.cr3 = 0x1f000;
	g->st.cr4 |= CR4_LA57;
	g->st.gpr[TV_RAX] = 0x0000800000000000;
	assert_raises(g, "\x8a\x08", EXC_PF, 0);		/* five levels: canonical, and not mapped */
	test_free(g);
}

static void segments_are_checked_outside_64_bit_mode(void **state)
{
	struct guest *g = guest_create(INSN_MODE_32);

	(void)state;
	g->st.gpr[TV_RBX] = 0x1000;
	guest_segment(g, TV_DS, 0x18, ATTR_DATA32, DATA, 0x1003);
	assert_done(g, "\x89\x03");				/* mov [ebx], eax */
	assert_raises(g, "\x89\x43\x01", EXC_GP, 0);
	assert_true(g->ctx.fault.has_error);
	guest_segment(g, TV_SS, 0x18, ATTR_DATA32, DATA, 0x1003);
	g->st.gpr[TV_RBP] = 0x1000;
	assert_raises(g, "\x89\x45\x01", EXC_SS, 0);
	g->st.gpr[TV_RBP] = 0xffffffff;
	assert_raises(g, "\x89\x45\x00", EXC_SS, 0);		/* does not wrap around */
	guest_segment(g, TV_DS, 0x18, 0xc91, DATA, 0xffff);	/* read-only */
	assert_raises(g, "\x89\x03", EXC_GP, 0);
	assert_done(g, "\x8b\x03");
	guest_segment(g, TV_DS, 0x18, 0xc99, DATA, 0xffff);	/* execute-only */
	assert_raises(g, "\x8b\x03", EXC_GP, 0);
	guest_segment(g, TV_DS, 0, TV_SEG_UNUSABLE, DATA, 0xffff);
	assert_raises(g, "\x8b\x03", EXC_GP, 0);
	guest_segment(g, TV_DS, 0x18, 0xc97, DATA, 0xfff);	/* expand-down */
	assert_done(g, "\x8b\x03");
	assert_raises(g, "\x8b\x43\xff", EXC_GP, 0);
	assert_raises(g, "\x2e\x89\x03", EXC_GP, 0);		/* code cannot be written */
	g->st.cr0 &= ~CR0_PE;
	guest_segment(g, TV_DS, 0x18, 0, DATA, 0xffff);		/* real mode looks at the limit only, and has no error codes */
	assert_done(g, "\x8b\x03");
	g->st.gpr[TV_RBX] = 0x10000;
	assert_raises(g, "\x8b\x03", EXC_GP, 0);
	assert_false(g->ctx.fault.has_error);
	test_free(g);
}

static void sixteen_bit_code_addresses_through_its_segments(void **state)
{
	struct guest *g = guest_create(INSN_MODE_16);

	(void)state;
	g->st.cr0 = 0;
	guest_segment(g, TV_DS, 0x3000, 0x93, DATA, 0xffff);
	guest_segment(g, TV_ES, 0xfee0, 0x93, GUEST_DEVICE, 0xffff);
	g->st.gpr[TV_RBX] = 0xaaaafff0;
	g->st.gpr[TV_RSI] = 0xbbbb0020;
	g->st.gpr[TV_RAX] = 0x11223344;
	assert_done(g, "\x89\x00");				/* mov [bx + si], ax: wraps at 64 KiB */
	assert_memory_equal(&g->ram[DATA + 0x10], "\x44\x33\0", 3);
	assert_done(g, "\x66\x26\xa3\x34\x02");			/* mov es:[0x234], eax */
	assert_memory_equal(&g->dev[0x234], "\x44\x33\x22\x11\0", 5);
	g->st.gpr[TV_RCX] = 0x10003;
	g->st.gpr[TV_RDI] = 0x1fffe;
	guest_segment(g, TV_ES, 0x3000, 0x93, DATA, 0xffff);
	assert_done(g, "\xf3\xaa");				/* rep stosb: CX and DI, the upper halves stay */
	assert_int_equal(g->st.gpr[TV_RCX], 0x10000);
	assert_int_equal(g->st.gpr[TV_RDI], 0x10001);
	assert_int_equal(g->ram[DATA], 0x44);
	test_free(g);
}

static void rep_stops_at_its_budget_and_starts_again(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->ctx.max_iterations = 4;
	g->st.gpr[TV_RCX] = 10;
	g->st.gpr[TV_RAX] = 0x41;
	assert_int_equal(RUN(g, "\xf3\xaa"), INSN_RESTART);	/* rep stosb */
	assert_int_equal(g->st.rip, GUEST_CODE);
	assert_int_equal(g->st.gpr[TV_RCX], 6);
	assert_int_equal(g->st.gpr[TV_RDI], DEVICE + 4);
	assert_int_equal(g->mmio_writes, 4);
	assert_int_equal(RUN(g, "\xf3\xaa"), INSN_RESTART);
	assert_done(g, "\xf3\xaa");
	assert_int_equal(g->mmio_writes, 2);
	assert_int_equal(g->st.gpr[TV_RCX], 0);
	assert_memory_equal(g->dev, "AAAAAAAAAA\0", 11);
	assert_done(g, "\xf3\xaa");				/* a count of 0 does nothing */
	assert_int_equal(g->mmio_writes, 0);
	test_free(g);
}

static void rep_that_faults_has_done_what_came_before(void **state)
{
	struct guest *g = guest64();

	(void)state;
	memcpy(&g->ram[DATA], "0123456789abcdef", 16);
	g->st.gpr[TV_RSI] = BUFFER;
	g->st.gpr[TV_RDI] = DEVICE + 0xff8;
	g->st.gpr[TV_RCX] = 4;
	assert_raises(g, "\xf3\xa5", EXC_PF, PF_WRITE);		/* rep movsd */
	assert_int_equal(g->ctx.fault.cr2, DEVICE + 0x1000);
	assert_int_equal(g->st.gpr[TV_RCX], 2);
	assert_int_equal(g->st.gpr[TV_RSI], BUFFER + 8);
	assert_int_equal(g->st.gpr[TV_RDI], DEVICE + 0x1000);
	assert_memory_equal(&g->dev[0xff8], "01234567", 8);
	test_free(g);
}


static void a_long_rep_walks_the_page_tables_once_a_page(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->ctx.max_iterations = 100000;
	guest_map(g, BUFFER + 0x10000, DATA + 0x1000, PTE_W);
	guest_map(g, BUFFER + 0x11000, DATA + 0x2000, PTE_W);
	g->st.gpr[TV_RDI] = BUFFER + 0x10000;
	g->st.gpr[TV_RCX] = 0x1000;
	g->st.gpr[TV_RAX] = 0x6677;
	g->on_ram = count_lookup;
	lookups = 0;
	assert_done(g, "\xf3\x66\xab");				/* rep stosw over both pages */
	assert_int_equal(g->st.gpr[TV_RDI], BUFFER + 0x12000);
	for (unsigned i = 0; i < 0x2000; i += 2)
		assert_int_equal(g->ram[DATA + 0x1000 + i], 0x77);
	assert_in_range(lookups, 0x1000, 0x1000 + 32);		/* one look-up of RAM an element, three walks in all */
	test_free(g);
}

static void string_io_moves_between_ports_and_any_memory(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RDX] = 0x1f0;
	g->st.gpr[TV_RDI] = DEVICE - 4;
	g->st.gpr[TV_RCX] = 4;
	assert_done(g, "\xf3\x66\x6d");				/* rep insw, half of it into a device */
	assert_int_equal(g->last_port, 0x1f0);
	assert_memory_equal(&g->ram[DATA + 0xffc], "\x01\x01\x02\x02", 4);
	assert_memory_equal(&g->dev[0], "\x03\x03\x04\x04", 4);
	g->st.gpr[TV_RSI] = DEVICE - 2;
	g->st.gpr[TV_RCX] = 2;
	g->st.rflags |= RFLAGS_DF;
	g->port_count = 0;
	assert_done(g, "\xf3\x6f");				/* rep outsd, downwards */
	assert_int_equal(g->port_count, 2);
	assert_int_equal(g->port_out[0], 0x03030202);
	assert_int_equal(g->st.gpr[TV_RSI], DEVICE - 10);
	g->st.gpr[TV_RDI] = 0x123;
	g->port_value = 0;
	assert_raises(g, "\x6c", EXC_PF, PF_WRITE);		/* the port is not read if there is no place for the value */
	assert_int_equal(g->port_value, 0);
	test_free(g);
}

static void the_stack_may_lie_in_a_device(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RSP] = DEVICE + 0x100;
	g->st.gpr[TV_RAX] = 0x1234;
	assert_done(g, "\x50");					/* push rax */
	assert_int_equal(g->st.gpr[TV_RSP], DEVICE + 0xf8);
	assert_done(g, "\x6a\xf9");				/* push -7 */
	assert_done(g, "\x8f\x44\x24\x08");			/* pop [rsp + 8]: the address counts from the new rSP */
	assert_int_equal(g->st.gpr[TV_RSP], DEVICE + 0xf8);
	assert_memory_equal(&g->dev[0x100], "\xf9\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_done(g, "\x5c");					/* pop rsp: the value, not the sum */
	assert_int_equal(g->st.gpr[TV_RSP], 0x1234);
	g->st.gpr[TV_RSP] = 0x123;
	assert_raises(g, "\x50", EXC_PF, PF_WRITE);
	assert_int_equal(g->st.gpr[TV_RSP], 0x123);
	g->st.gpr[TV_RSP] = BUFFER;
	g->st.gpr[TV_RAX] = 0;
	assert_raises(g, "\x8f\x00", EXC_PF, PF_WRITE);		/* pop [rax] */
	assert_int_equal(g->st.gpr[TV_RSP], BUFFER);
	g->st.gpr[TV_RSP] = DEVICE + 0x100;
	g->st.gpr[TV_RBP] = 0x4711;
	assert_done(g, "\xc8\x20\x00\x00");			/* enter 32, 0 */
	assert_int_equal(g->st.gpr[TV_RSP], DEVICE + 0xd8);
	assert_int_equal(g->st.gpr[TV_RBP], DEVICE + 0xf8);
	assert_done(g, "\xc9");					/* leave */
	assert_int_equal(g->st.gpr[TV_RSP], DEVICE + 0x100);
	assert_int_equal(g->st.gpr[TV_RBP], 0x4711);
	test_free(g);
}

static void the_width_of_the_stack_comes_from_ss(void **state)
{
	struct guest *g = guest_create(INSN_MODE_32);

	(void)state;
	guest_segment(g, TV_SS, 0x18, 0x093, DATA, 0xffff);	/* a 16-bit stack in 32-bit code */
	g->st.gpr[TV_RSP] = 0xaaaa0002;
	g->st.gpr[TV_RAX] = 0x11223344;
	assert_raises(g, "\x50", EXC_SS, 0);			/* push eax: 0xfffe + 4 is beyond the limit */
	assert_done(g, "\x66\x50");				/* push ax */
	assert_int_equal(g->st.gpr[TV_RSP], 0xaaaa0000);
	assert_done(g, "\x66\x50");
	assert_int_equal(g->st.gpr[TV_RSP], 0xaaaafffe);	/* wraps, and leaves the upper half alone */
	assert_memory_equal(&g->ram[DATA + 0xfffe], "\x44\x33", 2);
	assert_done(g, "\x66\x5b");				/* pop bx */
	assert_int_equal(g->st.gpr[TV_RSP], 0xaaaa0000);
	g->st.gpr[TV_RBP] = 0xbbbb1000;
	g->st.gpr[TV_RSP] = 0xaaaa1000;
	assert_done(g, "\xc8\x10\x00\x00");			/* enter 16, 0 with EBP of 32 bits */
	assert_int_equal(g->st.gpr[TV_RSP], 0xaaaa0fec);
	assert_int_equal(g->st.gpr[TV_RBP], 0xaaaa0ffc);
	assert_done(g, "\xc9");
	assert_int_equal(g->st.gpr[TV_RSP], 0xaaaa1000);
	assert_int_equal(g->st.gpr[TV_RBP], 0xbbbb1000);
	assert_int_equal(RUN(g, "\x66\xe8\xfc\x0f"), INSN_DONE);	/* call with a 16-bit operand cuts EIP */
	assert_int_equal(g->st.rip, (GUEST_CODE + 4 + 0x0ffc) & 0xffff);
	guest_segment(g, TV_SS, 0x18, ATTR_DATA32, DATA, 0xffffffff);
	g->st.gpr[TV_RSP] = 0x10004;
	assert_done(g, "\x06");					/* push es */
	assert_int_equal(g->st.gpr[TV_RSP], 0x10000);
	g->st.seg[TV_CS].limit = GUEST_CODE + 0x100;
	memcpy(&g->ram[DATA + 0x10000], "\x01\x01\x02\x00", 4);
	assert_raises(g, "\xc3", EXC_GP, 0);			/* ret beyond the limit of CS */
	assert_int_equal(g->st.gpr[TV_RSP], 0x10000);
	test_free(g);
}

static void branches_through_memory_check_their_target(void **state)
{
	struct guest *g = guest64();

	(void)state;
	memcpy(g->dev, "\x78\x56\x34\x12\0\0\0\0", 8);
	g->st.gpr[TV_RSP] = BUFFER + 0x80;
	assert_int_equal(RUN(g, "\xff\x17"), INSN_DONE);	/* call [rdi] */
	assert_int_equal(g->st.rip, 0x12345678);
	assert_int_equal(peek64(g, DATA + 0x78), GUEST_CODE + 2);
	assert_int_equal(RUN(g, "\xc2\x10\x00"), INSN_DONE);	/* ret 16 */
	assert_int_equal(g->st.rip, GUEST_CODE + 2);
	assert_int_equal(g->st.gpr[TV_RSP], BUFFER + 0x90);
	assert_int_equal(RUN(g, "\xff\x27"), INSN_DONE);	/* jmp [rdi] */
	g->dev[6] = 0x80;
	assert_raises(g, "\xff\x27", EXC_GP, 0);
	assert_raises(g, "\xff\x17", EXC_GP, 0);
	assert_int_equal(g->st.gpr[TV_RSP], BUFFER + 0x90);
	assert_int_equal(RUN(g, "\xe8\xfb\xff\xff\xff"), INSN_DONE);	/* call itself */
	assert_int_equal(g->st.rip, GUEST_CODE);
	test_free(g);
}

static void vector_moves_need_sse_and_their_alignment(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->vector[9][0] = 0x1111222233334444;
	g->vector[9][1] = 0x5555666677778888;
	assert_done(g, "\x44\x0f\x11\x4f\xf8");			/* movups [rdi - 8], xmm9 */
	assert_int_equal(peek64(g, DATA + 0xff8), 0x1111222233334444);
	assert_memory_equal(g->dev, "\x88\x88\x77\x77\x66\x66\x55\x55", 8);
	assert_done(g, "\xf3\x0f\x7e\x07");			/* movq xmm0, [rdi] */
	assert_int_equal(g->vector[0][0], 0x5555666677778888);
	assert_int_equal(g->vector[0][1], 0);
	assert_raises(g, "\x0f\x28\x47\xf8", EXC_GP, 0);	/* movaps */
	assert_raises(g, "\x48\x0f\xc7\x4f\xf8", EXC_GP, 0);	/* cmpxchg16b */
	g->st.cr0 |= CR0_TS;
	assert_raises(g, "\x0f\x10\x07", EXC_NM, 0);
	assert_false(g->ctx.fault.has_error);
	g->st.cr4 &= ~CR4_OSFXSR;
	assert_raises(g, "\x0f\x10\x07", EXC_UD, 0);
	assert_raises(g, "\x0f\x6f\x07", EXC_NM, 0);		/* movq mm0: needs no OSFXSR */
	test_free(g);
}

static void misaligned_user_data_raises_ac_if_asked_for(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.cpl = 3;
	g->st.cr0 |= CR0_AM;
	assert_done(g, "\x8b\x47\x01");
	g->st.rflags |= RFLAGS_AC;
	assert_raises(g, "\x8b\x47\x01", EXC_AC, 0);
	assert_done(g, "\x8b\x47\x04");
	g->st.cpl = 0;
	assert_done(g, "\x8b\x47\x01");
	test_free(g);
}

static void arithmetic_faults_leave_the_registers(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.gpr[TV_RAX] = 1;
	g->st.gpr[TV_RDX] = 2;
	assert_raises(g, "\x48\xf7\x37", EXC_DE, 0);		/* div qword [rdi], which is 0 */
	assert_false(g->ctx.fault.has_error);
	assert_int_equal(g->st.gpr[TV_RDX], 2);
	g->dev[0] = 2;
	assert_raises(g, "\x48\xf7\x37", EXC_DE, 0);		/* quotient of 65 bits */
	g->st.gpr[TV_RAX] = 0x8000000000000000;
	g->st.gpr[TV_RDX] = ~0ull;
	memset(g->dev, 0xff, 8);
	assert_raises(g, "\x48\xf7\x3f", EXC_DE, 0);		/* idiv: smallest number by -1 */
	test_free(g);
}

static void read_only_memory_is_read_and_its_writes_go_to_the_device_side(void **state)
{
	struct guest *g = guest_create(INSN_MODE_32);

	(void)state;
	g->ram[DATA] = 0x12;
	memcpy(&g->ram[GUEST_CODE], "\x80\x0d\x00\x00\x03\x00\x01", 7);	/* or byte [DATA], 1 */
	g->read_only = true;
	struct insn in;

	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(insn_exec(&g->ctx, &in), INSN_DONE);
	assert_int_equal(g->mmio_writes, 1);
	assert_int_equal(g->mmio_reads, 0);
	assert_int_equal(g->ram[DATA], 0x12);
	assert_int_equal(g->st.rflags & RFLAGS_ZF, 0);
	test_free(g);
}

static enum insn_result fetch_at(struct guest *g, uint64_t rip, const char *bytes, size_t count, struct insn *in)
{
	g->st.rip = rip;
	memcpy(&g->ram[rip], bytes, count);
	return insn_fetch(&g->ctx, in);
}

static void fetch_touches_the_second_page_only_if_the_instruction_does(void **state)
{
	struct guest *g = guest64();
	struct insn in;

	(void)state;
	assert_int_equal(fetch_at(g, GUEST_CODE + 0xffe, "\x89\x07", 2, &in), INSN_DONE);
	assert_int_equal(in.length, 2);
	assert_int_equal(fetch_at(g, GUEST_CODE + 0xffe, "\x89\x47\x20", 3, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.vector, EXC_PF);
	assert_int_equal(g->ctx.fault.error, PF_FETCH);
	assert_int_equal(g->ctx.fault.cr2, GUEST_CODE + 0x1000);
	guest_map(g, GUEST_CODE + PAGE_SIZE, GUEST_CODE + PAGE_SIZE, PTE_NX | PTE_U);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.error, PF_FETCH | PF_PRESENT);
	guest_map(g, GUEST_CODE + PAGE_SIZE, DATA, PTE_U);
	g->ram[DATA] = 0x30;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(in.length, 3);
	assert_int_equal(in.disp, 0x30);
	test_free(g);
}

static void fetch_reads_guest_memory_once(void **state)
{
	struct guest *g = guest64();
	struct insn in;

	(void)state;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x07", 2, &in), INSN_DONE);
	g->on_ram = count_lookup;
	lookups = 0;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(lookups, 5);				/* four page tables, and the bytes */
	test_free(g);
}

static void a_place_that_was_fetched_from_is_not_walked_to_again_until_something_changes(void **state)
{
	struct guest *g = guest64();
	uint64_t cr3 = g->st.cr3;
	struct insn in;

	(void)state;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x20", 3, &in), INSN_DONE);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);	/* now the accessed bits are set, too */
	g->on_ram = count_lookup;
	lookups = 0;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(in.disp, 0x20);
	assert_int_equal(lookups, 0);

	memcpy(&g->ram[DATA], "\x89\x47\x33", 3);
	guest_map(g, GUEST_CODE, DATA, 0);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);	/* another page */
	assert_int_equal(in.disp, 0x33);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	g->st.cpl = 3;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.error, PF_FETCH | PF_USER | PF_PRESENT);
	g->st.cpl = 0;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	guest_map(g, GUEST_CODE, DATA, PTE_NX);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.error, PF_FETCH | PF_PRESENT);
	guest_map(g, GUEST_CODE, DATA, 0);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	g->st.cr3 = g->next_table;				/* an empty table */
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.error, PF_FETCH);
	g->st.cr3 = cr3;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(in.disp, 0x33);
	test_free(g);
}

static void a_place_is_known_under_another_cr3_only_if_the_first_table_agrees(void **state)
{
	struct guest *g = guest64();
	struct insn in;

	(void)state;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x20", 3, &in), INSN_DONE);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	memcpy(&g->ram[g->next_table], &g->ram[g->st.cr3], PAGE_SIZE);
	g->st.cr3 = g->next_table;
	g->on_ram = count_lookup;
	lookups = 0;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(lookups, 1);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(lookups, 1);
	g->st.cr3 += PAGE_SIZE;				/* nothing is mapped there */
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.vector, EXC_PF);
	test_free(g);
}

static void nothing_is_known_any_more_when_the_paging_mode_has_changed(void **state)
{
	struct guest *g = guest64();
	struct insn in;

	(void)state;
	insn_modes_changed(&g->ctx);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x20", 3, &in), INSN_DONE);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_non_null(insn_seen(&g->ctx));
	g->st.cr0 ^= CR0_WP;
	g->st.cr4 ^= CR4_PGE;
	insn_modes_changed(&g->ctx);
	assert_non_null(insn_seen(&g->ctx));
	g->st.cr4 ^= CR4_SMEP;
	insn_modes_changed(&g->ctx);
	assert_null(insn_seen(&g->ctx));
	test_free(g);
}

static void small_page_table_entries_are_compared_as_well(void **state)
{
	struct guest *g = guest_create(INSN_MODE_32);
	uint32_t *directory = (uint32_t *)(void *)&g->ram[0x2000];
	struct insn in;

	(void)state;
	directory[GUEST_CODE >> 22] = PTE_P | PTE_W | PTE_PS | PTE_A;
	directory[1] = PTE_P | PTE_W | PTE_PS | PTE_A;		/* its neighbour */
	g->st.cr0 |= CR0_PG;
	g->st.cr3 = 0x2000;
	g->st.cr4 = CR4_PSE;
	insn_modes_changed(&g->ctx);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x20", 3, &in), INSN_DONE);
	assert_non_null(insn_seen(&g->ctx));
	directory[GUEST_CODE >> 22] = 0;
	assert_null(insn_seen(&g->ctx));
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_EXCEPTION);
	test_free(g);
}

static void code_that_changes_is_decoded_again(void **state)
{
	struct guest *g = guest64();
	struct insn in;

	(void)state;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x20", 3, &in), INSN_DONE);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(in.disp, 0x20);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x21", 3, &in), INSN_DONE);
	assert_int_equal(in.disp, 0x21);
	guest_segment(g, TV_CS, 0x08, ATTR_CODE32, 0, 0xffffffff);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x48\x89\x47\x20", 4, &in), INSN_DONE);
	assert_int_equal(in.op, INSN_DEC);			/* the same bytes in other code */
	guest_segment(g, TV_CS, 0x08, ATTR_CODE64, 0, 0);
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(in.op, INSN_MOV);
	test_free(g);
}

static void fetch_raises_what_the_cpu_raises(void **state)
{
	struct guest *g = guest_create(INSN_MODE_32);
	struct insn in;

	(void)state;
	g->st.seg[TV_CS].limit = GUEST_CODE + 1;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x07", 2, &in), INSN_DONE);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x89\x47\x10", 3, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.vector, EXC_GP);		/* the third byte lies beyond the limit */
	g->st.seg[TV_CS].limit = 0xffffffff;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\xf0\x89\x07", 3, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.vector, EXC_UD);
	assert_false(g->ctx.fault.has_error);
	assert_int_equal(fetch_at(g, GUEST_CODE, "ffffffffffffffff", 16, &in), INSN_EXCEPTION);
	assert_int_equal(g->ctx.fault.vector, EXC_GP);
	assert_true(g->ctx.fault.has_error);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\xd9\x00", 2, &in), INSN_UNSUPPORTED);
	g->st.rip = GUEST_DEVICE;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_UNSUPPORTED);
	test_free(g);
}

static void bytes_that_came_with_the_exit_are_used_if_they_suffice(void **state)
{
	struct guest *g = guest64();
	struct insn in;

	(void)state;
	memcpy(g->st.insn, "\x89\x47", 2);
	g->st.insn_count = 2;
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x0f\xa2", 2, &in), INSN_DONE);
	assert_int_equal(in.op, INSN_CPUID);			/* not enough: fetched */
	g->st.insn_count = 3;
	assert_int_equal(insn_fetch(&g->ctx, &in), INSN_DONE);
	assert_int_equal(in.op, INSN_MOV);
	test_free(g);
}

static void callers_get_operands_of_what_they_execute_themselves(void **state)
{
	struct guest *g = guest64();
	struct insn in;
	uint64_t value;
	gva_t gva;

	(void)state;
	memcpy(g->dev, "\x31\x80", 2);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x0f\x01\x37", 3, &in), INSN_DONE);	/* lmsw [rdi] */
	assert_int_equal(insn_source(&g->ctx, &in, &value), INSN_DONE);
	assert_int_equal(value, 0x8031);
	assert_int_equal(insn_exec(&g->ctx, &in), INSN_UNSUPPORTED);
	insn_advance(&g->ctx, &in);
	assert_int_equal(g->st.rip, GUEST_CODE + 3);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x0f\x22\xdf", 3, &in), INSN_DONE);	/* mov cr3, rdi */
	assert_int_equal(insn_source(&g->ctx, &in, &value), INSN_DONE);
	assert_int_equal(value, DEVICE);
	assert_int_equal(fetch_at(g, GUEST_CODE, "\x0f\x01\x7f\x08", 4, &in), INSN_DONE);	/* invlpg [rdi + 8] */
	assert_int_equal(insn_address(&g->ctx, &in, &gva), INSN_DONE);
	assert_int_equal(gva.v, DEVICE + 8);
	test_free(g);
}

static void the_machine_status_word_fits_its_operand(void **state)
{
	struct guest *g = guest64();

	(void)state;
	g->st.cr0 |= CR0_NE;
	memset(g->dev, 0xff, 8);
	assert_done(g, "\x0f\x01\x27");				/* smsw [rdi] */
	assert_memory_equal(g->dev, "\x21\x00\xff\xff", 4);
	assert_done(g, "\x48\x0f\x01\xe0");			/* smsw rax */
	assert_int_equal(g->st.gpr[TV_RAX], g->st.cr0);
	g->st.seg[TV_TR].sel = 0x40;
	assert_done(g, "\x0f\x00\x0f");				/* str [rdi] */
	assert_int_equal(g->dev[0], 0x40);
	g->st.gdtr = (struct tv_table){ .base = 0xffff800011223344, .limit = 0x7f };
	assert_done(g, "\x0f\x01\x07");				/* sgdt [rdi] */
	g->st.gdtr = (struct tv_table){ 0 };
	assert_done(g, "\x0f\x01\x17");				/* lgdt [rdi] */
	assert_int_equal(g->st.gdtr.base, 0xffff800011223344);
	assert_int_equal(g->st.gdtr.limit, 0x7f);
	assert_true(g->st.dirty & TV_REGS_SEG);
	g->dev[9] = 0x7f;
	assert_raises(g, "\x0f\x01\x1f", EXC_GP, 0);		/* lidt of a base that is not canonical */
	test_free(g);
}

/* Descriptors of the tests below: 0x08 code, 0x10 data, 0x18 absent data, 0x20 32-bit code, 0x28 TSS (two entries). */
static void set_gdt(struct guest *g)
{
	static const uint64_t gdt[] = { 0, 0x00af9a000000ffff, 0x12cf92345678ffff, 0x00cf12000000ffff, 0x00cf9a000000ffff,
					0x1200890000000067 | 0x3456ull << 16, 0x00000000ffff8000, 0x00cff2000000ffff };

	memcpy(&g->ram[GDT], gdt, sizeof(gdt));
	g->st.gdtr = (struct tv_table){ .base = 0xffff800000000000, .limit = sizeof(gdt) - 1 };
	guest_map(g, g->st.gdtr.base, GDT, PTE_W);
}

static void put_selector(struct guest *g, uint16_t sel)
{
	memcpy(g->dev, &sel, 2);
}

static void segment_loads_read_and_mark_the_descriptor(void **state)
{
	struct guest *g = guest64();

	(void)state;
	set_gdt(g);
	put_selector(g, 0x10);
	assert_done(g, "\x8e\x1f");				/* mov ds, [rdi] */
	assert_int_equal(g->st.seg[TV_DS].sel, 0x10);
	assert_int_equal(g->st.seg[TV_DS].attr, 0xc93);
	assert_int_equal(g->st.seg[TV_DS].base, 0x12345678);
	assert_int_equal(g->st.seg[TV_DS].limit, 0xffffffff);
	assert_int_equal(peek64(g, GDT + 0x10), 0x12cf93345678ffff);
	assert_true(g->st.dirty & TV_REGS_SEG);
	put_selector(g, 0x18);
	assert_raises(g, "\x8e\x1f", EXC_NP, 0x18);
	assert_raises(g, "\x8e\x17", EXC_SS, 0x18);
	put_selector(g, 0x1b);
	assert_raises(g, "\x8e\x17", EXC_GP, 0x18);		/* mov ss: the RPL is looked at first */
	put_selector(g, 0x28);
	assert_raises(g, "\x8e\x1f", EXC_GP, 0x28);		/* a TSS is no data segment */
	put_selector(g, 0x48);
	assert_raises(g, "\x8e\x1f", EXC_GP, 0x48);		/* beyond the table */
	put_selector(g, 0x14);
	assert_raises(g, "\x8e\x1f", EXC_GP, 0x14);		/* there is no LDT */
	put_selector(g, 0);
	assert_done(g, "\x8e\x17");				/* a null SS is good in 64-bit mode */
	put_selector(g, 3);
	assert_raises(g, "\x8e\x17", EXC_GP, 0);
	assert_done(g, "\x8e\x1f");
	assert_true(g->st.seg[TV_DS].attr & TV_SEG_UNUSABLE);
	g->st.cpl = 3;
	put_selector(g, 0x10);
	assert_raises(g, "\x8e\x1f", EXC_GP, 0x10);		/* a kernel segment for user code */
	put_selector(g, 0x3b);
	assert_done(g, "\x8e\x1f");				/* the GDT itself is a supervisor page: an implicit access */
	test_free(g);
}

static void ltr_and_far_jumps_take_their_operand_from_a_device(void **state)
{
	struct guest *g = guest64();

	(void)state;
	set_gdt(g);
	put_selector(g, 0x28);
	assert_done(g, "\x0f\x00\x1f");				/* ltr [rdi] */
	assert_int_equal(g->st.seg[TV_TR].base, 0xffff800012003456);
	assert_int_equal(g->st.seg[TV_TR].attr, 0x8b);
	assert_int_equal(peek64(g, GDT + 0x28) >> 40 & 0xff, 0x8b);
	assert_raises(g, "\x0f\x00\x1f", EXC_GP, 0x28);		/* busy now */
	memcpy(g->dev, "\x88\x77\x66\x55\x44\x33\0\0\x08\x00", 10);
	assert_int_equal(RUN(g, "\x48\xff\x2f"), INSN_DONE);	/* jmp far [rdi] with a 64-bit offset */
	assert_int_equal(g->st.rip, 0x334455667788);
	assert_int_equal(g->st.seg[TV_CS].sel, 0x08);
	memcpy(g->dev, "\x88\x77\x66\x55\x20\x00", 6);
	assert_int_equal(RUN(g, "\xff\x2f"), INSN_DONE);	/* to compatibility mode */
	assert_int_equal(insn_mode(&g->st), INSN_MODE_32);
	assert_int_equal(g->st.rip, 0x55667788);
	guest_segment(g, TV_CS, 0x08, ATTR_CODE64, 0, 0);
	memcpy(g->dev, "\x88\x77\x66\x55\x10\x00", 6);
	assert_raises(g, "\xff\x2f", EXC_GP, 0x10);		/* data is no code */
	test_free(g);
}

/* Change the descriptor each time the executor looks at RAM, as another CPU might. */
static void flip_descriptor(struct guest *g)
{
	g->ram[GDT + 0x16] ^= 0x10;				/* AVL */
}

static void a_locked_update_that_loses_its_race_is_tried_again(void **state)
{
	struct guest *g = guest64();
	uint64_t before;

	(void)state;
	set_gdt(g);
	put_selector(g, 0x10);
	assert_done(g, "\x8e\x1f");
	poke64(g, GDT + 0x10, peek64(g, GDT + 0x10) & ~BIT(40));
	before = g->st.seg[TV_DS].base;
	poke64(g, GDT + 0x10, peek64(g, GDT + 0x10) ^ BIT(16));
	g->on_ram = flip_descriptor;
	assert_int_equal(RUN(g, "\x8e\x1f"), INSN_RETRY);
	assert_int_equal(g->st.seg[TV_DS].base, before);
	assert_int_equal(peek64(g, GDT + 0x10) & BIT(40), 0);
	test_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_register_of_a_device_is_accessed_once_and_with_its_size),
		cmocka_unit_test(an_access_that_crosses_pages_is_split_at_the_border),
		cmocka_unit_test(a_write_that_faults_in_its_second_page_changes_nothing),
		cmocka_unit_test(user_code_gets_no_more_rights_from_the_emulator),
		cmocka_unit_test(the_address_of_the_exit_saves_a_walk_and_grants_nothing_else),
		cmocka_unit_test(addresses_must_be_canonical),
		cmocka_unit_test(segments_are_checked_outside_64_bit_mode),
		cmocka_unit_test(sixteen_bit_code_addresses_through_its_segments),
		cmocka_unit_test(rep_stops_at_its_budget_and_starts_again),
		cmocka_unit_test(rep_that_faults_has_done_what_came_before),
		cmocka_unit_test(a_long_rep_walks_the_page_tables_once_a_page),
		cmocka_unit_test(string_io_moves_between_ports_and_any_memory),
		cmocka_unit_test(the_stack_may_lie_in_a_device),
		cmocka_unit_test(the_width_of_the_stack_comes_from_ss),
		cmocka_unit_test(branches_through_memory_check_their_target),
		cmocka_unit_test(vector_moves_need_sse_and_their_alignment),
		cmocka_unit_test(misaligned_user_data_raises_ac_if_asked_for),
		cmocka_unit_test(arithmetic_faults_leave_the_registers),
		cmocka_unit_test(read_only_memory_is_read_and_its_writes_go_to_the_device_side),
		cmocka_unit_test(fetch_touches_the_second_page_only_if_the_instruction_does),
		cmocka_unit_test(fetch_reads_guest_memory_once),
		cmocka_unit_test(a_place_that_was_fetched_from_is_not_walked_to_again_until_something_changes),
		cmocka_unit_test(a_place_is_known_under_another_cr3_only_if_the_first_table_agrees),
		cmocka_unit_test(nothing_is_known_any_more_when_the_paging_mode_has_changed),
		cmocka_unit_test(small_page_table_entries_are_compared_as_well),
		cmocka_unit_test(code_that_changes_is_decoded_again),
		cmocka_unit_test(fetch_raises_what_the_cpu_raises),
		cmocka_unit_test(bytes_that_came_with_the_exit_are_used_if_they_suffice),
		cmocka_unit_test(callers_get_operands_of_what_they_execute_themselves),
		cmocka_unit_test(the_machine_status_word_fits_its_operand),
		cmocka_unit_test(segment_loads_read_and_mark_the_descriptor),
		cmocka_unit_test(ltr_and_far_jumps_take_their_operand_from_a_device),
		cmocka_unit_test(a_locked_update_that_loses_its_race_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor that writes garbage into the state page: the kernel refuses it or the guest runs with it, but it comes back, and
 * neither the kernel nor another vCPU suffers.  Words on the hypervisor's command line: fuzz=SECONDS goes on for so long instead of
 * for a fixed number of rounds, seed=NUMBER begins somewhere else.
 */
#include "vcpu_rig.h"

#define ROUNDS	20000u
#define SECONDS	8u

static uint64_t seed = 0x243f6a8885a308d3ull;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Values near the borders, more often than chance has them. */
static uint64_t odd64(void)
{
	static const uint64_t borders[] = { 0, 1, ~0ull, 1ull << 63, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffff, 1ull << 32 };
	uint64_t r = random64();

	switch (r & 7) {
	case 0:	return borders[(r >> 8) % ARRAY_LEN(borders)];
	case 1:	return 1ull << (r >> 8 & 63);
	case 2:	return r >> 32;
	default: return r;
	}
}

/* Flip one thing of @bytes at @p. */
static void disturb(void *p, unsigned bytes)
{
	unsigned at = (unsigned)(random64() % (bytes / 8));

	((uint64_t *)p)[at] = random64() & 1 ? odd64() : ((uint64_t *)p)[at] ^ 1ull << (random64() & 63);
}

GUEST_CODE(fuzz_code, 64,
	"1: inc %rax; mov %rax, 0x9000; pushfq; popfq; cpuid; out %al, $0x80; rdtsc; jmp 1b\n");

/* @rejected: the kernel let it through, and then the processor did not. */
static unsigned kinds[TV_EXIT_KINDS], refused, rejected, invalid, other;

/* One round: from a sane long-mode state, @changes disturbances, and a short run. */
static void round_of(unsigned changes)
{
	enum tv_err err;

	LOAD(fuzz_code);
	long_mode();
	page->dirty |= TV_REGS_ALL;
	for (unsigned i = 0; i < changes; i++) {
		switch (random64() % 6) {
		case 0:	disturb(&page->gpr, sizeof(page->gpr) + 16); break;
		case 1:	disturb(&page->cr0, 6 * 8); break;
		case 2:	disturb(&page->seg, sizeof(page->seg) + 40); break;
		case 3:	disturb(&page->dr, 6 * 8 + 10 * 8); break;
		case 4:	disturb(&page->xcr0, 7 * 8); break;
		default:
			page->inject = random64() & 1 ? TV_EVENT_VALID | (random64() & 0xfff) : odd64();
			page->pending = random64() & 1 ? TV_EVENT_VALID | (random64() & 0xfff) : 0;
			page->inject_len = page->pending_len = (uint32_t)random64() & 15;
			page->window = (uint32_t)random64() & 3;
			page->intercept = (uint32_t)odd64();
			page->exc_intercept = (uint32_t)odd64();
			page->shadow = (uint32_t)random64() & 15;
			break;
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		err = sys_vcpu_run(SEL_VCPU, now() + milliseconds(1), NULL);
		if (err == TV_OK && page->kind == TV_EXIT_FAIL && page->arg0 == TV_FAIL_ENTRY)
			rejected++;
		else if (err == TV_OK && page->kind < TV_EXIT_KINDS)
			kinds[page->kind]++;
		else if (err == TV_ESTATE)
			refused++;
		else if (err == TV_EINVAL)
			invalid++;
		else
			other++;
	}
}

static void print_counts(void)
{
	for (unsigned i = 0; i < TV_EXIT_KINDS; i++) {
		if (kinds[i])
			print("  exits of kind %u: %u\n", i, kinds[i]);
	}
	print("  refused: %u, by the processor: %u\n", refused, rejected);
}

uint64_t rt_main(const struct tv_start *start)
{
	uint64_t seconds = option("fuzz=", 0), end;

	(void)start;
	make_guest();
	seed ^= option("seed=", 0) * 0x9e3779b97f4a7c15ull;
	end = now() + milliseconds(1000 * (seconds ? seconds : SECONDS));
	for (unsigned i = 0; (seconds || i < ROUNDS) && now() < end; i++)
		round_of(1 + i % 8);
	print_counts();
	expect(other == 0 && invalid == 0);
	/* Both happen: what is refused, and what runs. */
	expect(refused > 0 && kinds[TV_EXIT_CPUID] > 0 && kinds[TV_EXIT_FAIL] == 0);
	verdict("random guest state is refused, or runs, or is a failed entry");

	LOAD(fuzz_code);
	long_mode();
	expect(run() == TV_EXIT_CPUID);
	verdict("a sane guest runs afterwards");
	done();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fw_cfg: items through the selector and by DMA, the directory of files, and guests that lie. */
/* sources: vmm/dev/fwcfg.c vmm/bus.c vmm/gmem.c tests/fake/dev_fake.c */
#include <dev/fwcfg.h>
#include <dev_fake.h>

#define MEMORY	0x10000u

static struct vm vm;
static struct fwcfg f;
static struct bus pio;
static struct gmem mem;
static uint8_t ram[MEMORY];
static const uint8_t content[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

static int setup(void **state)
{
	(void)state;
	fake_reset(&vm);
	memset(ram, 0xee, sizeof(ram));
	memset(&mem, 0, sizeof(mem));
	assert_true(gmem_add(&mem, (gpa_t){ 0 }, MEMORY, ram, true));
	bus_init(&pio, &vm, "port", 0xffff);
	assert_true(fwcfg_init(&f, &mem, &pio));
	assert_true(fwcfg_add_number(&f, FWCFG_CPUS, 3, 2));
	assert_true(fwcfg_add_file(&f, "etc/first", content, sizeof(content)));
	assert_true(fwcfg_add_file(&f, "etc/second", content + 5, 2));
	return 0;
}

static void choose(uint16_t key)
{
	bus_write(&pio, FWCFG_PORT, 2, key);
}

static uint8_t next(void)
{
	return (uint8_t)bus_read(&pio, FWCFG_PORT + 1, 1);
}

static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
	const uint32_t at = 0x100;
	uint32_t result;

	*(uint32_t *)(void *)(ram + at) = __builtin_bswap32(control);
	*(uint32_t *)(void *)(ram + at + 4) = __builtin_bswap32(length);
	*(uint64_t *)(void *)(ram + at + 8) = __builtin_bswap64(address);
	bus_write(&pio, FWCFG_DMA_PORT, 4, 0);
	bus_write(&pio, FWCFG_DMA_PORT + 4, 4, __builtin_bswap32(at));
	memcpy(&result, ram + at, 4);
	return __builtin_bswap32(result);
}

static void the_signature_and_the_interfaces_are_told(void **state)
{
	(void)state;
	choose(FWCFG_SIGNATURE);
	assert_int_equal(next(), 'Q');
	assert_int_equal(next(), 'E');
	assert_int_equal(next(), 'M');
	assert_int_equal(next(), 'U');
	choose(FWCFG_ID);
	assert_int_equal(next(), 3);
	assert_int_equal(bus_read(&pio, FWCFG_DMA_PORT, 4), __builtin_bswap32(0x51454d55));
	assert_int_equal(bus_read(&pio, FWCFG_DMA_PORT + 4, 4), __builtin_bswap32(0x20434647));
}

static void an_item_is_read_byte_by_byte_and_then_zeroes(void **state)
{
	(void)state;
	choose(FWCFG_CPUS);
	assert_int_equal(next(), 3);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(next(), 0);
	choose(0x7777);
	assert_int_equal(next(), 0);
}

static void the_directory_names_files_by_key_and_size(void **state)
{
	uint8_t d[4 + 2 * 64];

	(void)state;
	choose(FWCFG_DIRECTORY);
	for (unsigned i = 0; i < sizeof(d); i++)
		d[i] = next();
	assert_int_equal(d[3], 2);
	assert_int_equal(d[7], sizeof(content));
	assert_int_equal(d[9], FWCFG_FILE);
	assert_string_equal((char *)d + 12, "etc/first");
	assert_int_equal(d[4 + 64 + 5], FWCFG_FILE + 1);
	assert_string_equal((char *)d + 4 + 64 + 8, "etc/second");
	choose(FWCFG_FILE + 1);
	assert_int_equal(next(), 6);
}

static void dma_selects_skips_and_reads_with_zeroes_behind_the_end(void **state)
{
	static const uint8_t expected[10] = { 6, 7, 8, 9, 10, 0, 0, 0, 0, 0 };

	(void)state;
	assert_int_equal(dma(FWCFG_FILE << 16 | 8 | 4, 5, 0), 0);
	assert_int_equal(dma(2, 10, 0x1000), 0);
	assert_memory_equal(ram + 0x1000, expected, 10);
	assert_int_equal(ram[0x100a], 0xee);
}

static void dma_out_of_memory_and_writes_are_errors_that_change_nothing(void **state)
{
	(void)state;
	choose(FWCFG_FILE);
	assert_int_equal(dma(2, 10, MEMORY - 5), 1);
	assert_int_equal(dma(2, 10, ~0ull - 4), 1);
	assert_int_equal(dma(2, ~0u, 0), 1);
	assert_int_equal(dma(16, 1, 0x1000), 1);
	assert_int_equal(ram[MEMORY - 5], 0xee);
	assert_int_equal(next(), 1);
	bus_write(&pio, FWCFG_DMA_PORT, 4, ~0u);		/* a description that is not in memory */
	bus_write(&pio, FWCFG_DMA_PORT + 4, 4, ~0u);
	assert_int_equal(dma(4, ~0u, 0), 0);
	assert_int_equal(dma(4, ~0u, 0), 0);			/* does not come round */
	assert_int_equal(next(), 0);
}

static void more_items_than_there_is_room_for_are_refused(void **state)
{
	(void)state;
	while (fwcfg_add_file(&f, "x", content, 1))
		continue;
	assert_int_equal(f.file_count, FWCFG_FILES);
	while (fwcfg_add(&f, 0x99, content, 1))
		continue;
	assert_int_equal(f.item_count, FWCFG_ITEMS);
	assert_false(fwcfg_add_number(&f, 0x98, 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_signature_and_the_interfaces_are_told, setup),
		cmocka_unit_test_setup(an_item_is_read_byte_by_byte_and_then_zeroes, setup),
		cmocka_unit_test_setup(the_directory_names_files_by_key_and_size, setup),
		cmocka_unit_test_setup(dma_selects_skips_and_reads_with_zeroes_behind_the_end, setup),
		cmocka_unit_test_setup(dma_out_of_memory_and_writes_are_errors_that_change_nothing, setup),
		cmocka_unit_test_setup(more_items_than_there_is_room_for_are_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

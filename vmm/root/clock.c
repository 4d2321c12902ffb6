/* SPDX-License-Identifier: Apache-2.0 */
/* The clock chip of a PC (MC146818 and what is compatible with it), read once. */
#include "clock.h"

#include <rt/io.h>
#include <rt/string.h>
#include <rt/time.h>

#include "power.h"
#include "root.h"

#define CMOS_INDEX		0x70u
#define CMOS_DATA		0x71u

enum { REG_SECOND = 0, REG_MINUTE = 2, REG_HOUR = 4, REG_DAY = 7, REG_MONTH = 8, REG_YEAR = 9, REG_A = 10, REG_B = 11 };
#define A_UPDATING		0x80u
#define B_24_HOURS		0x02u
#define B_BINARY		0x04u
#define HOUR_PM			0x80u

#define READ_ATTEMPTS		100000u

static unsigned from_bcd(uint8_t v)
{
	return (v >> 4) * 10u + (v & 0xfu);
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar, for years from 2000 to 2099: each fourth is a leap year. */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	static const uint16_t before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	unsigned since_2000 = year * 365 + (year + 3) / 4 + before[month - 1] + day - 1;

	return 10957 + since_2000 + (year % 4 == 0 && month > 2);
}

uint64_t clock_seconds(const struct clock_registers *r)
{
	bool binary = (r->status_b & B_BINARY) != 0, pm = (r->hour & HOUR_PM) != 0;
	uint8_t hour_bits = r->status_b & B_24_HOURS ? r->hour : (uint8_t)(r->hour & ~HOUR_PM);
	unsigned second = binary ? r->second : from_bcd(r->second), minute = binary ? r->minute : from_bcd(r->minute);
	unsigned hour = binary ? hour_bits : from_bcd(hour_bits), day = binary ? r->day : from_bcd(r->day);
	unsigned month = binary ? r->month : from_bcd(r->month), year = binary ? r->year : from_bcd(r->year);

	if (!(r->status_b & B_24_HOURS))
		hour = hour % 12 + (pm ? 12 : 0);
	if (second > 59 || minute > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 || year > 99)
		return 0;
	return ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

static uint8_t cmos_read(uint8_t reg)
{
	io_write8(CMOS_INDEX, reg);
	return io_read8(CMOS_DATA);
}

static void registers_read(struct clock_registers *r)
{
	r->second = cmos_read(REG_SECOND);
	r->minute = cmos_read(REG_MINUTE);
	r->hour = cmos_read(REG_HOUR);
	r->day = cmos_read(REG_DAY);
	r->month = cmos_read(REG_MONTH);
	r->year = cmos_read(REG_YEAR);
	r->status_b = cmos_read(REG_B);
}

/* The chip may update its registers at any time: what was read is good when a second reading gives the same. */
void clock_init(void)
{
	struct clock_registers first, second;
	unsigned attempts = READ_ATTEMPTS;

	if (!power_ports(CMOS_INDEX, 2)) {
		root_say("no access to the clock: the time of day is not known");
		return;
	}
	do {
		while (cmos_read(REG_A) & A_UPDATING && --attempts)
			;
		registers_read(&first);
		root.wall_tsc = clock_now();
		registers_read(&second);
	} while (memcmp(&first, &second, sizeof(first)) != 0 && attempts && --attempts);
	root.wall_seconds = clock_seconds(&first);
	if (!root.wall_seconds)
		root_say("the clock holds no date: the time of day is not known");
}

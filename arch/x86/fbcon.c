/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text console on a linear framebuffer of 24 or 32 bits per pixel.  The characters on the screen are kept beside it: scrolling
 * redraws the cells that change and never reads the framebuffer, which is slow.
 */
#include <kernel/boot_info.h>
#include <lib/base.h>

#include "console.h"

#define GLYPH_WIDTH	8u
#define GLYPH_HEIGHT	16u
#define GLYPH_FIRST	0x20
#define GLYPH_LAST	0x7e
#define COLUMNS_MAX	240u
#define ROWS_MAX	90u
#define TAB		8u

extern const uint8_t fbcon_font[GLYPH_LAST - GLYPH_FIRST + 1][GLYPH_HEIGHT];	/* tools/mkfont.py */

static volatile uint8_t *pixels;	/* NULL: no screen */
static uint32_t foreground;
static unsigned columns, rows, column, row;
static char cell[ROWS_MAX][COLUMNS_MAX];

static void draw_row(volatile uint8_t *p, uint8_t bits)
{
	unsigned bytes = boot_info.fb.bpp / 8;

	for (unsigned x = 0; x < GLYPH_WIDTH; x++, p += bytes) {
		uint32_t color = bits & (0x80u >> x) ? foreground : 0;

		if (bytes == 4) {
			*(volatile uint32_t *)p = color;
			continue;
		}
		p[0] = (uint8_t)color;
		p[1] = (uint8_t)(color >> 8);
		p[2] = (uint8_t)(color >> 16);
	}
}

static void draw(unsigned r, unsigned c)
{
	const uint8_t *glyph = fbcon_font[cell[r][c] - GLYPH_FIRST];
	volatile uint8_t *p = pixels + (uint64_t)r * GLYPH_HEIGHT * boot_info.fb.pitch +
			      (uint64_t)c * GLYPH_WIDTH * (boot_info.fb.bpp / 8);

	for (unsigned y = 0; y < GLYPH_HEIGHT; y++)
		draw_row(p + (uint64_t)y * boot_info.fb.pitch, glyph[y]);
}

static void set(unsigned r, unsigned c, char ch)
{
	if (cell[r][c] == ch)
		return;
	cell[r][c] = ch;
	draw(r, c);
}

static void newline(void)
{
	column = 0;
	if (row + 1 < rows) {
		row++;
		return;
	}
	for (unsigned r = 0; r < rows; r++)
		for (unsigned c = 0; c < columns; c++)
			set(r, c, r + 1 < rows ? cell[r + 1][c] : ' ');
}

static void put(char ch)
{
	if (ch == '\n') {
		newline();
	} else if (ch == '\r') {
		column = 0;
	} else if (ch == '\t') {
		column = (column / TAB + 1) * TAB;
		if (column >= columns)
			newline();
	} else {
		if (column == columns)
			newline();
		set(row, column++, ch >= GLYPH_FIRST && ch <= GLYPH_LAST ? ch : '?');
	}
}

void fbcon_init(void *base)
{
	const struct boot_framebuffer *fb = &boot_info.fb;
	bool again = pixels != NULL;

	pixels = base;
	if (!base || again)		/* moved: what is on the screen stays */
		return;
	columns = (unsigned)min_u64(fb->width / GLYPH_WIDTH, COLUMNS_MAX);
	rows = (unsigned)min_u64(fb->height / GLYPH_HEIGHT, ROWS_MAX);
	foreground = 0xc0u << fb->red_shift | 0xc0u << fb->green_shift | 0xc0u << fb->blue_shift;
	for (unsigned r = 0; r < rows; r++)
		for (unsigned c = 0; c < columns; c++)
			set(r, c, ' ');
	if (rows == 0 || columns == 0)
		pixels = NULL;
}

void fbcon_write(const char *text, size_t length)
{
	for (size_t i = 0; i < length && pixels; i++)
		put(text[i]);
}

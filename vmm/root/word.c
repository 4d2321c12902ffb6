/* SPDX-License-Identifier: Apache-2.0 */
/* Words: splitting, comparing, sizes for people. */
#include "word.h"

#include <rt/fmt.h>
#include <rt/string.h>

#define WORD_MAX	32u		/* longest word that is compared */

unsigned word_split(char *line, char **word, unsigned max)
{
	unsigned count = 0;

	for (;;) {
		while (*line == ' ')
			line++;
		if (!*line)
			return count;
		if (count == max)
			return max + 1;
		word[count++] = line;
		while (*line && *line != ' ')
			line++;
		if (*line)
			*line++ = 0;
	}
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Damerau's edit distance (optimal string alignment), row by row: row[i % 3] is the one of the first i letters of @a. */
unsigned word_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned row[3][WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (unsigned j = 0; j <= lb; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *twice = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			now[j] = min3(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && twice[j - 2] + 1 < now[j])
				now[j] = twice[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

bool word_near(const char *a, const char *b)
{
	size_t longer = strlen(a) > strlen(b) ? strlen(a) : strlen(b);

	return word_distance(a, b) <= (longer > 3 ? 2u : 1u) && word_distance(a, b) < longer;
}

const char *word_size(uint64_t number, char *buf)
{
	static const char unit[] = "BKMGT";
	unsigned i = 0;

	while (number && number % 1024 == 0 && unit[i + 1]) {
		number /= 1024;
		i++;
	}
	fmt_buf(buf, WORD_SIZE, i ? "%lu%c" : "%lu bytes", number, unit[i]);
	return buf;
}

bool word_number(const char *text, unsigned *number)
{
	unsigned v = 0;

	if (!*text || strlen(text) > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (unsigned)(*text - '0');
	}
	*number = v;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Options on the hypervisor's command line: words separated by blanks, each "name" or "name=value". */
#include <kernel/boot_info.h>
#include <kernel/string.h>

/* The value of the last word that names @name, and its length; NULL: absent.  The last one wins, as users expect it. */
static const char *find(const char *name, size_t *length)
{
	size_t n = strlen(name);
	const char *p = boot_info.cmdline, *found = NULL;

	while (*p) {
		const char *word = p;
		size_t size;

		while (*p && *p != ' ')
			p++;
		size = (size_t)(p - word);
		while (*p == ' ')
			p++;
		if (size < n || memcmp(word, name, n) != 0 || (size > n && word[n] != '='))
			continue;
		found = size > n ? word + n + 1 : word + n;
		*length = size > n ? size - n - 1 : 0;
	}
	return found;
}

/* A value longer than @size - 1 is cut; @size may be 0. */
bool boot_option(const char *name, char *buf, size_t size)
{
	size_t length = 0;
	const char *value = find(name, &length);

	if (!value)
		return false;
	if (size > 0) {
		if (length > size - 1)
			length = size - 1;
		memcpy(buf, value, length);
		buf[length] = '\0';
	}
	return true;
}

bool boot_option_has(const char *name, const char *value)
{
	size_t left = 0, n = strlen(value);
	const char *p = find(name, &left);

	while (p) {
		size_t item = 0;

		while (item < left && p[item] != ',')
			item++;
		if (item == n && memcmp(p, value, n) == 0)
			return true;
		if (item == left)
			return false;
		p += item + 1;
		left -= item + 1;
	}
	return false;
}

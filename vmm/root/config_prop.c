/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the properties of one node of the configuration against a table: name, type, range, whether it must be there. */
#include "config_prop.h"

#include <libfdt.h>

#include <rt/fmt.h>
#include <rt/string.h>

#define CONFIG_LINE	200u

void config_error(const struct config_at *at, const char *fmt, ...)
{
	char line[CONFIG_LINE];
	size_t length = fmt_buf(line, sizeof(line), "config: %s: ", at->node);
	va_list args;

	va_start(args, fmt);
	fmt_vbuf(line + length, sizeof(line) - length, fmt, args);
	va_end(args);
	at->report(line);
}

bool config_printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* One string: the NUL at the end and nowhere else. */
static bool text_read(const struct config_at *at, const struct config_prop *p, const char *data, size_t len, char *to)
{
	if (len == 0 || strnlen(data, len) != len - 1) {
		config_error(at, "%s: expected one string", p->name);
		return false;
	}
	if (len > p->size) {
		config_error(at, "%s: expected at most %u characters, found %zu", p->name, p->size - 1u, len - 1);
		return false;
	}
	if (!config_printable(data)) {
		config_error(at, "%s: expected printable ASCII characters", p->name);
		return false;
	}
	memcpy(to, data, len);
	return true;
}

static bool word_read(const struct config_at *at, const struct config_prop *p, const char *data, size_t len, uint32_t *to)
{
	char list[64];
	size_t used = 0;

	if (len > 0 && strnlen(data, len) == len - 1)
		for (uint32_t i = 0; p->words[i]; i++)
			if (str_equal(data, p->words[i])) {
				*to = i;
				return true;
			}
	for (unsigned i = 0; p->words[i]; i++)
		used += fmt_buf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", p->words[i]);
	config_error(at, "%s: expected one of: %s", p->name, list);
	return false;
}

/* Big-endian, as all of a device tree. */
static uint64_t number_at(const uint8_t *data, size_t size)
{
	uint64_t v = 0;

	for (size_t i = 0; i < size; i++)
		v = v << 8 | data[i];
	return v;
}

static bool in_range(const struct config_at *at, const struct config_prop *p, uint64_t v)
{
	if (v >= p->min && v <= p->max)
		return true;
	config_error(at, "%s: expected %lu to %lu, found %lu", p->name, p->min, p->max, v);
	return false;
}

static bool list_read(const struct config_at *at, const struct config_prop *p, const uint8_t *data, size_t len,
		      struct config_list *to)
{
	if (len == 0 || len % 4 || len / 4 > CONFIG_LIST) {
		config_error(at, "%s: expected 1 to %u numbers of 4 bytes, found %zu bytes", p->name, CONFIG_LIST, len);
		return false;
	}
	for (to->count = 0; to->count < len / 4; to->count++) {
		uint64_t v = number_at(data + (size_t)4 * to->count, 4);

		if (!in_range(at, p, v))
			return false;
		to->item[to->count] = (uint32_t)v;
	}
	return true;
}

static bool number_read(const struct config_at *at, const struct config_prop *p, const void *data, size_t len, void *to)
{
	size_t size = p->kind == PROP_U64 ? 8 : 4;
	uint64_t v;

	if (len != size) {
		config_error(at, "%s: expected a number of %zu bytes, found %zu", p->name, size, len);
		return false;
	}
	v = number_at(data, size);
	if (!in_range(at, p, v))
		return false;
	if (p->kind == PROP_U64)
		*(uint64_t *)to = v;
	else
		*(uint32_t *)to = (uint32_t)v;
	return true;
}

static bool prop_read(const struct config_at *at, const struct config_prop *p, const void *data, size_t len, void *node)
{
	void *to = (char *)node + p->offset;

	switch (p->kind) {
	case PROP_TEXT: return text_read(at, p, data, len, to);
	case PROP_WORD: return word_read(at, p, data, len, to);
	case PROP_LIST: return list_read(at, p, data, len, to);
	default:        return number_read(at, p, data, len, to);
	}
}

bool config_node_read(const struct config_at *at, int offset, const struct config_prop *table, void *node)
{
	uint32_t seen = 0;
	int it;

	fdt_for_each_property_offset(it, at->fdt, offset) {
		const char *name;
		int len;
		const void *data = fdt_getprop_by_offset(at->fdt, it, &name, &len);
		unsigned i = 0;

		if (!data || len < 0) {
			config_error(at, "unreadable property (%s)", fdt_strerror(len));
			return false;
		}
		while (table[i].name && !str_equal(table[i].name, name))
			i++;
		if (!table[i].name) {
			config_error(at, "unknown property \"%.40s\"", config_printable(name) ? name : "?");
			return false;
		}
		if (seen & BIT(i)) {
			config_error(at, "%s: given twice", name);
			return false;
		}
		seen |= (uint32_t)BIT(i);
		if (!prop_read(at, &table[i], data, (size_t)len, node))
			return false;
	}
	for (unsigned i = 0; table[i].name; i++)
		if (table[i].required && !(seen & BIT(i))) {
			config_error(at, "%s: missing", table[i].name);
			return false;
		}
	return true;
}

bool config_name_valid(const char *name)
{
	if (!name[0] || name[0] == '-')
		return false;
	for (; *name; name++) {
		char c = *name;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

bool config_children_known(const struct config_at *at, int offset, const char *const *names)
{
	uint32_t seen = 0;
	int child;

	fdt_for_each_subnode(child, at->fdt, offset) {
		const char *name = fdt_get_name(at->fdt, child, NULL);
		unsigned i = 0;

		while (names[i] && name && !str_equal(names[i], name))
			i++;
		if (!name || !names[i]) {
			config_error(at, "unknown node \"%.40s\"", name && config_printable(name) ? name : "?");
			return false;
		}
		if (seen & BIT(i)) {
			config_error(at, "node \"%s\": given twice", name);
			return false;
		}
		seen |= (uint32_t)BIT(i);
	}
	return true;
}

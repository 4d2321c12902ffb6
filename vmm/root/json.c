/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as a stream: RFC 8259, "The JavaScript Object Notation (JSON) Data Interchange Format". */
#include "json.h"

#include <rt/fmt.h>
#include <rt/string.h>

static void put(struct json *j, const char *text)
{
	j->put(text, strlen(text));
}

static void quoted(struct json *j, const char *text)
{
	char buf[8];

	put(j, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			fmt_buf(buf, sizeof(buf), "\\u%04x", c);
		else
			fmt_buf(buf, sizeof(buf), "%c", c);
		put(j, buf);
	}
	put(j, "\"");
}

/* What comes before each value. */
static void begin(struct json *j, const char *key)
{
	if (j->comma)
		put(j, ",");
	j->comma = true;
	if (key) {
		quoted(j, key);
		put(j, ":");
	}
}

static void open(struct json *j, const char *key, const char *bracket)
{
	begin(j, key);
	put(j, bracket);
	j->comma = false;
}

static void close(struct json *j, const char *bracket)
{
	put(j, bracket);
	j->comma = true;
}

void json_object(struct json *j, const char *key) { open(j, key, "{"); }
void json_array(struct json *j, const char *key) { open(j, key, "["); }
void json_object_end(struct json *j) { close(j, "}"); }
void json_array_end(struct json *j) { close(j, "]"); }

void json_text(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	quoted(j, text);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	char buf[24];

	begin(j, key);
	fmt_buf(buf, sizeof(buf), "%lu", value);
	put(j, buf);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	put(j, value ? "true" : "false");
}

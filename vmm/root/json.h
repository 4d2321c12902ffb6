/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON, a value at a time, for scripts that use the management shell: one line for each object. */
#ifndef ROOT_JSON_H
#define ROOT_JSON_H

#include <lib/base.h>

struct json {
	void (*put)(const char *text, size_t length);
	bool comma;			/* something stands before the next value */
};

/* @key: name of the member; NULL: an element of an array, or the outermost value. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_text(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

/* The end of an object, or with json_array_end() of an array. */
void json_object_end(struct json *j);
void json_array_end(struct json *j);

#endif

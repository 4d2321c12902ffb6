/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command line: splitting them, and guessing which one was meant. */
#ifndef ROOT_WORD_H
#define ROOT_WORD_H

#include <lib/base.h>

/* Split @line at blanks, in place, into at most @max words.  Returns their number; more words than @max give @max + 1. */
unsigned word_split(char *line, char **word, unsigned max);

/* Typing errors between two words: letters missing, too many, wrong, or two exchanged.  Long words count as very different. */
unsigned word_distance(const char *a, const char *b);

/* Is @b near enough to @a to be what was meant? */
bool word_near(const char *a, const char *b);

/* Bytes of @number as people write them, such as "512M", to @buf of WORD_SIZE bytes; returns @buf. */
#define WORD_SIZE 32u
const char *word_size(uint64_t number, char *buf);

/* A whole decimal number from 0 to 99999; false: @text is none. */
bool word_number(const char *text, unsigned *number);

#endif

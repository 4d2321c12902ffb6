/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management shell: a line editor and a table of commands.  A command that takes time, such as stopping a VM, holds the
 * prompt back until it is done; Ctrl-c gives the prompt back at once.
 */
#include "shell.h"

#include <rt/fmt.h>
#include <rt/string.h>

#include "command.h"
#include "line.h"
#include "root.h"
#include "term.h"
#include "vms.h"
#include "word.h"

#define PROMPT		"trivet> "
#define TEXT_MAX	512u

static struct line line;
static bool busy;			/* a command is at work: there is no prompt                    */
static bool at_prompt;			/* the last thing printed is the prompt and what has been typed */
static bool in_text;			/* shell_text() has begun a line                                */
static const struct vm *waits_for;	/* what the command waits for                                   */
static enum vm_phase waits_until;
static void (*holder)(uint8_t byte);	/* takes what is typed while its command is at work             */

void shell_put(const char *text, size_t length)
{
	console_put(&root.console, CONSOLE_SHELL, text, length);
}

static void put_echo(void)
{
	shell_put(line.echo, line.echo_length);
}

/* No command is at work.  In the background there is no prompt: shell_shown() makes it. */
static void prompt(void)
{
	busy = false;
	waits_for = NULL;
	holder = NULL;
	at_prompt = false;
	if (root.console.front != CONSOLE_SHELL)
		return;
	shell_put(PROMPT, sizeof(PROMPT) - 1);
	shell_put(line.text, line.length);
	at_prompt = true;
}

void shell_init(void)
{
	line_init(&line, PROMPT);
}

void shell_print(const char *fmt, ...)
{
	char text[TEXT_MAX];
	size_t length;
	va_list args;

	va_start(args, fmt);
	length = fmt_vbuf(text, sizeof(text) - 2, fmt, args);
	va_end(args);
	memcpy(text + length, "\r\n", 2);
	shell_put(text, length + 2);
}

/* Leave the line that is being typed. */
static void clear_prompt(void)
{
	if (at_prompt)
		shell_put("\r\033[K", 4);
	at_prompt = false;
}

static void restore_prompt(void)
{
	if (!busy && !in_text)
		prompt();
}

void shell_note(const char *text)
{
	clear_prompt();
	if (in_text)
		shell_put("\r\n", 2);
	in_text = false;
	shell_print("%s", text);
	restore_prompt();
}

void shell_text(const char *text, size_t length)
{
	clear_prompt();
	for (size_t i = 0; i < length; i++) {
		in_text = text[i] != '\n';
		shell_put(text[i] == '\n' ? "\r\n" : &text[i], text[i] == '\n' ? 2 : 1);
	}
	restore_prompt();
}

void shell_shown(void)
{
	if (busy)
		return;
	clear_prompt();
	prompt();
}

/* --- waiting --- */

void shell_wait(const struct vm *v, enum vm_phase until)
{
	waits_for = v;
	waits_until = until;
}

void shell_vm_changed(const struct vm *v)
{
	if (!busy || waits_for != v || (v->phase != waits_until && v->phase != VM_STOPPED))
		return;
	shell_print("%s: %s", v->config->name, vm_phase_text(v));
	prompt();
}

void shell_hold(void (*key)(uint8_t byte))
{
	holder = key;
}

void shell_release(void)
{
	prompt();
}

/* --- commands --- */

static const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < command_count; i++)
		if (str_equal(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void command_unknown(const char *name)
{
	unsigned best = 0;

	for (unsigned i = 1; i < command_count; i++)
		if (word_distance(name, commands[i].name) < word_distance(name, commands[best].name))
			best = i;
	if (word_near(name, commands[best].name))
		shell_print("%s: no such command; did you mean \"%s\"? (help: all commands)", name, commands[best].name);
	else
		shell_print("%s: no such command (help: all commands)", name);
}

struct vm *shell_vm(const char *word)
{
	struct vm *v = vms_find(word);
	const char *best = NULL;

	if (v)
		return v;
	for (unsigned i = 0; i < vms_count(); i++)
		if (!best || word_distance(word, vms_get(i)->config->name) < word_distance(word, best))
			best = vms_get(i)->config->name;
	if (best && word_near(word, best))
		shell_print("%s: no such VM; did you mean \"%s\"?", word, best);
	else
		shell_print("%s: no such VM (list: all VMs)", word);
	return NULL;
}

static void run(char *text)
{
	char *word[COMMAND_WORDS];
	unsigned count = word_split(text, word, COMMAND_WORDS);
	const struct command *c;

	if (!count)
		return;
	c = command_find(word[0]);
	if (!c)
		command_unknown(word[0]);
	else if (count - 1 < c->args_min || count - 1 > c->args_max)
		shell_print("usage: %s%s%s", c->name, c->args[0] ? " " : "", c->args);
	else
		c->run(count, word);
}

void shell_input(uint8_t byte)
{
	char text[LINE_SIZE];

	if (busy && holder) {
		holder(byte);
		return;
	}
	if (busy) {
		if (byte == ('c' & 0x1f)) {
			shell_put("^C\r\n", 4);
			prompt();
		}
		return;
	}
	if (line_input(&line, byte) == LINE_MORE) {
		put_echo();
		return;
	}
	put_echo();
	str_copy(text, sizeof(text), line.text);
	line.text[0] = 0;
	at_prompt = false;
	busy = true;
	run(text);
	if (!waits_for && !holder)
		prompt();
}

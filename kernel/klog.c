/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel log as an object: hypercalls that write, read and watch it. */
#include <kernel/domain.h>
#include <kernel/hypercall.h>
#include <kernel/klog.h>
#include <kernel/log.h>
#include <kernel/notify.h>
#include <kernel/string.h>
#include <kernel/thread.h>

#define KLOG_WRITE_BYTES	40u
#define KLOG_READ_BYTES		32u

static struct notify_hook grown;
static uint64_t told;			/* up to which position the bound notification was signalled */

void klog_check(void)
{
	uint64_t end = ~0ull;

	if (!grown.target)
		return;
	(void)log_copy(&end, NULL, 0);
	if (end == told)
		return;
	told = end;
	hook_signal(&grown);
}

/* log_write: arg0 = log, arg1 to arg5 = 40 bytes of text, NUL-terminated if shorter. */
enum tv_err hc_log_write(struct thread *t, struct user_frame *f)
{
	uint64_t word[KLOG_WRITE_BYTES / 8];
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_LOG, TV_RIGHT_WRITE, &c);

	if (err)
		return err;
	for (unsigned i = 0; i < ARRAY_LEN(word); i++)
		word[i] = frame_arg(f, i + 1);
	log_text((const char *)word, strnlen((const char *)word, sizeof(word)));
	klog_check();
	return TV_OK;
}

/* log_read: arg0 = log, arg1 = position -> word 0 = next position, words 1 to 4 = 32 bytes of text, NUL-terminated if shorter. */
enum tv_err hc_log_read(struct thread *t, struct user_frame *f)
{
	uint64_t word[KLOG_READ_BYTES / 8] = { 0 }, pos = frame_arg(f, 1);
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_LOG, TV_RIGHT_READ, &c);

	if (err)
		return err;
	if (log_copy(&pos, (char *)word, sizeof(word)) == 0)
		return TV_EAGAIN;
	frame_set_word(f, 0, pos);
	for (unsigned i = 0; i < ARRAY_LEN(word); i++)
		frame_set_word(f, i + 1, word[i]);
	return TV_OK;
}

/* log_bind: arg0 = log, arg1 = notification, arg2 = bits. */
enum tv_err hc_log_bind(struct thread *t, struct user_frame *f)
{
	uint64_t bits = frame_arg(f, 2);
	struct notification *n;
	struct cap *c;
	enum tv_err err = cap_get(&t->domain->table, frame_arg(f, 0), TV_CAP_LOG, TV_RIGHT_CONTROL, &c);

	if (err)
		return err;
	err = notify_get(&t->domain->table, frame_arg(f, 1), bits, &n);
	if (err)
		return err;
	hook_set(&grown, n, bits);
	/* Whoever watches the log shows it as well: the kernel leaves the console devices to it. */
	log_quiet(true);
	told = ~0ull;
	klog_check();
	return TV_OK;
}

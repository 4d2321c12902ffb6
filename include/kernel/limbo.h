/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between withdrawn and freed.  Other CPUs look capabilities and interrupt bindings up without a lock; what is withdrawn from them stays in
 * limbo until all have answered once, which is at the latest when the tree lock is released.
 */
#ifndef KERNEL_LIMBO_H
#define KERNEL_LIMBO_H

#include <kernel/cap.h>

/* @n, a NODE_CAP or NODE_IRQ in no tree, can be found no more: free it, and the object whose original capability it is. */
void limbo_add(struct node *n);
/* Free everything in limbo.  The caller holds the tree lock, and itself no pointer to what it has withdrawn. */
void limbo_free(void);

#endif

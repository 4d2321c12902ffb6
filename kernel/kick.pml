/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model in Promela of how a signal fetches a thread out of its guest (kernel/notify.c, kernel/exit.c, kernel/thread.c): no kick is lost, also
 * while the thread moves to another CPU.
 *
 * The thread's CPU looks at the word, then enters the guest, with interrupts off in between; it leaves the guest only by an interrupt. Whoever
 * signals sets the word, with a full barrier, then sends an interrupt to the CPU of which the thread is. It is an error when everything has come to
 * rest and the thread is still in the guest: Spin reports that as an invalid end state.
 *
 * mutants: IF_PUBLISHED LOOK_EARLY WORD_LATE
 *
 *   IF_PUBLISHED   the signaller asks whether the thread runs its guest, which its CPU has said by a plain store: that may still wait in
 *                  the CPU's store buffer when the same CPU has read the word already
 *   LOOK_EARLY     the thread looks at the word with interrupts on
 *   WORD_LATE      the signaller reads the thread's CPU before it sets the word
 */
#define CPUS 2

bool word;			/* notification.word is not 0                            */
byte home = 0;			/* thread.cpu                                            */
bool irq[CPUS];			/* an interrupt is pending                               */
bool asked[CPUS];		/* cpu.asked: to give the thread to CPU 1                */
bool back;			/* the thread has returned to its monitor                */
bool published;			/* thread.cont, as others see it                         */
bool stored;			/* the store that has not left the buffer yet            */

/* Between two operations: take the interrupt, and answer. */
inline take_irq(me)
{
	irq[me] = false;
	if
	:: asked[me] -> home = 1; asked[me] = false
	:: else
	fi
}

proctype cpu(byte me)
{
end:	do
	:: back -> break
	:: irq[me] -> take_irq(me)
	:: home == me && !back && !irq[me] ->
		stored = true;			/* "I run" */
		/* The look, and the entry: no interrupt is taken in between. */
		if
		:: word -> back = true
		:: else ->
#ifdef LOOK_EARLY
			if
			:: irq[me] -> take_irq(me)
			:: true
			fi;
#endif
guest:			irq[me];		/* the guest runs until there is one */
			take_irq(me)
		fi
	od
}

/* The store buffer, which drains whenever it likes. */
proctype buffer()
{
end:	do
	:: stored -> published = true; stored = false
	od
}

proctype signaller()
{
	byte where;

#ifdef WORD_LATE
	where = home;
	word = true;
#else
	word = true;			/* a locked instruction: seen by all before the next line */
	where = home;
#endif
#ifdef IF_PUBLISHED
	if
	:: published -> irq[where] = true
	:: else
	fi
#else
	irq[where] = true
#endif
}

/* thread_migrate(), at any time or never. */
proctype mover()
{
end:	if
	:: true -> asked[0] = true; irq[0] = true;
		do
		:: !asked[0] || back -> break
		od
	:: true
	fi
}

init
{
	atomic {
		run cpu(0); run cpu(1); run buffer(); run signaller(); run mover()
	}
}

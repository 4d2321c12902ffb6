/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model in Promela of how signals fetch a thread out of its guest (kernel/notify.c, kernel/exit.c, kernel/thread.c): none is lost, also
 * while the thread moves to another CPU, and although only one of them sends an interrupt.
 *
 * The thread's CPU looks at the word, then enters the guest, with interrupts off in between; it leaves the guest only by an interrupt. The
 * monitor takes the signals and runs the guest again, until it has got all. Whoever signals sets a bit of the word, with a full barrier; if the
 * word was 0 before, it sends an interrupt to the CPU of which the thread is. It is an error when everything has come to rest and the thread is
 * still in the guest: Spin reports that as an invalid end state.
 *
 * mutants: IF_PUBLISHED LOOK_EARLY WORD_LATE OLD_EARLY
 *
 *   IF_PUBLISHED   the signaller asks whether the thread runs its guest, which its CPU has said by a plain store: that may still wait in
 *                  the CPU's store buffer when the same CPU has read the word already
 *   LOOK_EARLY     the thread looks at the word with interrupts on
 *   WORD_LATE      the signaller reads the thread's CPU before it sets the word
 *   OLD_EARLY      the signaller looks whether the word is 0 before it sets its bit, not by the same instruction
 */
#define CPUS 2
#define ALL  3			/* the bits of both signallers */

byte word;			/* notification.word                                     */
byte got;			/* what the monitor has taken                            */
byte home = 0;			/* thread.cpu                                            */
bool irq[CPUS];			/* an interrupt is pending                               */
bool asked[CPUS];		/* cpu.asked: to give the thread to CPU 1                */
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
	:: got == ALL -> break
	:: irq[me] -> take_irq(me)
	:: home == me && got != ALL && !irq[me] ->
		stored = true;			/* "I run" */
		/* The look, and the entry: no interrupt is taken in between. */
		if
		:: word != 0 ->
			d_step { got = got | word; word = 0 }	/* back in the monitor, which polls */
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

proctype signaller(byte mine)
{
	byte where, old;

#ifdef OLD_EARLY
	old = word;
	word = word | mine;
	where = home;
#else
#ifdef WORD_LATE
	where = home;
	d_step { old = word; word = word | mine }
#else
	d_step { old = word; word = word | mine };	/* a locked instruction: seen by all before the next line */
	where = home;
#endif
#endif
	if
	:: old != 0
	:: else ->
#ifdef IF_PUBLISHED
		if
		:: published -> irq[where] = true
		:: else
		fi
#else
		irq[where] = true
#endif
	fi
}

/* thread_migrate(), at any time or never. */
proctype mover()
{
end:	if
	:: true -> asked[0] = true; irq[0] = true;
		do
		:: !asked[0] || got == ALL -> break
		od
	:: true
	fi
}

init
{
	atomic {
		run cpu(0); run cpu(1); run buffer(); run signaller(1); run signaller(2); run mover()
	}
}

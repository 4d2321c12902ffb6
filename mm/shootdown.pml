/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model in Promela of unmapping with several CPUs (kernel/space.c, kernel/cross.c): when it returns, no CPU uses the translation any more, and CPUs
 * that unmap at the same time do not wait for each other in a circle.
 *
 * There is one page. Each CPU loads the space, touches the page, switches away from it, or unmaps it, in any order. What it writes to the page table goes
 * through a store buffer of its own; atomic operations wait until that is empty.
 *
 * mutants: NO_FENCE NO_ANSWER EARLY LATE_ENTRY
 *
 *   NO_FENCE    the CPU that unmaps looks who may know the translation before its store has been seen by all
 *   NO_ANSWER   who waits for the tree lock does not answer questions
 *   EARLY       unmap returns before the answers are there
 *   LATE_ENTRY  a CPU enters itself into the space's set after it has begun to use the space
 */
#define CPUS 2
#define NOBODY 255

bool mapped = true;		/* the entry in the page table, as a page walk finds it  */
bool buffer[CPUS];		/* the store of "not present" waits in the CPU's buffer  */
bool in_set[CPUS];		/* space.cpus                                            */
bool known[CPUS];		/* the TLB has the translation                           */
bool loaded[CPUS];
bool asked[CPUS];		/* cpu.asked                                             */
byte lock = NOBODY;		/* the tree lock                                         */

/* Another process stands for the buffer's way out; a full barrier waits for it. */
proctype drain(byte me)
{
end:	do
	:: buffer[me] -> atomic { mapped = false; buffer[me] = false }
	od
}

/* flush_host(), between two operations. */
inline answer(me)
{
	known[me] = false;
	if
	:: !loaded[me] -> in_set[me] = false
	:: else
	fi;
	asked[me] = false
}

inline unmap(me, other)
{
	do
	:: atomic { lock == NOBODY -> lock = me }; break
#ifndef NO_ANSWER
	:: asked[me] -> answer(me)
#endif
	od;
	buffer[me] = true;
#ifndef NO_FENCE
	!buffer[me];
#endif
	if
	:: in_set[other] -> asked[other] = true
	:: else
	fi;
	if
	:: in_set[me] -> known[me] = false
	:: else
	fi;
#ifndef EARLY
	!asked[other];
#endif
	!buffer[me];
	assert(!known[0] && !known[1]);		/* the memory may be given to somebody else */
	lock = NOBODY
}

proctype cpu(byte me; byte other)
{
	bool done = false;

end:	do
	:: asked[me] -> answer(me)
	:: !loaded[me] && !asked[me] ->
#ifdef LATE_ENTRY
		loaded[me] = true;
		if
		:: mapped -> known[me] = true
		:: else
		fi;
		in_set[me] = true
#else
		!buffer[me];
		in_set[me] = true;		/* a locked instruction */
		loaded[me] = true
#endif
	:: loaded[me] && mapped && !asked[me] -> known[me] = true	/* a page walk, speculative or not */
	:: loaded[me] && !asked[me] -> loaded[me] = false		/* the translation stays known, under its tag */
	:: !done && !asked[me] -> unmap(me, other); done = true
	od
}

init
{
	atomic {
		run drain(0); run drain(1); run cpu(0, 1); run cpu(1, 0)
	}
}

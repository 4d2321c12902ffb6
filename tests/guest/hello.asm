; SPDX-License-Identifier: Apache-2.0
; The least a guest needs: it is entered in 64-bit mode, its exceptions reach it, its console and its power switch work.
%include "guest.inc"

test:
	PASS	"a guest is entered and its output reaches the console"
	mov	eax, cs
	EXPECT	rax, CODE, "the code segment is that of the boot protocol"
	pushfq
	pop	rax
	and	eax, 1 << 9
	EXPECT	rax, 0, "interrupts are off"
	mov	rax, 0x123456789abcdef0
	TRY	.trapped
	ud2
	FAIL	"UD2 raises an exception"
	ret
.trapped:
	EXPECT	rax, [rel known], "an exception keeps the registers"
	EXPECT	[rel trap_vector], 6, "UD2 raises #UD"
	ret

known:	dq	0x123456789abcdef0

%include "end.inc"

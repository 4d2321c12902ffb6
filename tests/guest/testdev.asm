; SPDX-License-Identifier: Apache-2.0
; The devices for test guests are there when asked for, and the exit port ends the VM.
; vm-devices: test pvpanic
; expect: power-off
%include "guest.inc"

test:
	mov	ebx, 0xff000000
	mov	rax, 0x1122334455667788
	mov	[rbx + 0xffd], rax
	EXPECT	[rbx + 0xffd], rax, "the test memory takes an access across two pages"
	mov	eax, 0x1234
	out	0xe0, eax
	xor	eax, eax
	in	ax, 0xe0
	EXPECT	rax, 0x1234, "the scratch port remembers"
	mov	edx, 0x505
	xor	eax, eax
	in	al, dx
	EXPECT	rax, 3, "pvpanic knows two events"
	mov	al, 1
	out	dx, al
	mov	eax, 5
	out	0xf4, eax
	FAIL	"the exit port ends the VM"
	ret

%include "end.inc"

; SPDX-License-Identifier: Apache-2.0
; expect: power-off
; A triple fault ends the virtual machine that makes it, and nothing else: the system goes on to its orderly end.
%include "guest.inc"

test:
	PASS	"about to triple-fault"
	lidt	[rel no_idt]
	ud2
	FAIL	"a guest survives a triple fault"
	ret

no_idt:	dw	0
	dq	0

%include "end.inc"

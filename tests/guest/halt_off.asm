; SPDX-License-Identifier: Apache-2.0
; expect: power-off
; A guest whose last CPU halts with interrupts off can never run again: its machine is stopped.
%include "guest.inc"

test:
	PASS	"about to halt with interrupts off"
	cli
	hlt
	FAIL	"a guest continues after HLT with interrupts off"
	ret

%include "end.inc"

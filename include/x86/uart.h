/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550 UART: register offsets and bits. */
#ifndef X86_UART_H
#define X86_UART_H

#define UART_COM1		0x3f8u
#define UART_CLOCK		115200u		/* divisor 1 */

#define UART_DATA		0u		/* with LCR.DLAB: divisor, low byte  */
#define UART_IER		1u		/* with LCR.DLAB: divisor, high byte */
#define UART_FCR		2u		/* write; reads IIR                  */
#define UART_LCR		3u
#define UART_MCR		4u
#define UART_LSR		5u
#define UART_SCRATCH		7u

#define UART_LCR_8N1		0x03u
#define UART_LCR_DLAB		0x80u
#define UART_FCR_ENABLE		0x01u
#define UART_FCR_CLEAR		0x06u		/* both FIFOs */
#define UART_MCR_DTR_RTS	0x03u
#define UART_LSR_THRE		0x20u		/* the transmitter takes a byte */

#endif

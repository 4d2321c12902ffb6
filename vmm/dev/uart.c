/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A serial port.  Register and bit names as in the PC16550D data sheet.
 *
 * The line has no speed: a byte is sent when the backend takes it.  Only when it refuses one is the transmitter busy;
 * THRE then stays clear until uart_tx_ready().  The receive timeout still counts characters at the programmed rate.
 */
#include <dev/uart.h>
#include <rt/time.h>
#include "irqchip.h"
#include "record.h"
#include "upcall.h"

enum { RBR_THR_DLL = 0, IER_DLM = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_RX		0x01
#define IER_THRE	0x02
#define IER_LINE	0x04
#define IER_MODEM	0x08
#define IER_WRITABLE	0x0f
#define IIR_NONE	0x01
#define IIR_LINE	0x06
#define IIR_RX		0x04
#define IIR_TIMEOUT	0x0c
#define IIR_THRE	0x02
#define IIR_MODEM	0x00
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define FCR_CLEAR_TX	0x04
#define FCR_KEPT	0xc9		/* enable, DMA mode, trigger level */
#define LCR_DLAB	0x80
#define MCR_OUT2	0x08		/* on a PC, gates the interrupt */
#define MCR_LOOP	0x10
#define MCR_WRITABLE	0x1f
#define LSR_DR		0x01
#define LSR_OE		0x02
#define LSR_ERRORS	0x1e
#define LSR_THRE	0x20
#define LSR_TEMT	0x40
#define MSR_DELTAS	0x0f
#define MSR_TERI	0x04
#define MSR_RI		0x40
#define MSR_CONNECTED	0xb0		/* DCD, DSR, CTS: somebody is at the other end */

#define DIVISOR_HZ	115200u		/* character rate x 10 bits = this / divisor */
#define TIMEOUT_BITS	40u		/* four characters */
#define TIMEOUT_MIN_NS	100000u
#define TIMEOUT_MAX_NS	5000000u

static unsigned fifo_size(const struct uart *u)
{
	return u->s.fcr & FCR_ENABLE ? UART_FIFO : 1;
}

/* FCR bits 7:6. */
static unsigned trigger_level(const struct uart *u)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return u->s.fcr & FCR_ENABLE ? level[u->s.fcr >> 6] : 1;
}

/* The pending interrupt of highest priority, as IIR shows it. */
static uint8_t pending(const struct uart *u)
{
	const struct uart_state *s = &u->s;

	if ((s->ier & IER_LINE) && (s->lsr & LSR_ERRORS))
		return IIR_LINE;
	if ((s->ier & IER_RX) && s->rx_count >= trigger_level(u))
		return IIR_RX;
	if ((s->ier & IER_RX) && s->rx_timeout)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre_irq)
		return IIR_THRE;
	if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	bool irq = pending(u) != IIR_NONE && (u->s.mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	if (irq == u->s.irq)
		return;
	u->s.irq = irq;
	irq_line_set(u->env.chip, u->gsi, irq);
}

/* The transmitter becomes empty: LSR says so and the interrupt becomes pending. */
static void tx_empty(struct uart *u)
{
	u->s.lsr |= LSR_THRE | LSR_TEMT;
	u->s.thre_irq = true;
	update_irq(u);
}

/* Restart the receive timeout: it runs while there is something to read, from the last byte that came or was read. */
static void rx_timer(struct uart *u)
{
	unsigned divisor = u->s.dlm * 256u + u->s.dll;
	uint64_t ns = (uint64_t)divisor * TIMEOUT_BITS * 1000000000u / DIVISOR_HZ;

	u->s.rx_timeout = false;
	if (!u->s.rx_count || !(u->s.fcr & FCR_ENABLE)) {
		timer_cancel(&u->timer);
		return;
	}
	ns = max_u64(min_u64(ns, TIMEOUT_MAX_NS), TIMEOUT_MIN_NS);
	timer_arm(u->env.timers, &u->timer, clock_now() + clock_tsc(&u->ns, ns));
}

static void rx_timed_out(struct timer *t, uint64_t now)
{
	struct uart *u = container_of(t, struct uart, timer);

	(void)now;
	u->s.rx_timeout = true;
	update_irq(u);
}

/* There is room for input again: tell the backend if it waits for that. */
static void rx_space(struct uart *u)
{
	if (!u->s.rx_refused || (u->s.mcr & MCR_LOOP))
		return;
	u->s.rx_refused = false;
	vm_uart_rx_space(u->env.vm, u->port);
}

static void rx_put(struct uart *u, uint8_t byte)
{
	struct uart_state *s = &u->s;

	s->rx[(s->rx_head + s->rx_count) % UART_FIFO] = byte;
	s->rx_count++;
	s->lsr |= LSR_DR;
	rx_timer(u);
}

static uint8_t rx_get(struct uart *u)
{
	struct uart_state *s = &u->s;
	uint8_t byte = s->rx[s->rx_head % UART_FIFO];

	if (!s->rx_count)
		return 0;
	s->rx_head = (uint8_t)((s->rx_head + 1) % UART_FIFO);
	s->rx_count--;
	rx_timer(u);
	if (!s->rx_count) {
		s->lsr &= (uint8_t)~LSR_DR;
		rx_space(u);		/* once for a whole FIFO */
	}
	update_irq(u);
	return byte;
}

static void rx_clear(struct uart *u)
{
	u->s.rx_count = 0;
	u->s.lsr &= (uint8_t)~LSR_DR;
	rx_timer(u);
	rx_space(u);
}

bool uart_rx(struct uart *u, uint8_t byte)
{
	if (u->s.rx_count >= fifo_size(u) || (u->s.mcr & MCR_LOOP)) {
		u->s.rx_refused = true;
		return false;
	}
	rx_put(u, byte);
	update_irq(u);
	return true;
}

/* In loopback a byte that is sent is received at once, and lost if there is no room. */
static void loop_byte(struct uart *u, uint8_t byte)
{
	if (u->s.rx_count < fifo_size(u))
		rx_put(u, byte);
	else
		u->s.lsr |= LSR_OE;
}

static void thr_write(struct uart *u, uint8_t byte)
{
	struct uart_state *s = &u->s;

	s->thre_irq = false;
	if (s->ier & IER_THRE)
		update_irq(u);		/* the line drops before it rises again: another edge */
	if (s->mcr & MCR_LOOP) {
		loop_byte(u, byte);
		tx_empty(u);
	} else if (!s->tx_count && vm_uart_tx(u->env.vm, u->port, byte)) {
		tx_empty(u);
	} else if (s->tx_count < fifo_size(u)) {
		s->tx[(s->tx_head + s->tx_count) % UART_FIFO] = byte;
		s->tx_count++;
		s->lsr &= (uint8_t)~(LSR_THRE | LSR_TEMT);
	}	/* else the guest has not waited for THRE: the byte is lost, as on the chip */
}

static void tx_clear(struct uart *u)
{
	if (!u->s.tx_count)
		return;
	u->s.tx_count = 0;
	tx_empty(u);
}

void uart_tx_ready(struct uart *u)
{
	struct uart_state *s = &u->s;

	if (!s->tx_count)
		return;
	while (s->tx_count) {
		if (!vm_uart_tx(u->env.vm, u->port, s->tx[s->tx_head % UART_FIFO]))
			return;
		s->tx_head = (uint8_t)((s->tx_head + 1) % UART_FIFO);
		s->tx_count--;
	}
	tx_empty(u);
}

bool uart_tx_pending(const struct uart *u)
{
	return u->s.tx_count != 0;
}

static void ier_write(struct uart *u, uint8_t val)
{
	uint8_t old = u->s.ier;

	u->s.ier = val & IER_WRITABLE;
	/* Enabling the interrupt while the transmitter is empty raises it. */
	if ((u->s.ier & ~old & IER_THRE) && (u->s.lsr & LSR_THRE))
		u->s.thre_irq = true;
	update_irq(u);
}

static void fcr_write(struct uart *u, uint8_t val)
{
	bool toggled = ((u->s.fcr ^ val) & FCR_ENABLE) != 0;

	u->s.fcr = val & FCR_ENABLE ? val & FCR_KEPT : 0;
	if (toggled || ((val & FCR_ENABLE) && (val & FCR_CLEAR_RX)))
		rx_clear(u);
	if (toggled || ((val & FCR_ENABLE) && (val & FCR_CLEAR_TX)))
		tx_clear(u);
	update_irq(u);
}

/* The modem inputs: fixed, or in loopback the outputs: OUT2 -> DCD, OUT1 -> RI, DTR -> DSR, RTS -> CTS. */
static void modem_update(struct uart *u)
{
	uint8_t mcr = u->s.mcr, old = u->s.msr, now = MSR_CONNECTED, changed;

	if (mcr & MCR_LOOP)
		now = (uint8_t)((mcr & 0x0c) << 4 | (mcr & 0x02) << 3 | (mcr & 0x01) << 5);
	changed = (uint8_t)((old ^ now) >> 4);
	/* RI only counts when it goes away. */
	if (!(old & MSR_RI) || (now & MSR_RI))
		changed &= (uint8_t)~MSR_TERI;
	u->s.msr = (uint8_t)((old & MSR_DELTAS) | changed | now);
}

static void mcr_write(struct uart *u, uint8_t val)
{
	u->s.mcr = val & MCR_WRITABLE;
	modem_update(u);
	if (u->s.rx_count < fifo_size(u))
		rx_space(u);		/* refused while it was in loopback */
	update_irq(u);
}

static uint8_t iir_read(struct uart *u)
{
	uint8_t iir = pending(u);

	if (iir == IIR_THRE) {		/* reading it as the source is what acknowledges it */
		u->s.thre_irq = false;
		update_irq(u);
	}
	return iir | (u->s.fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t lsr_read(struct uart *u)
{
	uint8_t lsr = u->s.lsr;

	if (lsr & LSR_ERRORS) {
		u->s.lsr &= (uint8_t)~LSR_ERRORS;
		update_irq(u);
	}
	return lsr;
}

static uint8_t msr_read(struct uart *u)
{
	uint8_t msr = u->s.msr;

	u->s.msr &= (uint8_t)~MSR_DELTAS;
	update_irq(u);
	return msr;
}

static uint64_t uart_read(void *dev, uint64_t off, unsigned size)
{
	struct uart *u = dev;
	bool dlab = (u->s.lcr & LCR_DLAB) != 0;

	(void)size;
	switch (off) {
	case RBR_THR_DLL:
		return dlab ? u->s.dll : rx_get(u);
	case IER_DLM:
		return dlab ? u->s.dlm : u->s.ier;
	case IIR_FCR:
		return iir_read(u);
	case LCR:
		return u->s.lcr;
	case MCR:
		return u->s.mcr;
	case LSR:
		return lsr_read(u);
	case MSR:
		return msr_read(u);
	default:
		return u->s.scr;
	}
}

static void uart_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct uart *u = dev;
	bool dlab = (u->s.lcr & LCR_DLAB) != 0;
	uint8_t v = (uint8_t)val;

	(void)size;
	switch (off) {
	case RBR_THR_DLL:
		if (dlab)
			u->s.dll = v;
		else
			thr_write(u, v);
		break;
	case IER_DLM:
		if (dlab)
			u->s.dlm = v;
		else
			ier_write(u, v);
		break;
	case IIR_FCR:
		fcr_write(u, v);
		break;
	case LCR:
		u->s.lcr = v;
		break;
	case MCR:
		mcr_write(u, v);
		break;
	case SCR:
		u->s.scr = v;
		break;
	default:		/* LSR is for factory tests, MSR read-only */
		break;
	}
}

const struct bus_ops uart_ops = { uart_read, uart_write };

/* The backend is told of the room that a reset makes: what it holds back is not lost. */
void uart_reset(struct uart *u)
{
	bool refused = u->s.rx_refused, irq = u->s.irq;

	u->s = (struct uart_state){
		.lsr = LSR_THRE | LSR_TEMT, .msr = MSR_CONNECTED, .dll = 1, .irq = irq, .rx_refused = refused,
	};
	timer_cancel(&u->timer);
	update_irq(u);
	rx_space(u);
}

/* The backend is a new one: it is told of room, and asked whether it has some. */
bool uart_restore(void *dev, const void *state)
{
	const struct uart_state *s = state;
	struct uart *u = dev;
	bool timed_out = record_bool(&s->rx_timeout);

	if (s->rx_head >= UART_FIFO || s->rx_count > UART_FIFO || s->tx_head >= UART_FIFO || s->tx_count > UART_FIFO)
		return false;
	u->s = *s;
	u->s.fcr &= FCR_KEPT;
	u->s.mcr &= MCR_WRITABLE;
	u->s.lsr = (uint8_t)((u->s.lsr & ~LSR_DR) | (u->s.rx_count ? LSR_DR : 0));
	u->s.thre_irq = record_bool(&s->thre_irq);
	u->s.irq = record_bool(&s->irq);
	u->s.rx_refused = true;
	rx_timer(u);
	u->s.rx_timeout = timed_out;
	irq_line_set(u->env.chip, u->gsi, u->s.irq);
	update_irq(u);
	rx_space(u);
	return true;
}

void uart_init(struct uart *u, const struct dev_env *env, unsigned port, unsigned gsi)
{
	*u = (struct uart){ .env = *env, .port = port, .gsi = gsi };
	clock_rate_init(&u->ns, env->tsc_hz, 1000000000u);
	timer_init(&u->timer, rx_timed_out);
	uart_reset(u);
}

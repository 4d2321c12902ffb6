/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: interrupts and events that come from other threads while the vCPU's thread works. */
/* sources: vmm/dev/lapic.c vmm/dev/lapic_irq.c vmm/dev/lapic_timer.c vmm/dev/lapic_ipi.c vmm/irqchip.c vmm/dev/ioapic.c vmm/dev/pic.c vmm/timer.c tests/fake/dev_fake.c */
#include <dev/lapic.h>
#include <dev/ioapic.h>
#include <dev/pic.h>
#include <dev_fake.h>
#include <pthread.h>
#include <sched.h>

#define SENDERS	3
#define ROUNDS	3000u

static struct vm vm;
static struct irqchip chip;
static struct pic pic;
static struct ioapic ioapic;
static struct lapic cpu[1 + SENDERS];
static struct vcpu vcpu[1 + SENDERS];
static uint32_t taken[1 + SENDERS];	/* what the receiver took from each sender: atomic */
static uint32_t nmis, nmis_taken;	/* atomic */

static int setup(void **state)
{
	(void)state;
	fake_reset(&vm);
	irqchip_init(&chip, &vm, &pic, &ioapic);
	ioapic_init(&ioapic, &chip, 0);
	pic_init(&pic, &chip);
	for (unsigned i = 0; i <= SENDERS; i++) {
		struct lapic_config cfg = { .id = i, .bsp = i == 0, .phys_bits = 40, .tsc_hz = FAKE_HZ };

		assert_true(lapic_init(&cpu[i], &chip, &vcpu[i], &cfg));
		lapic_mmio_write(&cpu[i], 0xf0, 4, 0x1ff);
	}
	return 0;
}

/* Sends its own vector to CPU 0, and the next one only after that was taken. */
static void *sender(void *arg)
{
	struct lapic *l = arg;
	uint32_t n = (uint32_t)(l - cpu);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		lapic_mmio_write(l, 0x310, 4, 0);
		lapic_mmio_write(l, 0x300, 4, 0x40 + n);
		if (i % 16 == 0) {
			__atomic_fetch_add(&nmis, 1, __ATOMIC_RELAXED);
			lapic_mmio_write(l, 0x300, 4, 0x400);
		}
		while (__atomic_load_n(&taken[n], __ATOMIC_ACQUIRE) <= i)
			sched_yield();
	}
	return NULL;
}

/* A request of one thread may come at any time while another is handled; none is lost, and each wakes the receiver. */
static void no_request_and_no_wakeup_is_lost(void **state)
{
	pthread_t thread[SENDERS];
	uint32_t total = 0;

	(void)state;
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, sender, &cpu[1 + i]), 0);
	while (total < SENDERS * ROUNDS) {
		int v;

		/* Looks only when it was told to, as the core does. */
		if (!__atomic_exchange_n(&vcpu[0].notified, 0, __ATOMIC_SEQ_CST)) {
			sched_yield();
			continue;
		}
		if (lapic_events_take(&cpu[0], LAPIC_EV_NMI))
			nmis_taken++;
		while ((v = lapic_pending(&cpu[0])) >= 0) {
			assert_in_range(v, 0x41, 0x40 + SENDERS);
			lapic_accept(&cpu[0], v);
			lapic_mmio_write(&cpu[0], 0xb0, 4, 0);
			__atomic_fetch_add(&taken[v - 0x40], 1, __ATOMIC_RELEASE);
			total++;
		}
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	nmis_taken += lapic_events_take(&cpu[0], LAPIC_EV_NMI) != 0;
	assert_in_range(nmis_taken, 1, nmis);
	assert_int_equal(lapic_pending(&cpu[0]), -1);
	for (unsigned i = 1; i <= SENDERS; i++)
		assert_int_equal(taken[i], ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_request_and_no_wakeup_is_lost, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

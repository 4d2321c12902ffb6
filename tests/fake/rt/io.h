/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for include/rt/io.h in unit tests: each test brings its own device. */
#ifndef RT_IO_H
#define RT_IO_H

#include <stdint.h>

uint8_t io_read8(uint16_t port);
uint16_t io_read16(uint16_t port);
uint32_t io_read32(uint16_t port);
void io_write8(uint16_t port, uint8_t v);
void io_write16(uint16_t port, uint16_t v);
void io_write32(uint16_t port, uint32_t v);

#endif

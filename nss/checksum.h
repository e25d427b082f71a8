#ifndef XOS_CHECKSUM_H
#define XOS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (RFC 3720 appendix B.4), by the processor's instruction where it has one. */
uint32_t xos_crc32c(const uint8_t *data, size_t length);

/* The same by tables, for processors without the instruction; separate so that a test compares both. */
uint32_t xos_crc32c_tables_only(const uint8_t *data, size_t length);

/* HalfSipHash-2-4, 32 bits of output. */
uint32_t xos_half_sip_hash(uint32_t key_low, uint32_t key_high, const uint8_t *data, size_t length);

#endif

#include "checksum.h"

#include "../packages/module-protocol/generated/xos_crc32c_tables.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

static uint32_t load_u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

uint32_t xos_crc32c_tables_only(const uint8_t *data, size_t length) {
    const uint32_t(*tables)[256] = xos_crc32c_tables;
    uint32_t crc = 0xffffffffu;
    for (; length >= 8; data += 8, length -= 8) {
        uint32_t low = crc ^ load_u32(data);
        uint32_t high = load_u32(data + 4);
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; length > 0; data++, length--)
        crc = crc >> 8 ^ tables[0][(crc ^ *data) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(const uint8_t *data, size_t length) {
    uint64_t crc = 0xffffffffu;
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; length > 0; data++, length--)
        crc = _mm_crc32_u8((uint32_t)crc, *data);
    return ~(uint32_t)crc;
}

static bool has_instruction(void) {
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <sys/auxv.h>

__attribute__((target("+crc"))) static uint32_t crc_by_instruction(const uint8_t *data, size_t length) {
    uint32_t crc = 0xffffffffu;
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        crc = __builtin_aarch64_crc32cx(crc, word);
    }
    for (; length > 0; data++, length--)
        crc = __builtin_aarch64_crc32cb(crc, *data);
    return ~crc;
}

static bool has_instruction(void) {
    return (getauxval(AT_HWCAP) & (1ul << 7)) != 0; /* HWCAP_CRC32 */
}
#else
static uint32_t crc_by_instruction(const uint8_t *data, size_t length) {
    return xos_crc32c_tables_only(data, length);
}

static bool has_instruction(void) {
    return false;
}
#endif

uint32_t xos_crc32c(const uint8_t *data, size_t length) {
    static _Atomic int known; /* 0 not asked yet, 1 tables, 2 instruction */
    int which = atomic_load_explicit(&known, memory_order_relaxed);
    if (which == 0) {
        which = has_instruction() ? 2 : 1;
        atomic_store_explicit(&known, which, memory_order_relaxed);
    }
    return which == 2 ? crc_by_instruction(data, length) : xos_crc32c_tables_only(data, length);
}

static uint32_t rotate(uint32_t word, int bits) {
    return word << bits | word >> (32 - bits);
}

static void sip_round(uint32_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] += v[3];
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
}

static void sip_absorb(uint32_t v[4], uint32_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint32_t xos_half_sip_hash(uint32_t key_low, uint32_t key_high, const uint8_t *data, size_t length) {
    uint32_t v[4] = {key_low, key_high, 0x6c796765u ^ key_low, 0x74656462u ^ key_high};
    uint32_t last = (uint32_t)length << 24;
    for (; length >= 4; data += 4, length -= 4)
        sip_absorb(v, load_u32(data));
    for (size_t i = 0; i < length; i++)
        last |= (uint32_t)data[i] << (8 * i);
    sip_absorb(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[1] ^ v[3];
}

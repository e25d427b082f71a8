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

static inline uint32_t rotate(uint32_t word, int bits) {
    return word << bits | word >> (32 - bits);
}

struct sip {
    uint32_t v0, v1, v2, v3;
};

static inline __attribute__((always_inline)) struct sip sip_round(struct sip s) {
    s.v0 += s.v1;
    s.v1 = rotate(s.v1, 5) ^ s.v0;
    s.v0 = rotate(s.v0, 16);
    s.v2 += s.v3;
    s.v3 = rotate(s.v3, 8) ^ s.v2;
    s.v0 += s.v3;
    s.v3 = rotate(s.v3, 7) ^ s.v0;
    s.v2 += s.v1;
    s.v1 = rotate(s.v1, 13) ^ s.v2;
    s.v2 = rotate(s.v2, 16);
    return s;
}

static inline __attribute__((always_inline)) struct sip sip_absorb(struct sip s, uint32_t word) {
    s.v3 ^= word;
    s = sip_round(sip_round(s));
    s.v0 ^= word;
    return s;
}

uint32_t xos_half_sip_hash(uint32_t key_low, uint32_t key_high, const uint8_t *data, size_t length) {
    struct sip s = {key_low, key_high, 0x6c796765u ^ key_low, 0x74656462u ^ key_high};
    uint32_t last = (uint32_t)length << 24;
    for (; length >= 4; data += 4, length -= 4)
        s = sip_absorb(s, load_u32(data));
    for (size_t i = 0; i < length; i++)
        last |= (uint32_t)data[i] << (8 * i);
    s = sip_absorb(s, last);
    s.v2 ^= 0xff;
    s = sip_round(sip_round(sip_round(sip_round(s))));
    return s.v1 ^ s.v3;
}

// CRC-32C (Castagnoli; RFC 3720 appendix B.4), by the processor's instruction where it has one, else by a
// table.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#if defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace xos {

inline constexpr std::array<uint32_t, 256> crc32cTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0);
        table[byte] = value;
    }
    return table;
}();

inline uint32_t UpdateCrc32cByTable(uint32_t state, std::span<const uint8_t> bytes) {
    for (uint8_t byte : bytes)
        state = crc32cTable[(state ^ byte) & 0xff] ^ (state >> 8);
    return state;
}

inline uint64_t LoadWord(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

#if defined(__x86_64__)
#define XOS_CRC32C_TARGET __attribute__((target("sse4.2")))
inline bool HasCrc32cInstruction() {
    static const bool has = __builtin_cpu_supports("sse4.2") != 0;
    return has;
}
XOS_CRC32C_TARGET inline uint32_t StepWord(uint32_t state, uint64_t word) {
    return static_cast<uint32_t>(_mm_crc32_u64(state, word));
}
XOS_CRC32C_TARGET inline uint32_t StepByte(uint32_t state, uint8_t byte) {
    return _mm_crc32_u8(state, byte);
}
#elif defined(__aarch64__)
#define XOS_CRC32C_TARGET __attribute__((target("+crc")))
inline bool HasCrc32cInstruction() {
    static const bool has = (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
    return has;
}
XOS_CRC32C_TARGET inline uint32_t StepWord(uint32_t state, uint64_t word) {
    return __crc32cd(state, word);
}
XOS_CRC32C_TARGET inline uint32_t StepByte(uint32_t state, uint8_t byte) {
    return __crc32cb(state, byte);
}
#else
#define XOS_CRC32C_TARGET
inline bool HasCrc32cInstruction() {
    return false;
}
inline uint32_t StepWord(uint32_t state, uint64_t) {
    return state;
}
inline uint32_t StepByte(uint32_t state, uint8_t byte) {
    return crc32cTable[(state ^ byte) & 0xff] ^ (state >> 8);
}
#endif

XOS_CRC32C_TARGET inline void UpdateTwiceByInstruction(uint32_t &first, uint32_t &second,
                                                       std::span<const uint8_t> bytes) {
    uint32_t a = first, b = second;
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        uint64_t word = LoadWord(bytes.data() + at);
        a = StepWord(a, word);
        b = StepWord(b, word);
    }
    for (; at < bytes.size(); at++) {
        a = StepByte(a, bytes[at]);
        b = StepByte(b, bytes[at]);
    }
    first = a, second = b;
}

XOS_CRC32C_TARGET inline uint32_t UpdateByInstruction(uint32_t state, std::span<const uint8_t> bytes) {
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8)
        state = StepWord(state, LoadWord(bytes.data() + at));
    for (; at < bytes.size(); at++)
        state = StepByte(state, bytes[at]);
    return state;
}

// `state` is the inverted checksum of what came before.
inline uint32_t UpdateCrc32c(uint32_t state, std::span<const uint8_t> bytes) {
    return HasCrc32cInstruction() ? UpdateByInstruction(state, bytes) : UpdateCrc32cByTable(state, bytes);
}

inline void UpdateCrc32cTwice(uint32_t &first, uint32_t &second, std::span<const uint8_t> bytes) {
    if (HasCrc32cInstruction()) {
        UpdateTwiceByInstruction(first, second, bytes);
        return;
    }
    first = UpdateCrc32cByTable(first, bytes);
    second = UpdateCrc32cByTable(second, bytes);
}

} // namespace xos

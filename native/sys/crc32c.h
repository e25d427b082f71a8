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

inline constexpr uint32_t crc32cPolynomial = 0x82f63b78U;

inline constexpr std::array<uint32_t, 256> crc32cTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ ((value & 1) != 0 ? crc32cPolynomial : 0);
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

// Checksums are polynomials modulo crc32cPolynomial over GF(2), bits reversed: bytes of zeros behind others
// multiply their state by a power of x, and states of parts are put together so.
constexpr uint32_t MultiplyStates(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (int bit = 31; bit >= 0; bit--) {
        product ^= b & (0U - ((a >> bit) & 1));
        b = (b >> 1) ^ (crc32cPolynomial & (0U - (b & 1)));
    }
    return product;
}

// x to the power of 8 * `bytes`.
constexpr uint32_t ZeroBytes(size_t bytes) {
    uint32_t power = 1U << 31;
    for (uint32_t square = 1U << 23; bytes != 0; bytes >>= 1, square = MultiplyStates(square, square))
        if ((bytes & 1) != 0)
            power = MultiplyStates(power, square);
    return power;
}

using StateTable = std::array<std::array<uint32_t, 256>, 4>;

// The state after that many zeros, by each byte of the state before.
constexpr StateTable ZerosTable(size_t bytes) {
    StateTable table{};
    uint32_t power = ZeroBytes(bytes);
    for (size_t place = 0; place < 4; place++)
        for (uint32_t value = 1; value < 256; value++) {
            uint32_t rest = value & (value - 1);
            table[place][value] = table[place][rest] ^ MultiplyStates(power, (value ^ rest) << (8 * place));
        }
    return table;
}

inline uint32_t LookUpState(const StateTable &table, uint32_t state) {
    return table[0][state & 0xff] ^ table[1][(state >> 8) & 0xff] ^ table[2][(state >> 16) & 0xff] ^
           table[3][state >> 24];
}

// The instruction takes three cycles and one can begin in each: three parts go side by side. They fill a
// block of 4 KiB but for one cache line.
inline constexpr size_t cacheLineBytes = 64;
inline constexpr size_t laneBytes = 21 * cacheLineBytes;
inline constexpr StateTable afterLane = ZerosTable(laneBytes);
inline constexpr StateTable afterTwoLanes = ZerosTable(2 * laneBytes);

XOS_CRC32C_TARGET inline uint32_t UpdateByInstruction(uint32_t state, std::span<const uint8_t> bytes) {
    size_t at = 0;
    for (; at + 3 * laneBytes <= bytes.size(); at += 3 * laneBytes) {
        const uint8_t *lane = bytes.data() + at;
        uint32_t first = state, second = 0, third = 0;
        for (size_t line = 0; line < laneBytes; line += cacheLineBytes) {
            // Of the next round; beyond the end it does no harm.
            for (size_t ahead = 3; ahead < 6; ahead++)
                __builtin_prefetch(lane + ahead * laneBytes + line);
            for (size_t in = line; in < line + cacheLineBytes; in += 8) {
                first = StepWord(first, LoadWord(lane + in));
                second = StepWord(second, LoadWord(lane + laneBytes + in));
                third = StepWord(third, LoadWord(lane + 2 * laneBytes + in));
            }
        }
        state = LookUpState(afterTwoLanes, first) ^ LookUpState(afterLane, second) ^ third;
    }
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

// The checksum of what has `first` followed by what has `second`. @param zeros ZeroBytes of the latter's
// length
inline uint32_t JoinedCrc32c(uint32_t first, uint32_t second, uint32_t zeros) {
    return MultiplyStates(zeros, first) ^ second;
}

} // namespace xos

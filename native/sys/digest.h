// The compression functions of FIPS 180-4, for hashing a digest again and again (rehash.cc). One block, no
// stream.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <endian.h>

namespace xos {

inline uint32_t FromBigEndian(uint32_t word) {
    return be32toh(word);
}
inline uint64_t FromBigEndian(uint64_t word) {
    return be64toh(word);
}
inline uint32_t ToBigEndian(uint32_t word) {
    return htobe32(word);
}
inline uint64_t ToBigEndian(uint64_t word) {
    return htobe64(word);
}

// Sections 4.2.2 and 4.2.3: the cube roots of the first 80 primes; SHA-256 takes the upper halves of 64.
inline constexpr std::array<uint64_t, 80> sha2Constants = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
// Sections 5.3.3 to 5.3.5: square roots of primes; SHA-256 takes the upper halves of SHA-512's.
inline constexpr std::array<uint64_t, 8> sha512Start = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};
inline constexpr std::array<uint64_t, 8> sha384Start = {
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
};

// Section 4.1.2 (32 bits) and 4.1.3 (64 bits): how far the sums rotate and shift.
template <typename Word> struct Sha2Rotations;
template <> struct Sha2Rotations<uint32_t> {
    static constexpr int rounds = 64, halve = 32;
    static constexpr int big0[] = {2, 13, 22}, big1[] = {6, 11, 25};
    static constexpr int small0[] = {7, 18, 3}, small1[] = {17, 19, 10};
};
template <> struct Sha2Rotations<uint64_t> {
    static constexpr int rounds = 80, halve = 0;
    static constexpr int big0[] = {28, 34, 39}, big1[] = {14, 18, 41};
    static constexpr int small0[] = {1, 8, 7}, small1[] = {19, 61, 6};
};

template <typename Word, const std::array<uint64_t, 8> &start, size_t digest> struct Sha2 {
    using WordType = Word;
    using R = Sha2Rotations<Word>;
    static constexpr size_t digestBytes = digest;
    static constexpr size_t stateWords = 8;

    static Word Big(Word x, const int (&by)[3]) {
        return std::rotr(x, by[0]) ^ std::rotr(x, by[1]) ^ std::rotr(x, by[2]);
    }
    static Word Small(Word x, const int (&by)[3]) {
        return std::rotr(x, by[0]) ^ std::rotr(x, by[1]) ^ (x >> by[2]);
    }

    static void Start(std::array<Word, stateWords> &state) {
        for (size_t i = 0; i < stateWords; i++)
            state[i] = static_cast<Word>(start[i] >> R::halve);
    }

    // Section 6.2.2 and 6.4.2. `w` is the block as words on entry, and used up.
    static void Compress(std::array<Word, stateWords> &state, std::array<Word, 16> &w) {
        auto [a, b, c, d, e, f, g, h] = state;
        for (int t = 0; t < R::rounds; t++) {
            Word &now = w[t & 15];
            if (t >= 16)
                now +=
                    Small(w[(t + 14) & 15], R::small1) + w[(t + 9) & 15] + Small(w[(t + 1) & 15], R::small0);
            Word t1 = h + Big(e, R::big1) + ((e & f) ^ (~e & g)) +
                      static_cast<Word>(sha2Constants[static_cast<size_t>(t)] >> R::halve) + now;
            Word t2 = Big(a, R::big0) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
};

using Sha256 = Sha2<uint32_t, sha512Start, 32>;
using Sha384 = Sha2<uint64_t, sha384Start, 48>;
using Sha512 = Sha2<uint64_t, sha512Start, 64>;

struct Sha1 {
    using WordType = uint32_t;
    static constexpr size_t digestBytes = 20;
    static constexpr size_t stateWords = 5;

    static void Start(std::array<uint32_t, stateWords> &state) {
        state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    }

    // Section 6.1.2.
    static void Compress(std::array<uint32_t, stateWords> &state, std::array<uint32_t, 16> &w) {
        auto [a, b, c, d, e] = state;
        for (int t = 0; t < 80; t++) {
            uint32_t &now = w[t & 15];
            if (t >= 16)
                now = std::rotl(w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ now, 1);
            uint32_t mixed = t < 20   ? ((b & c) ^ (~b & d)) + 0x5a827999
                             : t < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                             : t < 60 ? ((b & c) ^ (b & d) ^ (c & d)) + 0x8f1bbcdc
                                      : (b ^ c ^ d) + 0xca62c1d6;
            uint32_t next = std::rotl(a, 5) + mixed + e + now;
            e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
    }
};

// Replaces a digest by its own digest, `rounds` times. `digest` has Hash::digestBytes; with its padding
// (section 5.1) it fills one block.
template <typename Hash> void Rehash(uint8_t *digest, uint32_t rounds) {
    using Word = typename Hash::WordType;
    constexpr size_t words = Hash::digestBytes / sizeof(Word);
    static_assert(words * sizeof(Word) == Hash::digestBytes && words <= 13);
    std::array<Word, Hash::stateWords> state;
    std::array<Word, 16> block;
    Word value[words];
    memcpy(value, digest, sizeof value);
    for (Word &word : value)
        word = FromBigEndian(word);
    for (uint32_t round = 0; round < rounds; round++) {
        block.fill(0);
        std::copy(std::begin(value), std::end(value), block.begin());
        block[words] = static_cast<Word>(1) << (sizeof(Word) * 8 - 1);
        block[15] = Hash::digestBytes * 8;
        Hash::Start(state);
        Hash::Compress(state, block);
        std::copy_n(state.begin(), words, std::begin(value));
    }
    for (Word &word : value)
        word = ToBigEndian(word);
    memcpy(digest, value, sizeof value);
    explicit_bzero(value, sizeof value);
    explicit_bzero(state.data(), sizeof state);
    explicit_bzero(block.data(), sizeof block);
}

} // namespace xos

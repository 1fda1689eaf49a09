#include "crc32.h"

#include <zlib.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define BY_MULTIPLYING 1
#endif

#if defined(BY_MULTIPLYING)

/*
** Source: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009),
** whose constants for the reflected polynomial these are: powers of x modulo the polynomial, for folding over 512 and
** over 128 bits, for the last 64, and for Barrett's reduction.
*/
#define CARRYLESS __attribute__((target("pclmul,sse4.1")))

typedef const unsigned char *Bytes;

CARRYLESS static __m128i load (Bytes p) {
  return _mm_loadu_si128((const __m128i *)(const void *)p);
}

CARRYLESS static __m128i constants (uint64_t low, uint64_t high) {
  return _mm_set_epi64x((long long)high, (long long)low);
}

/* `x`, moved on by the distance that `k` is for, with the bytes that are there. */
CARRYLESS static __m128i fold (__m128i x, __m128i k, __m128i there) {
  __m128i low = _mm_clmulepi64_si128(x, k, 0x00), high = _mm_clmulepi64_si128(x, k, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

/* What 128 bits leave of themselves modulo the polynomial. */
CARRYLESS static uint32_t reduce (__m128i x, __m128i over_128) {
  const __m128i over_64 = constants(0x163CD6124, 0), barrett = constants(0x1DB710641, 0x1F7011641);
  const __m128i half = _mm_set_epi32(0, -1, 0, -1);
  x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, over_128, 0x10));
  x = _mm_xor_si128(_mm_srli_si128(x, 4), _mm_clmulepi64_si128(_mm_and_si128(x, half), over_64, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(x, half), barrett, 0x10);
  x = _mm_xor_si128(x, _mm_clmulepi64_si128(_mm_and_si128(quotient, half), barrett, 0x00));
  return (uint32_t)_mm_extract_epi32(x, 1);
}

/* Of a multiple of 16 bytes, 64 at least, four lanes at a time. */
CARRYLESS static uint32_t multiply (Bytes p, size_t len) {
  const __m128i over_512 = constants(0x154442BD4, 0x1C6E41596), over_128 = constants(0x1751997D0, 0xCCAA009E);
  __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(-1)), b = load(p + 16), c = load(p + 32), d = load(p + 48);
  for (p += 64, len -= 64; len >= 64; p += 64, len -= 64) {
    a = fold(a, over_512, load(p));
    b = fold(b, over_512, load(p + 16));
    c = fold(c, over_512, load(p + 32));
    d = fold(d, over_512, load(p + 48));
  }
  a = fold(fold(fold(a, over_128, b), over_128, c), over_128, d);
  for (; len; p += 16, len -= 16)
    a = fold(a, over_128, load(p));
  return ~reduce(a, over_128);
}

#endif

uint32_t crc32_of (const void *bytes, size_t len) {
  const unsigned char *p = bytes;
  size_t done = 0;
  uint32_t crc = 0;
#if defined(BY_MULTIPLYING)
  if (len >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
    done = len & ~(size_t)15;
    crc = multiply(p, done);
  }
#endif
  return (uint32_t)crc32_z(crc, p + done, len - done);
}

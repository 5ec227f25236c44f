/* The inner loops, written once and compiled for each instruction set; one is chosen at run time.
 *
 * All give the same bits. Sums over rows go from the first to the last, sums over columns run in
 * eight lanes that are added up in one fixed order, and products are rounded before they are added
 * (setup.py forbids the compiler to fuse them). Sums of levels are whole numbers, exact in any
 * order.
 */
#include "pixels.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) || defined(__i386__)
#define CXR_X86 1
#include <immintrin.h>
#ifdef __clang__ /* has no such word */
#define WIDE ""
#else
#define WIDE ",prefer-vector-width=512"
#endif
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl" WIDE)))
#define AVX2 __attribute__((target("avx2")))
#endif

static int always(void)
{
    return 1;
}

/* ---- tone and rows ---- */

#define CLIP(V) ((float)(V) < low ? low : (float)(V) > high ? high : (float)(V))

#define ROWS(TYPE)                                                                                 \
    INLINE void four_##TYPE(const void *const *rows, const float *weights, size_t columns,         \
                            float low, float high, float *restrict sums)                           \
    {                                                                                              \
        const TYPE##_t *restrict a = rows[0], *restrict b = rows[1];                               \
        const TYPE##_t *restrict c = rows[2], *restrict d = rows[3];                               \
        float u = weights[0], v = weights[1], w = weights[2], x = weights[3];                      \
        for (size_t i = 0; i < columns; i++) {                                                     \
            float sum = sums[i];                                                                   \
            sum += u * CLIP(a[i]);                                                                 \
            sum += v * CLIP(b[i]);                                                                 \
            sum += w * CLIP(c[i]);                                                                 \
            sum += x * CLIP(d[i]);                                                                 \
            sums[i] = sum;                                                                         \
        }                                                                                          \
    }                                                                                              \
    INLINE void one_##TYPE(const void *const *rows, const float *weights, size_t columns,          \
                           float low, float high, float *restrict sums)                            \
    {                                                                                              \
        const TYPE##_t *restrict a = rows[0];                                                      \
        float u = weights[0];                                                                      \
        for (size_t i = 0; i < columns; i++)                                                       \
            sums[i] += u * CLIP(a[i]);                                                             \
    }                                                                                              \
    INLINE void extent_##TYPE(const void *line, size_t count, int32_t *least, int32_t *most)       \
    {                                                                                              \
        const TYPE##_t *values = line;                                                             \
        TYPE##_t low = values[0], high = values[0];                                                \
        for (size_t i = 1; i < count; i++) {                                                       \
            low = values[i] < low ? values[i] : low;                                               \
            high = values[i] > high ? values[i] : high;                                            \
        }                                                                                          \
        *least = low < *least ? low : *least;                                                      \
        *most = high > *most ? high : *most;                                                       \
    }

ROWS(uint8)
ROWS(int8)
ROWS(uint16)
ROWS(int16)

#define LOOK_UP(TYPE)                                                                              \
    INLINE void look_up_##TYPE(const void *const *rows, const float *weights, size_t columns,      \
                               const float *restrict table, float *restrict sums)                  \
    {                                                                                              \
        const TYPE##_t *restrict a = rows[0];                                                      \
        float u = weights[0];                                                                      \
        for (size_t i = 0; i < columns; i++)                                                       \
            sums[i] += u * table[a[i]];                                                            \
    }

LOOK_UP(uint8)
LOOK_UP(uint16)

/* ---- columns ---- */

typedef float lanes __attribute__((vector_size(CXR_LANES * sizeof(float))));

/* `line` can be read CXR_LANES beyond its end. */
INLINE void weigh_columns(const float *line, const cxr_taps *taps, float *out)
{
    for (size_t i = 0; i < taps->count; i++) {
        const float *at = line + taps->first[i], *weights = taps->weights + i * taps->width;
        lanes sums = {0};
        for (size_t k = 0, size = (size_t)taps->size[i]; k < size; k += CXR_LANES) {
            lanes values, factors;
            memcpy(&values, at + k, sizeof values);
            memcpy(&factors, weights + k, sizeof factors);
            sums += factors * values;
        }
        out[i] = ((sums[0] + sums[4]) + (sums[2] + sums[6])) +
                 ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    }
}

/* ---- levels: sixteen lines at once, in pairs, see levels.c ---- */

INLINE void weigh_level_lines(const int16_t *block, const cxr_level_taps *taps, int32_t *out)
{
    for (size_t i = 0; i < taps->count; i++, out += CXR_LEVEL_LANES) {
        const int16_t *at = block + (size_t)taps->first[i] * CXR_LEVEL_LANES;
        const int16_t *high = taps->high + i * taps->width, *low = taps->low + i * taps->width;
        int32_t above[CXR_LEVEL_LANES] = {0}, below[CXR_LEVEL_LANES] = {0};
        for (size_t k = 0; k < (size_t)taps->size[i]; k += 2, at += 2 * CXR_LEVEL_LANES)
            for (size_t r = 0; r < CXR_LEVEL_LANES; r++) {
                above[r] += at[2 * r] * high[k] + at[2 * r + 1] * high[k + 1];
                below[r] += at[2 * r] * low[k] + at[2 * r + 1] * low[k + 1];
            }
        /* The whole fits in 32 bits, see cxr_level_taps; its upper part alone may not. */
        for (size_t r = 0; r < CXR_LEVEL_LANES; r++)
            out[r] = (int32_t)((uint32_t)above[r] * 2048u + (uint32_t)below[r]);
    }
}

INLINE void round_to_levels(int32_t *sums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int32_t level = (sums[i] + (1 << (CXR_UNIT_BITS - 1))) >> CXR_UNIT_BITS;
        level = level < 0 ? 0 : level;
        sums[i] = level > 255 ? 255 : level;
    }
}

#ifdef CXR_X86

/* A pair of weights, in all places. */
#define BOTH(SET, AT) SET(pair_at(AT))

INLINE int pair_at(const int16_t *weights)
{
    int pair;
    memcpy(&pair, weights, sizeof pair);
    return pair;
}

AVX512 static void avx512_level_lines(const int16_t *block, const cxr_level_taps *taps,
                                      int32_t *out)
{
    for (size_t i = 0; i < taps->count; i++, out += CXR_LEVEL_LANES) {
        const int16_t *at = block + (size_t)taps->first[i] * CXR_LEVEL_LANES;
        const int16_t *high = taps->high + i * taps->width, *low = taps->low + i * taps->width;
        __m512i above = _mm512_setzero_si512(), below = _mm512_setzero_si512();
        for (size_t k = 0; k < (size_t)taps->size[i]; k += 2, at += 2 * CXR_LEVEL_LANES) {
            __m512i pairs = _mm512_loadu_si512(at);
            above = _mm512_add_epi32(above,
                                     _mm512_madd_epi16(pairs, BOTH(_mm512_set1_epi32, high + k)));
            below = _mm512_add_epi32(below,
                                     _mm512_madd_epi16(pairs, BOTH(_mm512_set1_epi32, low + k)));
        }
        _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_slli_epi32(above, 11), below));
    }
}

AVX2 static void avx2_level_lines(const int16_t *block, const cxr_level_taps *taps, int32_t *out)
{
    for (size_t i = 0; i < taps->count; i++, out += CXR_LEVEL_LANES) {
        const int16_t *at = block + (size_t)taps->first[i] * CXR_LEVEL_LANES;
        const int16_t *high = taps->high + i * taps->width, *low = taps->low + i * taps->width;
        __m256i above[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, below[2];
        below[0] = below[1] = _mm256_setzero_si256();
        for (size_t k = 0; k < (size_t)taps->size[i]; k += 2, at += 2 * CXR_LEVEL_LANES)
            for (size_t part = 0; part < 2; part++) {
                __m256i pairs = _mm256_loadu_si256((const __m256i *)(const void *)at + part);
                above[part] = _mm256_add_epi32(
                    above[part], _mm256_madd_epi16(pairs, BOTH(_mm256_set1_epi32, high + k)));
                below[part] = _mm256_add_epi32(
                    below[part], _mm256_madd_epi16(pairs, BOTH(_mm256_set1_epi32, low + k)));
            }
        for (size_t part = 0; part < 2; part++)
            _mm256_storeu_si256((__m256i *)(void *)out + part,
                                _mm256_add_epi32(_mm256_slli_epi32(above[part], 11), below[part]));
    }
}

#endif

static void plain_level_lines(const int16_t *block, const cxr_level_taps *taps, int32_t *out)
{
    weigh_level_lines(block, taps, out);
}

/* ---- values of 16 bits as a file holds them ---- */

INLINE void unpack_values(uint16_t *values, size_t count, int swap, int shift, int bits, int sign)
{
    uint16_t mask = (uint16_t)((1u << bits) - 1), top = (uint16_t)(sign ? 1u << (bits - 1) : 0);
    if (swap)
        for (size_t i = 0; i < count; i++)
            values[i] = (uint16_t)(values[i] << 8 | values[i] >> 8);
    if (shift == 0 && !sign)
        for (size_t i = 0; i < count; i++)
            values[i] &= mask;
    else /* flipping the sign bit and subtracting it again extends it */
        for (size_t i = 0; i < count; i++)
            values[i] = (uint16_t)((((values[i] >> shift) & mask) ^ top) - top);
}

/* ---- the table ---- */

#define KERNEL(NAME, TARGET)                                                                       \
    ROWS_FOR(NAME, TARGET, uint8)                                                                  \
    ROWS_FOR(NAME, TARGET, int8)                                                                   \
    ROWS_FOR(NAME, TARGET, uint16)                                                                 \
    ROWS_FOR(NAME, TARGET, int16)                                                                  \
    LOOK_UP_FOR(NAME, TARGET, uint8)                                                               \
    LOOK_UP_FOR(NAME, TARGET, uint16)                                                              \
    TARGET static void NAME##_columns(const float *line, const cxr_taps *taps, float *out)         \
    {                                                                                              \
        weigh_columns(line, taps, out);                                                            \
    }                                                                                              \
    TARGET static void NAME##_to_levels(int32_t *sums, size_t count)                               \
    {                                                                                              \
        round_to_levels(sums, count);                                                              \
    }                                                                                              \
    TARGET static void NAME##_unpack(uint16_t *values, size_t count, int swap, int shift,          \
                                     int bits, int sign)                                           \
    {                                                                                              \
        unpack_values(values, count, swap, shift, bits, sign);                                     \
    }

#define ROWS_FOR(NAME, TARGET, TYPE)                                                               \
    TARGET static void NAME##_four_##TYPE(const void *const *rows, const float *weights,           \
                                          size_t columns, float low, float high, float *sums)      \
    {                                                                                              \
        four_##TYPE(rows, weights, columns, low, high, sums);                                      \
    }                                                                                              \
    TARGET static void NAME##_one_##TYPE(const void *const *rows, const float *weights,            \
                                         size_t columns, float low, float high, float *sums)       \
    {                                                                                              \
        one_##TYPE(rows, weights, columns, low, high, sums);                                       \
    }                                                                                              \
    TARGET static void NAME##_extent_##TYPE(const void *line, size_t count, int32_t *least,        \
                                            int32_t *most)                                         \
    {                                                                                              \
        extent_##TYPE(line, count, least, most);                                                   \
    }

#define LOOK_UP_FOR(NAME, TARGET, TYPE)                                                            \
    TARGET static void NAME##_look_up_##TYPE(const void *const *rows, const float *weights,        \
                                             size_t columns, const float *table, float *sums)      \
    {                                                                                              \
        look_up_##TYPE(rows, weights, columns, table, sums);                                       \
    }

#define ENTRY(NAME, TEXT, SUPPORTED)                                                               \
    {                                                                                              \
        TEXT, SUPPORTED,                                                                           \
            {NAME##_four_uint8, NAME##_four_int8, NAME##_four_uint16, NAME##_four_int16},          \
            {NAME##_one_uint8, NAME##_one_int8, NAME##_one_uint16, NAME##_one_int16},              \
            {NAME##_look_up_uint8, NAME##_look_up_uint16}, NAME##_columns, NAME##_level_lines,     \
            NAME##_to_levels, NAME##_unpack,                                                       \
        {                                                                                          \
            NAME##_extent_uint8, NAME##_extent_int8, NAME##_extent_uint16, NAME##_extent_int16     \
        }                                                                                          \
    }

#ifdef CXR_X86

KERNEL(avx512, AVX512)
KERNEL(avx2, AVX2)

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#endif

KERNEL(plain, )

const cxr_kernel cxr_kernels[] = {
#ifdef CXR_X86
    ENTRY(avx512, "avx512", has_avx512),
    ENTRY(avx2, "avx2", has_avx2),
#endif
    /* What every processor of the architecture has: SSE2, or NEON on 64-bit ARM. */
    ENTRY(plain, "plain", always),
    {NULL, NULL, {NULL}, {NULL}, {NULL}, NULL, NULL, NULL, NULL, {NULL}},
};

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

/* ---- levels ---- */

/* `line` can be read CXR_LEVEL_LANES beyond its end. */
INLINE void weigh_level_columns(const int16_t *line, const cxr_level_taps *taps, int32_t *out)
{
    for (size_t i = 0; i < taps->count; i++) {
        const int16_t *at = line + taps->first[i];
        const int16_t *high = taps->high + i * taps->width, *low = taps->low + i * taps->width;
        size_t size = (size_t)taps->size[i];
        size = (size + CXR_LEVEL_LANES - 1) / CXR_LEVEL_LANES * CXR_LEVEL_LANES;
        int32_t above = 0, below = 0;
        for (size_t k = 0; k < size; k++) {
            above += at[k] * high[k];
            below += at[k] * low[k];
        }
        /* The whole fits in 32 bits, see cxr_level_taps; its upper part alone may not. */
        out[i] = (int32_t)((uint32_t)above * 2048u + (uint32_t)below);
    }
}

INLINE void weigh_level_row(const uint8_t *restrict line, int32_t weight, size_t columns,
                            int32_t *restrict sums)
{
    for (size_t i = 0; i < columns; i++)
        sums[i] += weight * line[i];
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
    TARGET static void NAME##_level_columns(const int16_t *line, const cxr_level_taps *taps,       \
                                            int32_t *out)                                          \
    {                                                                                              \
        weigh_level_columns(line, taps, out);                                                      \
    }                                                                                              \
    TARGET static void NAME##_level_row(const uint8_t *line, int32_t weight, size_t columns,       \
                                        int32_t *sums)                                             \
    {                                                                                              \
        weigh_level_row(line, weight, columns, sums);                                              \
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
            {NAME##_look_up_uint8, NAME##_look_up_uint16}, NAME##_columns, NAME##_level_columns,   \
            NAME##_level_row, NAME##_unpack,                                                       \
        {                                                                                          \
            NAME##_extent_uint8, NAME##_extent_int8, NAME##_extent_uint16, NAME##_extent_int16     \
        }                                                                                          \
    }

#if defined(__x86_64__) || defined(__i386__)

KERNEL(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,prefer-vector-width=512"))))
KERNEL(avx2, __attribute__((target("avx2"))))

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
#if defined(__x86_64__) || defined(__i386__)
    ENTRY(avx512, "avx512", has_avx512),
    ENTRY(avx2, "avx2", has_avx2),
#endif
    /* What every processor of the architecture has: SSE2, or NEON on 64-bit ARM. */
    ENTRY(plain, "plain", always),
    {NULL, NULL, {NULL}, {NULL}, {NULL}, NULL, NULL, NULL, NULL, {NULL}},
};

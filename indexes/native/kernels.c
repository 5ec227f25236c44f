/* Inner products, one function per instruction set, chosen at run time.
 *
 * All kernels give the same bits on every processor: 64 running sums (4 groups of 16 lanes), fused
 * multiply-add, number i goes to lane i % 16 of group (i / 16) % 4, the last incomplete 16 are
 * filled with zeros, and the sums are added up in one fixed order. So the same picture finds the
 * same sentences whatever machine it is drafted on. Products with codes are whole numbers below 2^31
 * (beam.c sees to it), so they are the same in any order.
 */
#include "reader.h"

#include <math.h>
#include <string.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define CXR_X86 1
#include <immintrin.h>
#endif
#if defined(__GNUC__) && defined(__aarch64__)
#define CXR_NEON 1
#include <arm_neon.h>
#endif

enum { LANES = 16, GROUPS = 4 };

/* The last D % 16 numbers of query and row, filled up with zeros. */
typedef struct {
    float query[LANES];
    uint32_t row[LANES]; /* bytes of float32 or float16 */
} tail;

static void fill_tail(tail *end, const float *query, const void *row, size_t dimension,
                      size_t width)
{
    size_t done = dimension - dimension % LANES;
    memset(end, 0, sizeof *end);
    memcpy(end->query, query + done, (dimension - done) * sizeof(float));
    memcpy(end->row, (const char *)row + done * width, (dimension - done) * width);
}

/* ---- any processor: slow, and the reference for the others ---- */

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, fraction = half & 0x3ff;
    int exponent = (half >> 10) & 0x1f;
    uint32_t bits;
    float value;
    if (exponent == 31) {
        bits = sign | 0x7f800000 | fraction << 13;
    } else if (exponent > 0) {
        bits = sign | (uint32_t)(exponent + 112) << 23 | fraction << 13;
    } else { /* zero or subnormal: fraction * 2^-24, exact in float32 */
        value = (float)fraction * 5.9604644775390625e-8f;
        return sign ? -value : value;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float add_up(float sums[GROUPS][LANES])
{
    float lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = (sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static void scalar_block(float sums[LANES], const float *query, const void *row, int half)
{
    for (int i = 0; i < LANES; i++) {
        float value;
        if (half) {
            uint16_t bits;
            memcpy(&bits, (const char *)row + 2 * i, sizeof bits);
            value = half_to_float(bits);
        } else {
            memcpy(&value, (const char *)row + 4 * i, sizeof value);
        }
        sums[i] = fmaf(query[i], value, sums[i]);
    }
}

static float scalar_dot(const float *query, const void *row, size_t dimension, int half)
{
    float sums[GROUPS][LANES] = {{0}};
    size_t width = half ? 2 : 4, i = 0;
    for (; i + LANES <= dimension; i += LANES)
        scalar_block(sums[i / LANES % GROUPS], query + i, (const char *)row + i * width, half);
    if (i < dimension) {
        tail end;
        fill_tail(&end, query, row, dimension, width);
        scalar_block(sums[i / LANES % GROUPS], end.query, end.row, half);
    }
    return add_up(sums);
}

static float scalar_float32(const float *query, const void *row, size_t dimension)
{
    return scalar_dot(query, row, dimension, 0);
}

static float scalar_float16(const float *query, const void *row, size_t dimension)
{
    return scalar_dot(query, row, dimension, 1);
}

static int32_t scalar_codes(const int16_t *query, const int8_t *codes, size_t dimension)
{
    int32_t sum = 0;
    for (size_t i = 0; i < dimension; i++)
        sum += query[i] * codes[i];
    return sum;
}

static int always(void)
{
    return 1;
}

/* The body every vector kernel shares: 64 numbers a step, then 16 at a time, then the tail.
 * FMA(group, query, row) adds 16 products to a group. */
#define CXR_WALK(WIDTH, FMA)                                                                       \
    const char *at = (const char *)row;                                                            \
    size_t i = 0;                                                                                  \
    for (; i + GROUPS * LANES <= dimension; i += GROUPS * LANES) {                                 \
        FMA(0, query + i, at + i * WIDTH)                                                          \
        FMA(1, query + i + 16, at + (i + 16) * WIDTH)                                              \
        FMA(2, query + i + 32, at + (i + 32) * WIDTH)                                              \
        FMA(3, query + i + 48, at + (i + 48) * WIDTH)                                              \
    }                                                                                              \
    size_t left = (dimension - i) / LANES;                                                         \
    if (left > 0)                                                                                  \
        FMA(0, query + i, at + i * WIDTH)                                                          \
    if (left > 1)                                                                                  \
        FMA(1, query + i + 16, at + (i + 16) * WIDTH)                                              \
    if (left > 2)                                                                                  \
        FMA(2, query + i + 32, at + (i + 32) * WIDTH)                                              \
    if (dimension % LANES) {                                                                       \
        tail end;                                                                                  \
        fill_tail(&end, query, row, dimension, WIDTH);                                             \
        const char *rest = (const char *)end.row;                                                  \
        switch (left) {                                                                            \
        case 0:                                                                                    \
            FMA(0, end.query, rest) break;                                                         \
        case 1:                                                                                    \
            FMA(1, end.query, rest) break;                                                         \
        case 2:                                                                                    \
            FMA(2, end.query, rest) break;                                                         \
        default:                                                                                   \
            FMA(3, end.query, rest) break;                                                         \
        }                                                                                          \
    }

/* ---- x86 ---- */

#ifdef CXR_X86

#define AVX512 __attribute__((target("avx512f,avx512bw")))
#define AVX2 __attribute__((target("avx2,fma,f16c")))

AVX2 static float add_up_8(__m256 low, __m256 high)
{
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX512 static float add_up_512(const __m512 sums[GROUPS])
{
    __m512 all = _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
    __m256 low = _mm512_castps512_ps256(all);
    __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1));
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX512 static float avx512_float32(const float *query, const void *row, size_t dimension)
{
    __m512 sums[GROUPS] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                           _mm512_setzero_ps()};
#define FMA(G, Q, R) sums[G] = _mm512_fmadd_ps(_mm512_loadu_ps(Q), _mm512_loadu_ps(R), sums[G]);
    CXR_WALK(4, FMA)
#undef FMA
    return add_up_512(sums);
}

AVX512 static float avx512_float16(const float *query, const void *row, size_t dimension)
{
    __m512 sums[GROUPS] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                           _mm512_setzero_ps()};
#define FMA(G, Q, R)                                                                               \
    sums[G] = _mm512_fmadd_ps(_mm512_loadu_ps(Q),                                                  \
                              _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(R))), sums[G]);
    CXR_WALK(2, FMA)
#undef FMA
    return add_up_512(sums);
}

AVX2 static float avx2_float32(const float *query, const void *row, size_t dimension)
{
    __m256 low[GROUPS], high[GROUPS];
    for (int g = 0; g < GROUPS; g++)
        low[g] = high[g] = _mm256_setzero_ps();
#define FMA(G, Q, R)                                                                               \
    {                                                                                              \
        const float *r = (const float *)(const void *)(R);                                         \
        low[G] = _mm256_fmadd_ps(_mm256_loadu_ps(Q), _mm256_loadu_ps(r), low[G]);                  \
        high[G] = _mm256_fmadd_ps(_mm256_loadu_ps((Q) + 8), _mm256_loadu_ps(r + 8), high[G]);      \
    }
    CXR_WALK(4, FMA)
#undef FMA
    return add_up_8(
        _mm256_add_ps(_mm256_add_ps(low[0], low[1]), _mm256_add_ps(low[2], low[3])),
        _mm256_add_ps(_mm256_add_ps(high[0], high[1]), _mm256_add_ps(high[2], high[3])));
}

AVX2 static float avx2_float16(const float *query, const void *row, size_t dimension)
{
    __m256 low[GROUPS], high[GROUPS];
    for (int g = 0; g < GROUPS; g++)
        low[g] = high[g] = _mm256_setzero_ps();
#define FMA(G, Q, R)                                                                               \
    {                                                                                              \
        const __m128i *r = (const __m128i *)(const void *)(R);                                     \
        low[G] = _mm256_fmadd_ps(_mm256_loadu_ps(Q), _mm256_cvtph_ps(_mm_loadu_si128(r)), low[G]); \
        high[G] = _mm256_fmadd_ps(_mm256_loadu_ps((Q) + 8),                                        \
                                  _mm256_cvtph_ps(_mm_loadu_si128(r + 1)), high[G]);               \
    }
    CXR_WALK(2, FMA)
#undef FMA
    return add_up_8(
        _mm256_add_ps(_mm256_add_ps(low[0], low[1]), _mm256_add_ps(low[2], low[3])),
        _mm256_add_ps(_mm256_add_ps(high[0], high[1]), _mm256_add_ps(high[2], high[3])));
}

AVX512 static int32_t avx512_codes(const int16_t *query, const int8_t *codes, size_t dimension)
{
    __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    size_t i = 0;
    for (; i + 64 <= dimension; i += 64)
        for (size_t part = 0; part < 2; part++) {
            const char *at = (const char *)codes + i + 32 * part;
            __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(at)));
            __m512i asked = _mm512_loadu_si512(query + i + 32 * part);
            sums[part] = _mm512_add_epi32(sums[part], _mm512_madd_epi16(asked, wide));
        }
    int32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
    return sum + scalar_codes(query + i, codes + i, dimension - i);
}

AVX2 static int32_t avx2_codes(const int16_t *query, const int8_t *codes, size_t dimension)
{
    __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    size_t i = 0;
    for (; i + 32 <= dimension; i += 32)
        for (size_t part = 0; part < 2; part++) {
            const char *at = (const char *)codes + i + 16 * part;
            __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(at)));
            __m256i asked = _mm256_loadu_si256((const __m256i *)(query + i + 16 * part));
            sums[part] = _mm256_add_epi32(sums[part], _mm256_madd_epi16(asked, wide));
        }
    int32_t lanes[8], sum = 0;
    _mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi32(sums[0], sums[1]));
    for (int lane = 0; lane < 8; lane++)
        sum += lanes[lane];
    return sum + scalar_codes(query + i, codes + i, dimension - i);
}

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

#endif

/* ---- ARM, 64 bit ---- */

#ifdef CXR_NEON

static float add_up_neon(float32x4_t sums[GROUPS][4])
{
    float32x4_t part[4];
    for (int p = 0; p < 4; p++)
        part[p] = vaddq_f32(vaddq_f32(sums[0][p], sums[1][p]), vaddq_f32(sums[2][p], sums[3][p]));
    float32x4_t four = vaddq_f32(vaddq_f32(part[0], part[2]), vaddq_f32(part[1], part[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static float neon_float32(const float *query, const void *row, size_t dimension)
{
    float32x4_t sums[GROUPS][4];
    for (int g = 0; g < GROUPS; g++)
        for (int p = 0; p < 4; p++)
            sums[g][p] = vdupq_n_f32(0);
#define FMA(G, Q, R)                                                                               \
    for (int p = 0; p < 4; p++)                                                                    \
        sums[G][p] = vfmaq_f32(sums[G][p], vld1q_f32((Q) + 4 * p),                                 \
                               vld1q_f32((const float *)(const void *)(R) + 4 * p));
    CXR_WALK(4, FMA)
#undef FMA
    return add_up_neon(sums);
}

static float neon_float16(const float *query, const void *row, size_t dimension)
{
    float32x4_t sums[GROUPS][4];
    for (int g = 0; g < GROUPS; g++)
        for (int p = 0; p < 4; p++)
            sums[g][p] = vdupq_n_f32(0);
#define FMA(G, Q, R)                                                                               \
    for (int p = 0; p < 4; p++) {                                                                  \
        uint16x4_t bits = vld1_u16((const uint16_t *)(const void *)(R) + 4 * p);                   \
        sums[G][p] = vfmaq_f32(sums[G][p], vld1q_f32((Q) + 4 * p),                                 \
                               vcvt_f32_f16(vreinterpret_f16_u16(bits)));                          \
    }
    CXR_WALK(2, FMA)
#undef FMA
    return add_up_neon(sums);
}

static int32_t neon_codes(const int16_t *query, const int8_t *codes, size_t dimension)
{
    int32x4_t sums[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
    size_t i = 0;
    for (; i + 8 <= dimension; i += 8) {
        int16x8_t wide = vmovl_s8(vld1_s8(codes + i)), asked = vld1q_s16(query + i);
        sums[0] = vmlal_s16(sums[0], vget_low_s16(asked), vget_low_s16(wide));
        sums[1] = vmlal_s16(sums[1], vget_high_s16(asked), vget_high_s16(wide));
    }
    int32_t sum = vaddvq_s32(vaddq_s32(sums[0], sums[1]));
    return sum + scalar_codes(query + i, codes + i, dimension - i);
}

#endif

const cxr_kernel cxr_kernels[] = {
#ifdef CXR_X86
    {"avx512", has_avx512, avx512_float32, avx512_float16, avx512_codes},
    {"avx2", has_avx2, avx2_float32, avx2_float16, avx2_codes},
#endif
#ifdef CXR_NEON
    {"neon", always, neon_float32, neon_float16, neon_codes},
#endif
    {"scalar", always, scalar_float32, scalar_float16, scalar_codes},
    {NULL, NULL, NULL, NULL, NULL},
};

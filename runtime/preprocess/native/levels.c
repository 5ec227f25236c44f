/* Resizing of 256 grey levels in whole numbers: columns first, then rows.
 *
 * Sixteen rows are worked on together. Their levels lie in pairs of columns, [pair][row][2], so one
 * multiplication of 16-bit numbers weighs a pair for all of them and no sum runs across a register.
 * What the first pass leaves lies in pairs of rows, [block of 16 columns][pair][column][2], so the
 * second pass is the same work with the axes exchanged.
 */
#include "pixels.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = CXR_LEVEL_LANES, PAIR = 2 * BLOCK, TILE = 32 };

typedef struct {
    const cxr_kernel *kernel;
    const cxr_levels *levels;
    const cxr_level_taps *rows, *columns;
    int exact; /* sums and not levels */
    size_t width, height; /* of the result */
    int16_t *blocks; /* for each thread: sixteen rows of the larger picture */
    size_t block;
    int32_t *sums; /* for each thread: sixteen rows or columns of what the taps give */
    size_t sum;
    int16_t *narrow; /* levels after the first pass */
    int32_t *wide;   /* or sums, levels->rows x width */
    void *out;
} job;

static size_t half_up(size_t count)
{
    return (count + 1) / 2;
}

/* Where the level of a place lies among pairs of another axis. */
static size_t in_pairs(size_t along, size_t lane)
{
    return along / 2 * PAIR + 2 * lane + along % 2;
}

/* ---- the first pass ---- */

/* Looks up rows, a tile of columns at a time: few cache lines are read and written meanwhile. */
#define PACK(TYPE)                                                                                 \
    static void pack_##TYPE(const cxr_levels *levels, size_t row, size_t count, int16_t *block)    \
    {                                                                                              \
        size_t columns = levels->picture.columns, odd = levels->left % 2;                          \
        const uint8_t *table = levels->table;                                                      \
        for (size_t tile = odd; tile < columns; tile += TILE)                                      \
            for (size_t r = 0; r < count; r++) {                                                   \
                const TYPE##_t *line = cxr_row(&levels->picture, row + r);                         \
                int16_t *at = block + in_pairs(levels->left + tile, r);                            \
                size_t end = columns < tile + TILE ? columns : tile + TILE, i = tile;              \
                for (; i + 2 <= end; i += 2, at += PAIR) {                                         \
                    at[0] = table[line[i]];                                                        \
                    at[1] = table[line[i + 1]];                                                    \
                }                                                                                  \
                if (i < end)                                                                       \
                    at[0] = table[line[i]];                                                        \
            }                                                                                      \
        for (size_t r = 0; r < count && odd; r++) {                                                \
            const TYPE##_t *line = cxr_row(&levels->picture, row + r);                             \
            block[in_pairs(levels->left, r)] = table[line[0]];                                     \
        }                                                                                          \
    }

PACK(uint8)
PACK(uint16)

/* The first pass over a block. */
static void squeeze(const job *j, const int16_t *block, int32_t *sums)
{
    if (j->columns == NULL) {
        for (size_t i = 0; i < j->width; i++)
            for (size_t r = 0; r < BLOCK; r++)
                sums[i * BLOCK + r] = block[in_pairs(i, r)];
        return;
    }
    j->kernel->level_lines(block, j->columns, sums);
    if (!j->exact)
        j->kernel->to_levels(sums, j->width * BLOCK);
}

static void store(const job *j, const int32_t *sums, size_t lane, size_t row)
{
    if (j->exact) {
        for (size_t i = 0; i < j->width; i++)
            j->wide[row * j->width + i] = sums[i * BLOCK + lane];
    } else if (j->rows == NULL) {
        for (size_t i = 0; i < j->width; i++)
            ((uint8_t *)j->out)[row * j->width + i] = (uint8_t)sums[i * BLOCK + lane];
    } else {
        size_t block = half_up(j->levels->rows) * PAIR;
        for (size_t i = 0; i < j->width; i++)
            j->narrow[i / BLOCK * block + in_pairs(row, i % BLOCK)] =
                (int16_t)sums[i * BLOCK + lane];
    }
}

static void squeeze_rows(void *context, size_t thread, size_t chunk)
{
    const job *j = context;
    const cxr_levels *levels = j->levels;
    int16_t *block = j->blocks + thread * j->block;
    int32_t *sums = j->sums + thread * j->sum;
    size_t row = chunk * BLOCK, left = levels->picture.rows - row;
    size_t count = left < BLOCK ? left : BLOCK;
    if (cxr_item(levels->picture.type) == 1)
        pack_uint8(levels, row, count, block);
    else
        pack_uint16(levels, row, count, block);
    squeeze(j, block, sums);
    for (size_t r = 0; r < count; r++)
        store(j, sums, r, levels->top + row + r);
}

/* Rows above and below the picture are all equal. */
static void fill_rows(const job *j)
{
    const cxr_levels *levels = j->levels;
    size_t bottom = levels->top + levels->picture.rows;
    if (levels->rows == levels->picture.rows)
        return;
    squeeze(j, j->blocks, j->sums);
    for (size_t row = 0; row < levels->rows; row++)
        if (row < levels->top || row >= bottom)
            store(j, j->sums, 0, row);
}

/* ---- the second pass ---- */

static void stack_levels(void *context, size_t thread, size_t chunk)
{
    const job *j = context;
    int32_t *sums = j->sums + thread * j->sum;
    size_t first = chunk * BLOCK, count = j->width - first < BLOCK ? j->width - first : BLOCK;
    j->kernel->level_lines(j->narrow + chunk * half_up(j->levels->rows) * PAIR, j->rows, sums);
    j->kernel->to_levels(sums, j->height * BLOCK);
    for (size_t row = 0; row < j->height; row++)
        for (size_t i = 0; i < count; i++)
            ((uint8_t *)j->out)[row * j->width + first + i] = (uint8_t)sums[row * BLOCK + i];
}

static void stack_sums(void *context, size_t thread, size_t chunk)
{
    (void)thread;
    const job *j = context;
    size_t first = (size_t)j->rows->first[chunk], size = (size_t)j->rows->size[chunk];
    const int16_t *high = j->rows->high + chunk * j->rows->width;
    const int16_t *low = j->rows->low + chunk * j->rows->width;
    int64_t *out = (int64_t *)j->out + chunk * j->width;
    memset(out, 0, j->width * sizeof *out);
    for (size_t k = 0; k < size; k++) {
        const int32_t *line = j->wide + (first + k) * j->width;
        int64_t weight = high[k] * 2048 + low[k];
        for (size_t i = 0; i < j->width; i++)
            out[i] += weight * line[i];
    }
}

/* ---- both ---- */

static int run(job *j, size_t threads)
{
    const cxr_levels *levels = j->levels;
    j->width = j->columns ? j->columns->count : levels->columns;
    j->height = j->rows ? j->rows->count : levels->rows;
    j->block = half_up(levels->columns) * PAIR;
    j->sum = (j->width > j->height ? j->width : j->height) * BLOCK;
    size_t across = (j->width + BLOCK - 1) / BLOCK;
    int status = CXR_NO_MEMORY, direct = !j->exact && j->rows == NULL;
    size_t narrow = across * half_up(levels->rows) * PAIR;
    /* Whole cache lines: a pair of all sixteen is one. */
    j->blocks = aligned_alloc(64, j->block * threads * sizeof *j->blocks);
    j->sums = aligned_alloc(64, j->sum * threads * sizeof *j->sums);
    if (j->exact)
        j->wide = malloc(levels->rows * j->width * sizeof *j->wide);
    else if (!direct)
        j->narrow = aligned_alloc(64, narrow * sizeof *j->narrow);
    if (j->narrow != NULL) /* places that no level is stored in are read with a weight of zero */
        memset(j->narrow, 0, narrow * sizeof *j->narrow);
    if (j->blocks != NULL && j->sums != NULL && (direct || j->wide != NULL || j->narrow != NULL)) {
        for (size_t i = 0; i < j->block * threads; i++)
            j->blocks[i] = levels->fill; /* only the picture's own places are written again */
        fill_rows(j);
        cxr_share(squeeze_rows, j, threads, (levels->picture.rows + BLOCK - 1) / BLOCK);
        if (j->exact)
            cxr_share(stack_sums, j, threads, j->height);
        else if (!direct)
            cxr_share(stack_levels, j, threads, across);
        status = CXR_OK;
    }
    free(j->blocks);
    free(j->sums);
    free(j->wide);
    free(j->narrow);
    return status;
}

int cxr_resize_levels(const cxr_kernel *kernel, const cxr_levels *levels,
                      const cxr_level_taps *rows, const cxr_level_taps *columns, uint8_t *out,
                      size_t threads)
{
    job j = {.kernel = kernel, .levels = levels, .rows = rows, .columns = columns, .out = out};
    return run(&j, threads);
}

int cxr_sum_levels(const cxr_kernel *kernel, const cxr_levels *levels, const cxr_level_taps *rows,
                   const cxr_level_taps *columns, int64_t *out, size_t threads)
{
    job j = {.kernel = kernel, .levels = levels, .rows = rows, .columns = columns, .exact = 1,
             .out = out};
    return run(&j, threads);
}

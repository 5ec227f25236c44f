/* Resizing of 256 grey levels in whole numbers: columns of every row first, then rows. */
#include "pixels.h"

#include <stdlib.h>
#include <string.h>

enum { UNIT_BITS = 22 }; /* Pillow's weights are multiples of 2^-22 */

typedef struct {
    const cxr_kernel *kernel;
    const cxr_levels *levels;
    const cxr_level_taps *rows, *columns;
    int exact;      /* sums and not levels */
    size_t width;   /* of the result */
    size_t height;
    int16_t *lines; /* for each part: a row of levels */
    size_t line;
    int32_t *sums; /* for each part: a row of sums */
    uint8_t *narrow; /* levels->rows x width levels after the first pass */
    int32_t *wide;   /* or sums */
    void *out;
    size_t parts;
} job;

static uint8_t to_level(int32_t sum)
{
    int32_t level = (sum + (1 << (UNIT_BITS - 1))) >> UNIT_BITS;
    return level < 0 ? 0 : level > 255 ? 255 : (uint8_t)level;
}

static void look_up(const cxr_levels *levels, size_t row, int16_t *line)
{
    const cxr_picture *picture = &levels->picture;
    const uint8_t *table = levels->table, *bytes = cxr_row(picture, row);
    const uint16_t *words = cxr_row(picture, row);
    if (cxr_item(picture->type) == 1)
        for (size_t i = 0; i < picture->columns; i++)
            line[i] = table[bytes[i]];
    else
        for (size_t i = 0; i < picture->columns; i++)
            line[i] = table[words[i]];
}

/* The first pass over one row of levels. */
static void squeeze(const job *j, const int16_t *line, int32_t *sums, size_t row)
{
    if (j->exact) {
        j->kernel->level_columns(line, j->columns, j->wide + row * j->width);
        return;
    }
    uint8_t *narrow = j->narrow + row * j->width;
    if (j->columns == NULL) {
        for (size_t i = 0; i < j->width; i++)
            narrow[i] = (uint8_t)line[i];
        return;
    }
    j->kernel->level_columns(line, j->columns, sums);
    for (size_t i = 0; i < j->width; i++)
        narrow[i] = to_level(sums[i]);
}

static void fill(const job *j, int16_t *line)
{
    for (size_t i = 0; i < j->levels->columns; i++)
        line[i] = j->levels->fill;
    memset(line + j->levels->columns, 0, (j->line - j->levels->columns) * sizeof *line);
}

static void squeeze_part(void *context, size_t part)
{
    const job *j = context;
    const cxr_levels *levels = j->levels;
    size_t count = levels->picture.rows;
    int16_t *line = j->lines + part * j->line;
    fill(j, line);
    for (size_t row = count * part / j->parts; row < count * (part + 1) / j->parts; row++) {
        look_up(levels, row, line + levels->left);
        squeeze(j, line, j->sums + part * j->width, levels->top + row);
    }
}

static void stack_part(void *context, size_t part)
{
    const job *j = context;
    int32_t *sums = j->sums + part * j->width;
    for (size_t row = j->height * part / j->parts; row < j->height * (part + 1) / j->parts; row++) {
        size_t first = (size_t)j->rows->first[row], size = (size_t)j->rows->size[row];
        const int16_t *high = j->rows->high + row * j->rows->width;
        const int16_t *low = j->rows->low + row * j->rows->width;
        if (j->exact) {
            int64_t *out = (int64_t *)j->out + row * j->width;
            memset(out, 0, j->width * sizeof *out);
            for (size_t k = 0; k < size; k++)
                for (size_t i = 0; i < j->width; i++)
                    out[i] += (int64_t)(high[k] * 2048 + low[k]) * j->wide[(first + k) * j->width + i];
            continue;
        }
        uint8_t *out = (uint8_t *)j->out + row * j->width;
        memset(sums, 0, j->width * sizeof *sums);
        for (size_t k = 0; k < size; k++)
            j->kernel->level_row(j->narrow + (first + k) * j->width, high[k] * 2048 + low[k],
                                 j->width, sums);
        for (size_t i = 0; i < j->width; i++)
            out[i] = to_level(sums[i]);
    }
}

/* Rows above and below the picture are equal: one is made and copied. */
static void fill_rows(const job *j)
{
    const cxr_levels *levels = j->levels;
    size_t bottom = levels->top + levels->picture.rows;
    size_t width = j->width * (j->exact ? sizeof *j->wide : sizeof *j->narrow);
    char *made = j->exact ? (char *)j->wide : (char *)j->narrow;
    if (levels->rows == levels->picture.rows)
        return;
    size_t model = levels->top > 0 ? 0 : bottom;
    fill(j, j->lines);
    squeeze(j, j->lines, j->sums, model);
    for (size_t row = 0; row < levels->rows; row++)
        if (row != model && (row < levels->top || row >= bottom))
            memcpy(made + row * width, made + model * width, width);
}

static int run(job *j, size_t threads)
{
    const cxr_levels *levels = j->levels;
    j->width = j->columns ? j->columns->count : levels->columns;
    j->height = j->rows ? j->rows->count : levels->rows;
    j->line = (levels->columns + CXR_LEVEL_LANES + 63) / 32 * 32;
    j->parts = threads;
    size_t between = levels->rows * j->width;
    int status = CXR_NO_MEMORY;
    j->lines = malloc(j->line * threads * sizeof *j->lines);
    j->sums = malloc(j->width * threads * sizeof *j->sums + 1);
    if (j->exact)
        j->wide = malloc(between * sizeof *j->wide + 1);
    else if (j->rows == NULL)
        j->narrow = j->out;
    else
        j->narrow = malloc(between + 1);
    if (j->lines != NULL && j->sums != NULL && (j->wide != NULL || j->narrow != NULL)) {
        fill_rows(j);
        cxr_share(squeeze_part, j, threads);
        if (j->rows != NULL)
            cxr_share(stack_part, j, threads);
        status = CXR_OK;
    }
    free(j->lines);
    free(j->sums);
    free(j->wide);
    if (j->narrow != j->out)
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

/* Tone and resize in one pass over the stored values. */
#include "pixels.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 4 }; /* of the result, made by one thread before the next ones are taken */

typedef struct {
    const cxr_kernel *kernel;
    const cxr_picture *picture;
    float low, high;
    const float *table;
    const cxr_taps *rows, *columns;
    float *out;
    float *lines; /* one for each thread: the sums of an output row, in the cache while it is made */
    size_t line;
} job;

static void make_row(const job *j, size_t row, float *sums)
{
    const cxr_picture *picture = j->picture;
    const float *weights = j->rows->weights + row * j->rows->width;
    size_t first = (size_t)j->rows->first[row], size = (size_t)j->rows->size[row], done = 0;
    memset(sums, 0, j->line * sizeof *sums);
    if (j->table == NULL)
        for (; done + 4 <= size; done += 4) {
            const void *four[4];
            for (size_t i = 0; i < 4; i++)
                four[i] = cxr_row(picture, first + done + i);
            j->kernel->four[picture->type](four, weights + done, picture->columns, j->low, j->high,
                                           sums);
        }
    for (; done < size; done++) {
        const void *one = cxr_row(picture, first + done);
        if (j->table == NULL)
            j->kernel->one[picture->type](&one, weights + done, picture->columns, j->low, j->high,
                                          sums);
        else
            j->kernel->looked_up[cxr_item(picture->type) - 1](&one, weights + done,
                                                              picture->columns, j->table, sums);
    }
    j->kernel->columns(sums, j->columns, j->out + row * j->columns->count);
}

static void make_rows(void *context, size_t thread, size_t chunk)
{
    const job *j = context;
    for (size_t row = chunk * ROWS; row < j->rows->count && row < (chunk + 1) * ROWS; row++)
        make_row(j, row, j->lines + thread * j->line);
}

int cxr_resize(const cxr_kernel *kernel, const cxr_picture *picture, float low, float high,
               const float *table, const cxr_taps *rows, const cxr_taps *columns, float *out,
               size_t threads)
{
    /* Columns are weighed so many at a time, so the last ones read zeros beyond the end; a cache
     * line apart, two threads do not write to the same one. */
    size_t line = (picture->columns + CXR_LANES + 31) / 16 * 16;
    float *lines = aligned_alloc(64, line * threads * sizeof *lines);
    if (lines == NULL)
        return CXR_NO_MEMORY;
    job j = {kernel, picture, low, high, table, rows, columns, out, lines, line};
    cxr_share(make_rows, &j, threads, (rows->count + ROWS - 1) / ROWS);
    free(lines);
    return CXR_OK;
}

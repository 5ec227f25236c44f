/* Statistics of a part of the picture. */
#include "pixels.h"

#include <stdlib.h>

enum { ROWS = 64 }; /* of the picture in a chunk */
enum { COPIES = 2 }; /* equal neighbours are counted in different places, which need not wait */

typedef struct {
    const cxr_kernel *kernel;
    const cxr_picture *picture;
    const cxr_region *region;
    size_t codes;
    uint32_t *counts; /* threads x COPIES x codes */
    int32_t least[CXR_MOST_THREADS], most[CXR_MOST_THREADS];
} job;

static size_t chunks(const cxr_region *region)
{
    return (region->bottom - region->top + ROWS - 1) / ROWS;
}

static size_t end(const cxr_region *region, size_t chunk)
{
    size_t row = region->top + (chunk + 1) * ROWS;
    return row < region->bottom ? row : region->bottom;
}

static void count_rows(void *context, size_t thread, size_t chunk)
{
    const job *j = context;
    uint32_t *even = j->counts + thread * COPIES * j->codes, *odd = even + j->codes;
    size_t left = j->region->left, right = j->region->right;
    for (size_t row = j->region->top + chunk * ROWS; row < end(j->region, chunk); row++) {
        const uint8_t *bytes = cxr_row(j->picture, row);
        const uint16_t *words = cxr_row(j->picture, row);
        size_t i = left;
        if (j->codes == 256) {
            for (; i + 2 <= right; i += 2)
                even[bytes[i]]++, odd[bytes[i + 1]]++;
            if (i < right)
                even[bytes[i]]++;
        } else {
            for (; i + 2 <= right; i += 2)
                even[words[i]]++, odd[words[i + 1]]++;
            if (i < right)
                even[words[i]]++;
        }
    }
}

int cxr_histogram(const cxr_picture *picture, const cxr_region *region, int64_t *counts,
                  size_t threads)
{
    job j = {.picture = picture, .region = region,
             .codes = cxr_item(picture->type) == 1 ? 256 : 65536};
    j.counts = calloc(threads * COPIES * j.codes, sizeof *j.counts);
    if (j.counts == NULL)
        return CXR_NO_MEMORY;
    cxr_share(count_rows, &j, threads, chunks(region));
    for (size_t code = 0; code < j.codes; code++) {
        counts[code] = 0;
        for (size_t copy = 0; copy < threads * COPIES; copy++)
            counts[code] += j.counts[copy * j.codes + code];
    }
    free(j.counts);
    return CXR_OK;
}

static void measure_rows(void *context, size_t thread, size_t chunk)
{
    job *j = context;
    size_t left = j->region->left, width = j->region->right - left;
    for (size_t row = j->region->top + chunk * ROWS; row < end(j->region, chunk); row++) {
        const char *line = cxr_row(j->picture, row);
        j->kernel->extent[j->picture->type](line + left * cxr_item(j->picture->type), width,
                                            &j->least[thread], &j->most[thread]);
    }
}

void cxr_extent(const cxr_kernel *kernel, const cxr_picture *picture, const cxr_region *region,
                int32_t *least, int32_t *most, size_t threads)
{
    job j = {.kernel = kernel, .picture = picture, .region = region};
    for (size_t thread = 0; thread < CXR_MOST_THREADS; thread++)
        j.least[thread] = INT32_MAX, j.most[thread] = INT32_MIN;
    cxr_share(measure_rows, &j, threads, chunks(region));
    *least = INT32_MAX;
    *most = INT32_MIN;
    for (size_t thread = 0; thread < CXR_MOST_THREADS; thread++) {
        *least = j.least[thread] < *least ? j.least[thread] : *least;
        *most = j.most[thread] > *most ? j.most[thread] : *most;
    }
}

/* Statistics of a part of the picture. */
#include "pixels.h"

#include <stdlib.h>

enum { COPIES = 2 }; /* equal neighbours are counted in different places, which need not wait */

typedef struct {
    const cxr_kernel *kernel;
    const cxr_picture *picture;
    const cxr_region *region;
    size_t parts, codes;
    uint32_t *counts; /* parts x COPIES x codes */
    int32_t least[CXR_MOST_THREADS], most[CXR_MOST_THREADS];
} job;

static size_t begin(const job *j, size_t part)
{
    return j->region->top + (j->region->bottom - j->region->top) * part / j->parts;
}

static void count_part(void *context, size_t part)
{
    const job *j = context;
    uint32_t *even = j->counts + part * COPIES * j->codes, *odd = even + j->codes;
    size_t left = j->region->left, right = j->region->right;
    for (size_t row = begin(j, part); row < begin(j, part + 1); row++) {
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
    job j = {.picture = picture, .region = region, .parts = threads,
             .codes = cxr_item(picture->type) == 1 ? 256 : 65536};
    j.counts = calloc(threads * COPIES * j.codes, sizeof *j.counts);
    if (j.counts == NULL)
        return CXR_NO_MEMORY;
    cxr_share(count_part, &j, threads);
    for (size_t code = 0; code < j.codes; code++) {
        counts[code] = 0;
        for (size_t copy = 0; copy < threads * COPIES; copy++)
            counts[code] += j.counts[copy * j.codes + code];
    }
    free(j.counts);
    return CXR_OK;
}

static void measure_part(void *context, size_t part)
{
    job *j = context;
    size_t left = j->region->left, width = j->region->right - left;
    int32_t least = INT32_MAX, most = INT32_MIN;
    for (size_t row = begin(j, part); row < begin(j, part + 1); row++) {
        const char *line = cxr_row(j->picture, row);
        j->kernel->extent[j->picture->type](line + left * cxr_item(j->picture->type), width,
                                            &least, &most);
    }
    j->least[part] = least;
    j->most[part] = most;
}

void cxr_extent(const cxr_kernel *kernel, const cxr_picture *picture, const cxr_region *region,
                int32_t *least, int32_t *most, size_t threads)
{
    job j = {.kernel = kernel, .picture = picture, .region = region, .parts = threads};
    cxr_share(measure_part, &j, threads);
    *least = INT32_MAX;
    *most = INT32_MIN;
    for (size_t part = 0; part < threads; part++) {
        *least = j.least[part] < *least ? j.least[part] : *least;
        *most = j.most[part] > *most ? j.most[part] : *most;
    }
}

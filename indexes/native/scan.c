/* Exact search: every row is scored. */
#include "reader.h"

#include <math.h>
#include <stdlib.h>

/* Rows scored for all queries before the next ones: half a MiB of 512-d halves stays in cache. */
enum { BLOCK = 512 };

typedef struct {
    float score;
    uint32_t row;
} hit;

static int worse(hit a, hit b)
{
    return a.score < b.score || (a.score == b.score && a.row > b.row);
}

/* The worst of the hits kept stands at the root of a heap; `at` was replaced by something better,
 * or is filled for the first time. */
static void sink(hit *heap, size_t size, size_t at)
{
    hit moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= size)
            break;
        if (child + 1 < size && worse(heap[child + 1], heap[child]))
            child++;
        if (!worse(heap[child], moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* Takes the worst hit to the end, again and again: what is left is in order, best first. */
static void sort(hit *heap, size_t size)
{
    while (size > 1) {
        hit last = heap[--size];
        heap[size] = heap[0];
        heap[0] = last;
        sink(heap, size, 0);
    }
}

void cxr_scores(const cxr_kernel *kernel, const cxr_matrix *base, const float *query, float *scores)
{
    cxr_dot dot = cxr_dot_for(kernel, base->dtype);
    for (size_t row = 0; row < base->rows; row++)
        scores[row] = dot(query, cxr_row(base, row), base->dimension);
}

int cxr_scan(const cxr_kernel *kernel, const cxr_matrix *base, const float *queries, size_t count,
             size_t k, uint32_t *rows, float *scores)
{
    if (count == 0 || k == 0)
        return CXR_OK;
    if (k > SIZE_MAX / sizeof(hit) / count)
        return CXR_NO_MEMORY;
    hit *heaps = malloc(count * k * sizeof *heaps);
    if (heaps == NULL)
        return CXR_NO_MEMORY;
    for (size_t i = 0; i < count * k; i++)
        heaps[i] = (hit){-INFINITY, CXR_NO_ROW};
    cxr_dot dot = cxr_dot_for(kernel, base->dtype);
    for (size_t begin = 0; begin < base->rows; begin += BLOCK) {
        size_t end = begin + BLOCK < base->rows ? begin + BLOCK : base->rows;
        for (size_t q = 0; q < count; q++) {
            const float *query = queries + q * base->dimension;
            hit *heap = heaps + q * k;
            for (size_t row = begin; row < end; row++) {
                float score = dot(query, cxr_row(base, row), base->dimension);
                hit found = {isnan(score) ? -INFINITY : score, (uint32_t)row};
                if (worse(heap[0], found)) {
                    heap[0] = found;
                    sink(heap, k, 0);
                }
            }
        }
    }
    for (size_t q = 0; q < count; q++) {
        hit *heap = heaps + q * k;
        sort(heap, k);
        for (size_t i = 0; i < k; i++) {
            rows[q * k + i] = heap[i].row;
            scores[q * k + i] = heap[i].score;
        }
    }
    free(heaps);
    return CXR_OK;
}

/* Search along the links of a graph: best first, with a beam of ef rows. */
#include "reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

enum { AHEAD = 4, LINE = 64 };

static const uint32_t FOLLOWED = UINT32_C(1) << 31;

/* A row in the beam; the top bit says that its links were followed. */
typedef struct {
    float score;
    uint32_t row;
} place;

typedef struct {
    const cxr_graph *graph;
    cxr_dot dot;
    const float *query;
    size_t row_bytes;
    uint64_t *seen;   /* one bit a row */
    uint32_t *batch;  /* rows to be scored next, at most one line of links */
    size_t batch_size;
    place *beam;      /* best first, ef + 1 places */
    size_t size, ef;
    size_t next;      /* the first place that may not have been followed yet */
    uint32_t computed;
} search;

static int before(float score, uint32_t row, place other)
{
    return score > other.score || (score == other.score && row < (other.row & ~FOLLOWED));
}

static void insert(search *s, float score, uint32_t row)
{
    if (isnan(score))
        score = -INFINITY;
    if (s->size == s->ef && !before(score, row, s->beam[s->size - 1]))
        return;
    size_t low = 0, high = s->size;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (before(score, row, s->beam[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    size_t moved = s->size - low;
    if (s->size == s->ef)
        moved--; /* the last one falls out */
    else
        s->size++;
    memmove(s->beam + low + 1, s->beam + low, moved * sizeof *s->beam);
    s->beam[low] = (place){score, row};
    if (low < s->next)
        s->next = low;
}

/* Takes the rows of a line that were not seen yet into the batch. */
static int gather(search *s, const uint32_t *line, size_t length)
{
    size_t rows = s->graph->base.rows;
    for (size_t i = 0; i < length && line[i] != CXR_NO_ROW; i++) {
        uint32_t row = line[i];
        if (row >= rows)
            return CXR_BAD_LINK;
        uint64_t bit = UINT64_C(1) << (row % 64);
        if (s->seen[row / 64] & bit)
            continue;
        s->seen[row / 64] |= bit;
        s->batch[s->batch_size++] = row;
    }
    return CXR_OK;
}

static void prefetch_row(const search *s, uint32_t row)
{
    const char *data = cxr_row(&s->graph->base, row);
    for (size_t at = 0; at < s->row_bytes; at += LINE)
        PREFETCH(data + at);
}

static void score_batch(search *s)
{
    const cxr_matrix *base = &s->graph->base;
    for (size_t i = 0; i < s->batch_size && i < AHEAD; i++)
        prefetch_row(s, s->batch[i]);
    for (size_t i = 0; i < s->batch_size; i++) {
        if (i + AHEAD < s->batch_size)
            prefetch_row(s, s->batch[i + AHEAD]);
        insert(s, s->dot(s->query, cxr_row(base, s->batch[i]), base->dimension), s->batch[i]);
    }
    s->computed += (uint32_t)s->batch_size;
    s->batch_size = 0;
}

static int begin(search *s)
{
    const cxr_graph *graph = s->graph;
    int status = CXR_OK;
    for (size_t i = 0; i < graph->entries && status == CXR_OK; i += graph->degree) {
        size_t left = graph->entries - i;
        status = gather(s, graph->entry + i, left < graph->degree ? left : graph->degree);
        score_batch(s);
    }
    return status;
}

static int walk(search *s)
{
    const cxr_graph *graph = s->graph;
    while (s->next < s->size) {
        place *at = &s->beam[s->next++];
        if (at->row & FOLLOWED)
            continue;
        uint32_t row = at->row;
        at->row |= FOLLOWED;
        int status = gather(s, graph->links + (size_t)row * graph->degree, graph->degree);
        if (status != CXR_OK)
            return status;
        if (s->next < s->size) /* most likely the next one followed */
            PREFETCH(graph->links + (size_t)(s->beam[s->next].row & ~FOLLOWED) * graph->degree);
        score_batch(s);
    }
    return CXR_OK;
}

int cxr_beam(const cxr_kernel *kernel, const cxr_graph *graph, const float *queries, size_t count,
             size_t k, size_t ef, uint32_t *rows, float *scores, uint32_t *computed)
{
    size_t words = (graph->base.rows + 63) / 64;
    search s = {
        .graph = graph,
        .dot = cxr_dot_for(kernel, graph->base.dtype),
        .row_bytes = graph->base.dimension * (graph->base.dtype == CXR_FLOAT32 ? 4 : 2),
        .seen = malloc(words * sizeof(uint64_t) + 1),
        .batch = malloc(graph->degree * sizeof(uint32_t) + 1),
        .beam = malloc((ef + 1) * sizeof(place)),
        .ef = ef,
    };
    int status = s.seen && s.batch && s.beam ? CXR_OK : CXR_NO_MEMORY;
    for (size_t q = 0; q < count && status == CXR_OK; q++) {
        s.query = queries + q * graph->base.dimension;
        s.size = s.next = s.batch_size = 0;
        s.computed = 0;
        memset(s.seen, 0, words * sizeof(uint64_t));
        status = begin(&s);
        if (status == CXR_OK)
            status = walk(&s);
        for (size_t i = 0; i < k; i++) {
            int found = i < s.size;
            rows[q * k + i] = found ? s.beam[i].row & ~FOLLOWED : CXR_NO_ROW;
            scores[q * k + i] = found ? s.beam[i].score : -INFINITY;
        }
        computed[q] = s.computed;
    }
    free(s.seen);
    free(s.batch);
    free(s.beam);
    return status;
}

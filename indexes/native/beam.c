/* Search along the links of a graph: best first, with a beam of ef rows.
 *
 * What a step costs is the memory it touches, so the beam is ordered by codes of one byte a number;
 * the vectors are read only for the rows that are in the beam at the end.
 */
#include "reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

enum { AHEAD = 8, LINE = 64, LARGEST_CODE = 128 };

static const uint32_t FOLLOWED = UINT32_C(1) << 31;

/* A row in the beam; the top bit says that its links were followed. */
typedef struct {
    int32_t score; /* by the codes */
    uint32_t row;
} place;

typedef struct {
    const cxr_graph *graph;
    cxr_code_dot code_dot;
    int16_t *query;   /* rounded to as many levels as no sum of products with codes overflows */
    uint64_t *seen;   /* one bit a row */
    uint32_t *batch;  /* rows to be scored next, at most one line of links */
    size_t batch_size;
    place *beam;      /* best first, ef + 1 places */
    size_t size, ef;
    size_t next;      /* the first place that may not have been followed yet */
    uint32_t computed;
} search;

static int before(int32_t score, uint32_t row, place other)
{
    return score > other.score || (score == other.score && row < (other.row & ~FOLLOWED));
}

static void insert(search *s, int32_t score, uint32_t row)
{
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

static void prefetch(const void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += LINE)
        PREFETCH((const char *)data + at);
}

static void score_batch(search *s)
{
    size_t dimension = s->graph->base.dimension;
    const int8_t *codes = s->graph->codes;
    for (size_t i = 0; i < s->batch_size && i < AHEAD; i++)
        prefetch(codes + s->batch[i] * dimension, dimension);
    for (size_t i = 0; i < s->batch_size; i++) {
        if (i + AHEAD < s->batch_size)
            prefetch(codes + s->batch[i + AHEAD] * dimension, dimension);
        uint32_t row = s->batch[i];
        insert(s, s->code_dot(s->query, codes + row * dimension, dimension), row);
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

static const uint32_t *line_of(const cxr_graph *graph, uint32_t row)
{
    return graph->links + (size_t)(row & ~FOLLOWED) * graph->degree;
}

static int walk(search *s)
{
    const cxr_graph *graph = s->graph;
    while (s->next < s->size) {
        place *at = &s->beam[s->next++];
        if (at->row & FOLLOWED)
            continue;
        at->row |= FOLLOWED;
        int status = gather(s, line_of(graph, at->row), graph->degree);
        if (status != CXR_OK)
            return status;
        if (s->next < s->size) /* most likely the next one followed */
            prefetch(line_of(graph, s->beam[s->next].row), graph->degree * sizeof(uint32_t));
        score_batch(s);
    }
    return CXR_OK;
}

/* The query as the codes see it: each number times the step of its codes, in whole levels. */
static void round_query(search *s, const float *query)
{
    size_t dimension = s->graph->base.dimension;
    const float *steps = s->graph->steps;
    float peak = 0;
    for (size_t i = 0; i < dimension; i++)
        peak = fmaxf(peak, fabsf(query[i] * steps[i])); /* passes over what is not a number */
    size_t most = (size_t)INT32_MAX / LARGEST_CODE / (dimension ? dimension : 1);
    float levels = (float)(most < INT16_MAX ? most : INT16_MAX);
    for (size_t i = 0; i < dimension; i++) {
        float level = query[i] * steps[i] / peak * levels;
        s->query[i] = isfinite(level) ? (int16_t)lrintf(level) : 0;
    }
}

/* The k best of the beam by their vectors, best first, of equal ones the lower row first. */
static void rank(const search *s, cxr_dot dot, const float *query, size_t k, uint32_t *rows,
                 float *scores)
{
    const cxr_matrix *base = &s->graph->base;
    size_t found = 0, bytes = base->dimension * (base->dtype == CXR_FLOAT32 ? 4 : 2);
    for (size_t i = 0; i < s->size; i++) {
        if (i + 1 < s->size)
            prefetch(cxr_row(base, s->beam[i + 1].row & ~FOLLOWED), bytes);
        uint32_t row = s->beam[i].row & ~FOLLOWED;
        float score = dot(query, cxr_row(base, row), base->dimension);
        if (isnan(score))
            score = -INFINITY;
        size_t at = found < k ? found++ : k;
        for (; at > 0 && (score > scores[at - 1] ||
                          (score == scores[at - 1] && row < rows[at - 1])); at--)
            if (at < k) {
                scores[at] = scores[at - 1];
                rows[at] = rows[at - 1];
            }
        if (at < k) {
            scores[at] = score;
            rows[at] = row;
        }
    }
    for (; found < k; found++) {
        rows[found] = CXR_NO_ROW;
        scores[found] = -INFINITY;
    }
}

int cxr_beam(const cxr_kernel *kernel, const cxr_graph *graph, const float *queries, size_t count,
             size_t k, size_t ef, uint32_t *rows, float *scores, uint32_t *computed)
{
    size_t words = (graph->base.rows + 63) / 64, dimension = graph->base.dimension;
    cxr_dot dot = cxr_dot_for(kernel, graph->base.dtype);
    search s = {
        .graph = graph,
        .code_dot = kernel->of_codes,
        .query = malloc(dimension * sizeof(int16_t) + 1),
        .seen = malloc(words * sizeof(uint64_t) + 1),
        .batch = malloc(graph->degree * sizeof(uint32_t) + 1),
        .beam = malloc((ef + 1) * sizeof(place)),
        .ef = ef,
    };
    int status = s.query && s.seen && s.batch && s.beam ? CXR_OK : CXR_NO_MEMORY;
    for (size_t q = 0; q < count && status == CXR_OK; q++) {
        const float *query = queries + q * dimension;
        round_query(&s, query);
        s.size = s.next = s.batch_size = 0;
        s.computed = 0;
        memset(s.seen, 0, words * sizeof(uint64_t));
        status = begin(&s);
        if (status == CXR_OK)
            status = walk(&s);
        rank(&s, dot, query, k, rows + q * k, scores + q * k);
        computed[q] = s.computed;
    }
    free(s.query);
    free(s.seen);
    free(s.batch);
    free(s.beam);
    return status;
}

/* Choosing the links of a row among candidates: near ones that lie in different directions. */
#include "builder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    float distance; /* squared, to the row that gets the links */
    uint32_t row;
} candidate;

static int nearer_first(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static const float *vector_of(const cxr_matrix *base, uint32_t row)
{
    return (const float *)(const void *)cxr_row(base, row);
}

typedef struct {
    const cxr_matrix *base;
    cxr_dot dot;
    candidate *near;
    float *norms; /* squared lengths of the links chosen so far */
} work;

/* |a - b|^2 from the lengths and the inner product; rounding may take it below 0. */
static float apart(const work *w, const float *a, float norm_a, uint32_t row, float *norm_b)
{
    const float *b = vector_of(w->base, row);
    *norm_b = w->dot(b, b, w->base->dimension);
    float distance = norm_a + *norm_b - 2 * w->dot(a, b, w->base->dimension);
    return distance > 0 ? distance : 0; /* also where it is not a number */
}

static int choose(const work *w, uint32_t row, const uint32_t *line, size_t length, float alpha,
                  uint32_t *links, size_t degree)
{
    const float *own = vector_of(w->base, row);
    float own_norm = w->dot(own, own, w->base->dimension), norm;
    size_t found = 0, chosen = 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] == CXR_NO_ROW || line[i] == row)
            continue;
        if (line[i] >= w->base->rows)
            return CXR_BAD_LINK;
        w->near[found++] = (candidate){apart(w, own, own_norm, line[i], &norm), line[i]};
    }
    qsort(w->near, found, sizeof *w->near, nearer_first);
    for (size_t i = 0; i < found && chosen < degree; i++) {
        candidate one = w->near[i];
        if (i > 0 && one.row == w->near[i - 1].row)
            continue;
        const float *vector = vector_of(w->base, one.row);
        norm = w->dot(vector, vector, w->base->dimension);
        int hidden = 0;
        /* A row that a chosen link is much nearer to is reached through that link. Equal rows
         * hide each other: otherwise copies of one sentence would take every place. */
        for (size_t j = 0; j < chosen && !hidden; j++) {
            const float *other = vector_of(w->base, links[j]);
            float between =
                norm + w->norms[j] - 2 * w->dot(vector, other, w->base->dimension);
            hidden = (between > 0 ? between : 0) * alpha <= one.distance;
        }
        if (!hidden) {
            w->norms[chosen] = norm;
            links[chosen++] = one.row;
        }
    }
    for (; chosen < degree; chosen++)
        links[chosen] = CXR_NO_ROW;
    return CXR_OK;
}

int cxr_prune(const cxr_kernel *kernel, const cxr_matrix *base, const uint32_t *rows, size_t count,
              const uint32_t *candidates, size_t length, float alpha, uint32_t *links,
              size_t degree)
{
    work w = {
        .base = base,
        .dot = kernel->of_float32,
        .near = malloc(length * sizeof(candidate) + 1),
        .norms = malloc(degree * sizeof(float) + 1),
    };
    int status = w.near && w.norms ? CXR_OK : CXR_NO_MEMORY;
    for (size_t i = 0; i < count && status == CXR_OK; i++)
        status = rows[i] >= base->rows ? CXR_BAD_LINK
                                       : choose(&w, rows[i], candidates + i * length, length,
                                                alpha, links + i * degree, degree);
    free(w.near);
    free(w.norms);
    return status;
}

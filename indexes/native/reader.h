/* Searching the mapped vectors of an index; plain C11, no Python in here.
 *
 * Every pointer is to memory of the caller. Nothing that links or entries hold can make these
 * functions read outside the arrays they are given: each row number is compared with the number of
 * rows before it is used, and a number beyond it ends the search with CXR_BAD_LINK.
 */
#ifndef CXR_READER_H
#define CXR_READER_H

#include <stddef.h>
#include <stdint.h>

#define CXR_NO_ROW UINT32_MAX

enum { CXR_OK = 0, CXR_NO_MEMORY = -1, CXR_BAD_LINK = -2 };

typedef enum { CXR_FLOAT32, CXR_FLOAT16 } cxr_dtype;

/* rows x dimension numbers, one row after the other. */
typedef struct {
    const void *data;
    cxr_dtype dtype;
    size_t rows;
    size_t dimension;
} cxr_matrix;

/* Inner product of a float32 query with one stored row. */
typedef float (*cxr_dot)(const float *query, const void *row, size_t dimension);

/* Inner product of a rounded query with the codes of one row: an exact integer. */
typedef int32_t (*cxr_code_dot)(const int16_t *query, const int8_t *codes, size_t dimension);

/* One way to compute inner products. All give the same bits; see kernels.c. */
typedef struct {
    const char *name;
    int (*supported)(void);
    cxr_dot of_float32;
    cxr_dot of_float16;
    cxr_code_dot of_codes;
} cxr_kernel;

/* Every kernel of this build, the fastest first, ended by a NULL name. */
extern const cxr_kernel cxr_kernels[];

static inline cxr_dot cxr_dot_for(const cxr_kernel *kernel, cxr_dtype dtype)
{
    return dtype == CXR_FLOAT32 ? kernel->of_float32 : kernel->of_float16;
}

static inline const char *cxr_row(const cxr_matrix *matrix, size_t row)
{
    size_t width = matrix->dtype == CXR_FLOAT32 ? 4 : 2;
    return (const char *)matrix->data + row * matrix->dimension * width;
}

/* Scores of all rows for one query: scores[rows]. */
void cxr_scores(const cxr_kernel *kernel, const cxr_matrix *base, const float *query,
                float *scores);

/* The k best rows for each of `count` queries, best first, of equal ones the lower row first:
 * rows[count][k], scores[count][k]. k <= base->rows. A score that is not a number counts as the
 * worst. Returns CXR_OK or CXR_NO_MEMORY. */
int cxr_scan(const cxr_kernel *kernel, const cxr_matrix *base, const float *queries, size_t count,
             size_t k, uint32_t *rows, float *scores);

typedef struct {
    cxr_matrix base;
    const uint32_t *links; /* base.rows x degree, a line ends early at CXR_NO_ROW */
    size_t degree;
    const uint32_t *entry; /* where a search begins, all of them */
    size_t entries;
    const int8_t *codes; /* base.rows x base.dimension: (vector - some centre) / steps, rounded */
    const float *steps;  /* base.dimension */
} cxr_graph;

/* Beam search: the k best rows found for each of `count` queries with a beam of `ef` rows.
 *
 * The beam is ordered by inner products with the codes, which take half the memory traffic of
 * float16 vectors; the rows that are in it at the end are scored with the vectors themselves.
 * Writes rows[count][k] and scores[count][k], best first; where fewer are reached the rest is
 * CXR_NO_ROW. computed[count] is how many rows each query has scored by their codes. The number of rows must
 * be below 2^31, k <= ef. Returns CXR_OK, CXR_NO_MEMORY or CXR_BAD_LINK. */
int cxr_beam(const cxr_kernel *kernel, const cxr_graph *graph, const float *queries, size_t count,
             size_t k, size_t ef, uint32_t *rows, float *scores, uint32_t *computed);

#endif

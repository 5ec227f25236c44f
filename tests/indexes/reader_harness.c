/* Searches random graphs, half of them with links that lead nowhere, with every kernel.
 *
 * Prints the first kernel's name, how many searches ended and how many were refused; the exit code
 * says what was wrong. Built and run by test_reader_sanitized.py.
 */
#include "builder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return below ? (uint32_t)((state >> 16) % below) : (uint32_t)(state >> 16);
}

/* Exactly as large as it must be, so that one byte beyond is noticed. */
static void *random_bytes(size_t size)
{
    unsigned char *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)draw(256);
    return data;
}

static uint32_t *random_rows(size_t count, uint32_t rows, int wild)
{
    uint32_t *data = malloc(count * sizeof *data);
    for (size_t i = 0; i < count; i++)
        data[i] = draw(12) == 0 ? CXR_NO_ROW : wild && draw(40) == 0 ? draw(0) : draw(rows);
    return data;
}

int main(void)
{
    int ended = 0, refused = 0;
    for (int turn = 0; turn < 700; turn++) {
        const cxr_kernel *kernel = cxr_kernels;
        for (uint32_t skip = draw(3); skip > 0 && kernel[1].name != NULL; skip--)
            kernel++;
        if (!kernel->supported())
            continue;
        uint32_t rows = 1 + draw(150), dimension = 1 + draw(140), count = 1 + draw(3);
        cxr_dtype dtype = draw(2) ? CXR_FLOAT16 : CXR_FLOAT32;
        size_t width = dtype == CXR_FLOAT16 ? 2 : 4;
        cxr_graph graph = {
            .base = {random_bytes(rows * dimension * width), dtype, rows, dimension},
            .degree = 1 + draw(40),
            .entries = draw(60),
            .codes = random_bytes(rows * dimension),
            .steps = random_bytes(dimension * sizeof(float)),
        };
        int wild = turn % 2;
        uint32_t ef = 1 + draw(200), k = 1 + draw(ef < rows ? ef : rows);
        if (k > ef)
            k = ef;
        if (k > rows)
            k = rows;
        graph.links = random_rows(rows * graph.degree, rows, wild);
        graph.entry = random_rows(graph.entries, rows, wild);
        float *queries = malloc(count * dimension * sizeof *queries);
        for (uint32_t i = 0; i < count * dimension; i++)
            queries[i] = (float)draw(2000) / 1000 - 1;
        uint32_t *found = malloc(count * k * sizeof *found), *computed = malloc(count * 4);
        float *scores = malloc(count * k * sizeof *scores), *all = malloc(rows * sizeof *all);
        int status = cxr_beam(kernel, &graph, queries, count, k, ef, found, scores, computed);
        if (status == CXR_OK) {
            ended++;
            for (uint32_t i = 0; i < count * k; i++)
                if (found[i] >= rows && found[i] != CXR_NO_ROW)
                    return 3;
        } else if (status == CXR_BAD_LINK) {
            refused++;
        } else {
            return 4;
        }
        int16_t *asked = malloc(dimension * sizeof *asked);
        for (uint32_t i = 0; i < dimension; i++)
            asked[i] = (int16_t)(draw(2 * INT16_MAX + 1) - INT16_MAX);
        float *again = malloc(rows * sizeof *again);
        cxr_scores(kernel, &graph.base, queries, all);
        for (const cxr_kernel *other = cxr_kernels; other->name != NULL; other++) {
            if (!other->supported())
                continue;
            cxr_scores(other, &graph.base, queries, again);
            for (uint32_t i = 0; i < rows; i++)
                if (memcmp(all + i, again + i, 4) && !(all[i] != all[i] && again[i] != again[i]))
                    return 7;
            for (uint32_t i = 0; i < rows; i++) {
                const int8_t *codes = graph.codes + i * dimension;
                if (other->of_codes(asked, codes, dimension) !=
                    kernel->of_codes(asked, codes, dimension))
                    return 9;
            }
        }
        free(asked);
        free(again);
        if (cxr_scan(kernel, &graph.base, queries, count, k, found, scores) != CXR_OK)
            return 5;
        for (uint32_t i = 0; i < count * k; i++)
            if (found[i] >= rows)
                return 6;
        if (dtype == CXR_FLOAT32) {
            uint32_t length = draw(30), degree = draw(12), *line = malloc(degree * 4);
            uint32_t *given = random_rows(length, rows, wild), row = draw(rows);
            status = cxr_prune(kernel, &graph.base, &row, 1, given, length, 1.2f, line, degree);
            for (uint32_t i = 0; status == CXR_OK && i < degree; i++)
                if (line[i] >= rows && line[i] != CXR_NO_ROW)
                    return 8;
            free(given);
            free(line);
        }
        const void *all_of_it[] = {graph.base.data, graph.links, graph.entry, graph.codes,
                                   graph.steps, queries, found, computed, scores, all};
        for (size_t i = 0; i < sizeof all_of_it / sizeof *all_of_it; i++)
            free((void *)all_of_it[i]);
    }
    printf("%s %d %d\n", cxr_kernels->name, ended, refused);
    return 0;
}

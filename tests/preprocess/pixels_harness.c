/* Resizes, counts and reads random pictures, everything in memory that is exactly as large as it must
 * be, with every kernel, one thread and several; all must give the same bits.
 *
 * Prints the first kernel's name and how many pictures were done; the exit code says what was wrong.
 * Built and run by test_native_sanitized.py, with the name of a file that it may write and how many
 * pictures to do.
 */
#include "pixels.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)((state >> 16) % below);
}

static void *random_bytes(size_t size)
{
    unsigned char *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)draw(256);
    return data;
}

static int32_t *whole(size_t count)
{
    return malloc(count * sizeof(int32_t));
}

/* Any inputs inside `source`, the last one often among them. */
static cxr_taps any_taps(size_t source, int even)
{
    size_t count = 1 + draw(30), most = 1 + draw(source < 40 ? (uint32_t)source : 40);
    size_t width = (most + CXR_LANES - 1) / CXR_LANES * CXR_LANES;
    int32_t *first = whole(count), *size = whole(count);
    float *weights = calloc(count * width, sizeof *weights);
    for (size_t i = 0; i < count; i++) {
        size[i] = 1 + (int32_t)draw((uint32_t)most);
        size_t room = source - (size_t)size[i];
        first[i] = (int32_t)(draw(2) ? room : draw((uint32_t)room + 1));
        if (even && first[i] % 2)
            first[i]--;
        for (int32_t k = 0; k < size[i]; k++)
            weights[i * width + (size_t)k] = (float)draw(2000) / 1000 - 1;
    }
    return (cxr_taps){count, width, first, size, weights};
}

static cxr_level_taps level_taps(const cxr_taps *taps)
{
    size_t width = (taps->width + 1) / 2 * 2;
    int16_t *high = calloc(taps->count * width, 2), *low = calloc(taps->count * width, 2);
    for (size_t i = 0; i < taps->count; i++)
        for (size_t k = 0; k < (size_t)taps->size[i]; k++) {
            high[i * width + k] = (int16_t)((int)draw(100) - 50);
            low[i * width + k] = (int16_t)((int)draw(2048) - 1024);
        }
    return (cxr_level_taps){taps->count, width, taps->first, taps->size, high, low};
}

static void drop(cxr_taps *taps, cxr_level_taps *levels)
{
    free((void *)taps->first), free((void *)taps->size), free((void *)taps->weights);
    if (levels != NULL)
        free((void *)levels->high), free((void *)levels->low);
}

/* What every kernel and number of threads must agree on. */
typedef struct {
    float *line, *looked_up;
    uint8_t *levels;
    int64_t *sums, *counts;
    int32_t ends[2];
} results;

static int same(const results *a, const results *b, size_t out, size_t level_out, size_t codes)
{
    return !memcmp(a->line, b->line, out * 4) && !memcmp(a->looked_up, b->looked_up, out * 4) &&
           !memcmp(a->levels, b->levels, level_out) && !memcmp(a->sums, b->sums, level_out * 8) &&
           !memcmp(a->counts, b->counts, codes * 8) && !memcmp(a->ends, b->ends, 8);
}

static results make(size_t out, size_t level_out, size_t codes)
{
    return (results){malloc(out * 4), malloc(out * 4), malloc(level_out), malloc(level_out * 8),
                     malloc(codes * 8), {0, 0}};
}

static void spoil(results *made)
{
    free(made->line), free(made->looked_up), free(made->levels), free(made->sums);
    free(made->counts);
}

static int one_picture(void)
{
    cxr_type type = draw(CXR_TYPES);
    size_t rows = 1 + draw(60), columns = 1 + draw(90), codes = cxr_item(type) == 1 ? 256 : 65536;
    cxr_picture picture = {random_bytes(rows * columns * cxr_item(type)), type, rows, columns};
    cxr_levels levels = {picture, random_bytes(codes), draw(9), draw(9), 0, 0, (uint8_t)draw(256)};
    levels.rows = levels.top + rows + draw(9);
    levels.columns = levels.left + columns + draw(9);
    float *table = malloc(codes * sizeof *table);
    for (size_t i = 0; i < codes; i++)
        table[i] = (float)draw(1000) / 999;
    cxr_region region = {draw((uint32_t)rows), rows, draw((uint32_t)columns), columns};
    cxr_taps down = any_taps(rows, 0), across = any_taps(columns, 0);
    cxr_taps even_down = any_taps(levels.rows, 1), even_across = any_taps(levels.columns, 1);
    even_down.count = even_down.count < down.count ? even_down.count : down.count;
    even_across.count = even_across.count < across.count ? even_across.count : across.count;
    cxr_level_taps low_down = level_taps(&even_down), low_across = level_taps(&even_across);
    size_t out = down.count * across.count, level_out = low_down.count * low_across.count;
    float low = (float)draw(400) - 200.5f, high = low + (float)draw(60000);
    results first = make(out, level_out, codes);
    int wrong = 0, begun = 0;
    for (const cxr_kernel *kernel = cxr_kernels; kernel->name != NULL; kernel++)
        for (size_t threads = 1; threads < 4 && kernel->supported(); threads++) {
            results made = make(out, level_out, codes);
            wrong |= cxr_resize(kernel, &picture, low, high, NULL, &down, &across, made.line,
                                threads);
            wrong |= cxr_resize(kernel, &picture, low, high, table, &down, &across,
                                made.looked_up, threads);
            wrong |= cxr_resize_levels(kernel, &levels, &low_down, &low_across, made.levels,
                                       threads);
            wrong |= cxr_sum_levels(kernel, &levels, &low_down, &low_across, made.sums, threads);
            wrong |= cxr_histogram(&picture, &region, made.counts, threads);
            cxr_extent(kernel, &picture, &region, &made.ends[0], &made.ends[1], threads);
            if (begun && !same(&first, &made, out, level_out, codes))
                wrong |= 2;
            if (begun)
                spoil(&made);
            else
                spoil(&first), first = made;
            begun = 1;
        }
    spoil(&first);
    free((void *)picture.data), free((void *)levels.table), free(table);
    drop(&down, NULL), drop(&across, NULL);
    drop(&even_down, &low_down), drop(&even_across, &low_across);
    return wrong;
}

/* Unpacking by the definition, a value at a time. */
static int one_file(const char *path)
{
    cxr_type type = (cxr_type[]){CXR_U8, CXR_U16, CXR_I16}[draw(3)];
    int item = (int)cxr_item(type), cut = draw(4) == 0;
    size_t count = draw(3) ? 1 + draw(3000) : 200000 + draw(200000), size = count * (size_t)item;
    size_t offset = draw(50), held = cut ? draw((uint32_t)size) : size;
    unsigned char *data = random_bytes(offset + size);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, offset + held, file) != offset + held || fclose(file))
        return 8;
    cxr_layout layout = {.swap = item == 2 && draw(2), .sign = type == CXR_I16};
    layout.bits = 1 + (int)draw((uint32_t)item * 8);
    layout.shift = (int)draw((uint32_t)(item * 8 - layout.bits) + 1);
    int wrong = 0, open_file = open(path, O_RDONLY);
    unsigned char *values = malloc(size);
    for (const cxr_kernel *kernel = cxr_kernels; kernel->name != NULL; kernel++)
        for (size_t threads = 1; threads < 4 && kernel->supported(); threads++) {
            int error = 0;
            ssize_t got = cxr_read(kernel, open_file, (off_t)offset, values, size, type, &layout,
                                   threads, &error);
            if (got != (ssize_t)held || error)
                wrong |= 16;
            for (size_t i = 0; i < count && !cut; i++) {
                const unsigned char *at = data + offset + i * (size_t)item;
                uint32_t value = at[0];
                if (item == 2)
                    value = layout.swap ? value << 8 | at[1] : value | (uint32_t)at[1] << 8;
                value = value >> layout.shift & ((1u << layout.bits) - 1);
                if (layout.sign && value >> (layout.bits - 1))
                    value -= 1u << layout.bits;
                uint16_t wide = (uint16_t)value, found = values[i];
                if (item == 2)
                    memcpy(&found, values + 2 * i, 2);
                if (found != wide)
                    wrong |= 32;
            }
        }
    close(open_file);
    free(values);
    free(data);
    return wrong;
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 1;
    int turns = atoi(arguments[2]);
    for (int turn = 0; turn < turns; turn++) {
        int wrong = one_picture() | (turn % 3 ? 0 : one_file(arguments[1]));
        if (wrong)
            return wrong;
    }
    const cxr_kernel *kernel = cxr_kernels;
    while (!kernel->supported())
        kernel++;
    printf("%s %d\n", kernel->name, turns);
    return 0;
}

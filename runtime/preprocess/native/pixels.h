/* Work on the pixels of one radiograph; plain C11 and POSIX, no Python in here.
 *
 * Every pointer is to memory of the caller, who has checked that the taps stay inside the picture
 * (module.c does). Each number of a result is made by one thread in one order, or is a sum of whole
 * numbers, so the number of threads never changes a bit.
 */
#ifndef CXR_PIXELS_H
#define CXR_PIXELS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CXR_OK = 0, CXR_NO_MEMORY = -1 };
enum { CXR_MOST_THREADS = 16, CXR_LANES = 8, CXR_LEVEL_LANES = 16, CXR_UNIT_BITS = 22 };

typedef enum { CXR_U8, CXR_I8, CXR_U16, CXR_I16, CXR_TYPES } cxr_type;

/* rows x columns stored values, one row after the other. */
typedef struct {
    const void *data;
    cxr_type type;
    size_t rows, columns;
} cxr_picture;

static inline size_t cxr_item(cxr_type type)
{
    return type == CXR_U8 || type == CXR_I8 ? 1 : 2;
}

static inline const void *cxr_row(const cxr_picture *picture, size_t row)
{
    return (const char *)picture->data + row * picture->columns * cxr_item(picture->type);
}

/* Which inputs each of `count` outputs weighs: size[i] from first[i] on. A line of `width` weights
 * belongs to each output, zeros after its own; `width` is a multiple of CXR_LANES. */
typedef struct {
    size_t count, width;
    const int32_t *first, *size;
    const float *weights;
} cxr_taps;

/* The same with whole weights, high * 2048 + low; `first` and `width` are even, and an output's
 * absolute weights add up to less than 2^31 / 255. */
typedef struct {
    size_t count, width;
    const int32_t *first, *size;
    const int16_t *high, *low;
} cxr_level_taps;

/* ---- kernels.c: one implementation for each instruction set, all with the same results ---- */

/* Adds weights[i] times rows[i], clipped or looked up, to the sums of all columns. */
typedef void (*cxr_add)(const void *const *rows, const float *weights, size_t columns, float low,
                        float high, float *sums);
typedef void (*cxr_add_looked_up)(const void *const *rows, const float *weights, size_t columns,
                                  const float *table, float *sums);

typedef struct {
    const char *name;
    int (*supported)(void);
    cxr_add four[CXR_TYPES], one[CXR_TYPES]; /* so many rows at once */
    cxr_add_looked_up looked_up[2];          /* one row of codes of 8 and of 16 bits */
    void (*columns)(const float *line, const cxr_taps *taps, float *out);
    /* Sixteen lines of levels, block[pair][line][2], to out[taps->count][line], not rounded. */
    void (*level_lines)(const int16_t *block, const cxr_level_taps *taps, int32_t *out);
    void (*to_levels)(int32_t *sums, size_t count); /* from units of 2^-CXR_UNIT_BITS, in place */
    void (*unpack)(uint16_t *values, size_t count, int swap, int shift, int bits, int sign);
    void (*extent[CXR_TYPES])(const void *line, size_t count, int32_t *least, int32_t *most);
} cxr_kernel;

/* Every kernel of this build, the fastest first, ended by a NULL name. */
extern const cxr_kernel cxr_kernels[];

/* ---- crew.c ---- */

typedef void (*cxr_task)(void *context, size_t thread, size_t chunk);

/* Calls the task once for every chunk, each taken by the next thread that is free, so that one which
 * is kept waiting by other programs holds up little. `thread` tells their memory apart. Where the
 * system starts fewer threads, fewer do it. Returns when all is done. */
void cxr_share(cxr_task task, void *context, size_t threads, size_t chunks);

/* ---- resize.c ---- */

/* Clips at low and high, or looks up, then weighs rows and columns: out[rows->count][columns->count].
 * `table` is NULL or has one entry for each code. Returns CXR_OK or CXR_NO_MEMORY. */
int cxr_resize(const cxr_kernel *kernel, const cxr_picture *picture, float low, float high,
               const float *table, const cxr_taps *rows, const cxr_taps *columns, float *out,
               size_t threads);

/* ---- levels.c ---- */

/* The picture as 256 grey levels, in the middle of a larger one. */
typedef struct {
    cxr_picture picture;
    const uint8_t *table;         /* one level for each code */
    size_t top, left, rows, columns; /* of the larger one */
    uint8_t fill;
} cxr_levels;

/* Resizes as Pillow does, columns first, rounding to a level after each pass; an axis whose taps are
 * NULL keeps its length. out: levels. */
int cxr_resize_levels(const cxr_kernel *kernel, const cxr_levels *levels,
                      const cxr_level_taps *rows, const cxr_level_taps *columns, uint8_t *out,
                      size_t threads);

/* Weighs rows and columns and rounds nothing. out: exact sums. */
int cxr_sum_levels(const cxr_kernel *kernel, const cxr_levels *levels, const cxr_level_taps *rows,
                   const cxr_level_taps *columns, int64_t *out, size_t threads);

/* ---- count.c: of rows top..bottom and columns left..right, half open ---- */

typedef struct {
    size_t top, bottom, left, right;
} cxr_region;

/* counts: 256 or 65536, by code. Returns CXR_OK or CXR_NO_MEMORY. */
int cxr_histogram(const cxr_picture *picture, const cxr_region *region, int64_t *counts,
                  size_t threads);

/* The region is not empty. */
void cxr_extent(const cxr_kernel *kernel, const cxr_picture *picture, const cxr_region *region,
                int32_t *least, int32_t *most, size_t threads);

/* ---- read.c ---- */

/* How values lie in a file: `bits` of them used, `shift` bits above the least. */
typedef struct {
    int swap, shift, bits, sign;
} cxr_layout;

/* Reads `size` bytes from `offset` of a file and unpacks them. Returns the bytes read, fewer where the
 * file ends, or -1 with *error an errno. */
ssize_t cxr_read(const cxr_kernel *kernel, int file, off_t offset, void *values, size_t size,
                 cxr_type type, const cxr_layout *layout, size_t threads, int *error);

#endif

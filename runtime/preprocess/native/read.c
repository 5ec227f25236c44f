/* Reads native pixel data: each piece is unpacked while it is in the cache.
 *
 * The file is read and not mapped: one that shrinks meanwhile gives a short count and no SIGBUS.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "pixels.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PIECE = 1 << 18 };

typedef struct {
    const cxr_kernel *kernel;
    int file;
    off_t offset;
    char *values;
    size_t size;
    cxr_type type;
    const cxr_layout *layout;
    int unpacked;
    atomic_size_t done; /* bytes */
    atomic_int error;
} job;

static size_t fill(job *j, size_t start, size_t wanted)
{
    size_t held = 0;
    while (held < wanted) {
        ssize_t got = pread(j->file, j->values + start + held, wanted - held,
                            j->offset + (off_t)(start + held));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            atomic_store(&j->error, errno);
        if (got <= 0)
            break;
        held += (size_t)got;
    }
    return held;
}

static void unpack(const job *j, char *values, size_t size)
{
    if (cxr_item(j->type) == 2) {
        j->kernel->unpack((uint16_t *)(void *)values, size / 2, j->layout->swap, j->layout->shift,
                          j->layout->bits, j->layout->sign);
        return;
    }
    unsigned char *bytes = (unsigned char *)values, mask = (unsigned char)((1u << j->layout->bits) - 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (bytes[i] >> j->layout->shift) & mask;
}

/* Pieces are taken in order, so that a disk is read in order. */
static void read_piece(void *context, size_t thread, size_t chunk)
{
    (void)thread;
    job *j = context;
    size_t start = chunk * PIECE;
    size_t wanted = j->size - start < PIECE ? j->size - start : PIECE;
    size_t held = fill(j, start, wanted);
    atomic_fetch_add(&j->done, held);
    if (held == wanted && !j->unpacked)
        unpack(j, j->values + start, held);
}

ssize_t cxr_read(const cxr_kernel *kernel, int file, off_t offset, void *values, size_t size,
                 cxr_type type, const cxr_layout *layout, size_t threads, int *error)
{
    int whole = layout->bits == (int)cxr_item(type) * 8 && !layout->swap;
    job j = {.kernel = kernel, .file = file, .offset = offset, .values = values, .size = size,
             .type = type, .layout = layout, .unpacked = whole};
    cxr_share(read_piece, &j, threads, (size + PIECE - 1) / PIECE);
    *error = atomic_load(&j.error);
    return *error ? -1 : (ssize_t)atomic_load(&j.done);
}

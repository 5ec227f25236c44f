/* Checks of what Python hands over, so that nothing past here can leave an array. */
#include "bindings.h"

#include <string.h>

int cxr_refuse(const char *what)
{
    PyErr_SetString(PyExc_ValueError, what);
    return -1;
}

static cxr_type type_of(const Py_buffer *view)
{
    const char *format = view->format ? view->format : "B";
    switch (format[strlen(format) - 1]) {
    case 'b':
        return CXR_I8;
    case 'H':
        return CXR_U16;
    case 'h':
        return CXR_I16;
    default:
        return CXR_U8;
    }
}

int cxr_take_picture(cxr_arrays *held, PyObject *object, int writable, cxr_picture *picture)
{
    Py_buffer *view = cxr_take(held, object, "stored values", "BbHh", 0, 2, writable);
    if (view == NULL)
        return -1;
    if (view->shape[0] < 1 || view->shape[1] < 1 || view->shape[0] > INT32_MAX / 2 ||
        view->shape[1] > INT32_MAX / 2 || view->shape[0] > INT32_MAX / view->shape[1])
        return cxr_refuse("stored values: expected 1 to 2**31 - 1 of them");
    *picture = (cxr_picture){view->buf, type_of(view), (size_t)view->shape[0],
                             (size_t)view->shape[1]};
    return 0;
}

Py_buffer *cxr_take_table(cxr_arrays *held, PyObject *object, const char *format, Py_ssize_t size,
                          const cxr_picture *picture)
{
    Py_buffer *view = cxr_take(held, object, "table", format, size, 1, 0);
    if (view != NULL && view->shape[0] != (cxr_item(picture->type) == 1 ? 256 : 65536)) {
        cxr_refuse("table: expected 256 entries for 8 bits, 65536 for 16");
        return NULL;
    }
    return view;
}

/* Where each output of `count` begins and how many inputs it has: inside `source`, at most `width`. */
static int check_bounds(const Py_buffer *first, const Py_buffer *size, Py_ssize_t count,
                        Py_ssize_t width, size_t source)
{
    const int32_t *begins = first->buf, *sizes = size->buf;
    if (count < 1 || first->shape[0] != count || size->shape[0] != count)
        return cxr_refuse("taps: expected first (n,), size (n,) and weights (n, width)");
    for (Py_ssize_t i = 0; i < count; i++)
        if (begins[i] < 0 || sizes[i] < 1 || sizes[i] > width ||
            (size_t)begins[i] + (size_t)sizes[i] > source)
            return cxr_refuse("taps: an output weighs inputs that do not exist");
    return 0;
}

int cxr_take_taps(cxr_arrays *held, PyObject *given, size_t source, cxr_taps *taps)
{
    PyObject *objects[3];
    if (!PyArg_ParseTuple(given, "OOO", &objects[0], &objects[1], &objects[2]))
        return -1;
    Py_buffer *first = cxr_take(held, objects[0], "first", "il", 4, 1, 0);
    Py_buffer *size = first ? cxr_take(held, objects[1], "size", "il", 4, 1, 0) : NULL;
    Py_buffer *weights = size ? cxr_take(held, objects[2], "weights", "f", 4, 2, 0) : NULL;
    if (weights == NULL)
        return -1;
    Py_ssize_t count = weights->shape[0], width = weights->shape[1];
    if (width % CXR_LANES != 0)
        return cxr_refuse("taps: expected lines of a multiple of 8 weights");
    *taps = (cxr_taps){(size_t)count, (size_t)width, first->buf, size->buf, weights->buf};
    return check_bounds(first, size, count, width, source);
}

/* Sums of weights and levels, and of each part of the weights, must stay in 32 bits. */
int cxr_take_level_taps(cxr_arrays *held, PyObject *given, size_t source, cxr_level_taps *taps)
{
    PyObject *objects[4];
    if (!PyArg_ParseTuple(given, "OOOO", &objects[0], &objects[1], &objects[2], &objects[3]))
        return -1;
    Py_buffer *first = cxr_take(held, objects[0], "first", "il", 4, 1, 0);
    Py_buffer *size = first ? cxr_take(held, objects[1], "size", "il", 4, 1, 0) : NULL;
    Py_buffer *high = size ? cxr_take(held, objects[2], "high weights", "h", 2, 2, 0) : NULL;
    Py_buffer *low = high ? cxr_take(held, objects[3], "low weights", "h", 2, 2, 0) : NULL;
    if (low == NULL)
        return -1;
    Py_ssize_t count = high->shape[0], width = high->shape[1];
    if (width % 2 != 0 || low->shape[0] != count || low->shape[1] != width)
        return cxr_refuse("taps: expected two tables of lines of an even number of weights");
    *taps = (cxr_level_taps){(size_t)count, (size_t)width, first->buf,
                             size->buf,     high->buf,     low->buf};
    if (check_bounds(first, size, count, width, source) != 0)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (taps->first[i] % 2 != 0)
            return cxr_refuse("taps: an output begins with an odd input; expected pairs");
        int64_t above = 0, below = 0, whole = 0;
        for (Py_ssize_t k = i * width; k < (i + 1) * width; k++) {
            int64_t weight = taps->high[k] * 2048 + taps->low[k];
            above += taps->high[k] < 0 ? -taps->high[k] : taps->high[k];
            below += taps->low[k] < 0 ? -taps->low[k] : taps->low[k];
            whole += weight < 0 ? -weight : weight;
        }
        int64_t room = (INT32_MAX - (1 << 21)) / 255;
        if (above > room || below > room || whole > room)
            return cxr_refuse("taps: the weights are too large to be summed in 32 bits");
    }
    return 0;
}

int cxr_take_region(Py_ssize_t const sides[4], const cxr_picture *picture, cxr_region *region)
{
    if (sides[0] < 0 || sides[2] < 0 || sides[0] >= sides[1] || sides[2] >= sides[3] ||
        (size_t)sides[1] > picture->rows || (size_t)sides[3] > picture->columns)
        return cxr_refuse("region: expected top < bottom and left < right inside the picture");
    *region = (cxr_region){(size_t)sides[0], (size_t)sides[1], (size_t)sides[2], (size_t)sides[3]};
    return 0;
}

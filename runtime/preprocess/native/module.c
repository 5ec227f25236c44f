/* The extension module `_native`: checks what Python hands over, releases the GIL, works. */
#include "bindings.h"
#include "kernel_choice.h"

#include <errno.h>
#include <string.h>

static size_t crew(Py_ssize_t threads)
{
    return threads < 1 ? 1 : threads > CXR_MOST_THREADS ? CXR_MOST_THREADS : (size_t)threads;
}

static PyObject *answer(int status)
{
    if (status == CXR_NO_MEMORY)
        return PyErr_NoMemory();
    return Py_NewRef(Py_None);
}

/* ---- tone and resize ---- */

PyDoc_STRVAR(resize_doc,
             "resize(stored, low, high, table, rows, columns, out, threads)\n--\n\n"
             "Fill out, float32 (h, w), with stored values, 8 or 16 bits (H, W), clipped at low and\n"
             "high or looked up in table, float32 (256,) or (65536,) or None, and then weighed.\n"
             "rows and columns are (first, size, weights) of each output.");

static PyObject *resize(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *stored, *looked_up, *taps[2], *filled;
    float low, high;
    Py_ssize_t threads;
    if (!PyArg_ParseTuple(args, "OffOO!O!On", &stored, &low, &high, &looked_up, &PyTuple_Type,
                          &taps[0], &PyTuple_Type, &taps[1], &filled, &threads))
        return NULL;
    cxr_arrays held = {.count = 0};
    cxr_picture picture;
    cxr_taps rows, columns;
    const float *table = NULL;
    PyObject *result = NULL;
    if (cxr_take_picture(&held, stored, 0, &picture) != 0)
        goto done;
    if (looked_up != Py_None) {
        Py_buffer *view = cxr_take_table(&held, looked_up, "f", 4, &picture);
        if (view == NULL)
            goto done;
        table = view->buf;
    }
    if (cxr_take_taps(&held, taps[0], picture.rows, &rows) != 0 ||
        cxr_take_taps(&held, taps[1], picture.columns, &columns) != 0)
        goto done;
    Py_buffer *out = cxr_take(&held, filled, "out", "f", 4, 2, 1);
    if (out == NULL)
        goto done;
    if ((size_t)out->shape[0] != rows.count || (size_t)out->shape[1] != columns.count) {
        cxr_refuse("out: expected one row and column for each output of the taps");
        goto done;
    }
    const cxr_kernel *kernel = kernel_in_use();
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = cxr_resize(kernel, &picture, low, high, table, &rows, &columns, out->buf,
                        crew(threads));
    Py_END_ALLOW_THREADS
    result = answer(status);
done:
    cxr_release(&held);
    return result;
}

/* ---- levels ---- */

static int take_levels(cxr_arrays *held, PyObject *const objects[2], const Py_ssize_t place[5],
                       cxr_levels *levels)
{
    cxr_picture *picture = &levels->picture;
    if (cxr_take_picture(held, objects[0], 0, picture) != 0)
        return -1;
    Py_buffer *table = cxr_take_table(held, objects[1], "B", 1, picture);
    if (table == NULL)
        return -1;
    Py_ssize_t top = place[0], left = place[1], rows = place[2], columns = place[3];
    if (top < 0 || left < 0 || rows < 1 || columns < 1 || rows > INT32_MAX / columns ||
        top > rows || left > columns || picture->rows > (size_t)(rows - top) ||
        picture->columns > (size_t)(columns - left) || place[4] < 0 || place[4] > 255)
        return cxr_refuse("place: expected (top, left, rows, columns, fill) around the picture");
    levels->table = table->buf;
    levels->top = (size_t)top, levels->left = (size_t)left;
    levels->rows = (size_t)rows, levels->columns = (size_t)columns;
    levels->fill = (uint8_t)place[4];
    return 0;
}

PyDoc_STRVAR(resize_levels_doc,
             "resize_levels(stored, table, place, rows, columns, out, threads)\n--\n\n"
             "Fill out, uint8 (h, w), as Pillow resizes: stored values through table, uint8 (256,) or\n"
             "(65536,), put at place (top, left, rows, columns, fill) of a larger picture. rows and\n"
             "columns are (first, size, high, low), weights in 2**-22 as high * 2048 + low; None\n"
             "keeps an axis.");

PyDoc_STRVAR(sum_levels_doc,
             "sum_levels(stored, table, place, rows, columns, out, threads)\n--\n\n"
             "The same without rounding: out, int64 (h, w), holds sums. Both axes have taps.");

static PyObject *weigh_levels(PyObject *args, int exact)
{
    PyObject *objects[2], *given[2], *filled;
    Py_ssize_t place[5], threads;
    if (!PyArg_ParseTuple(args, "OO(nnnnn)OOOn", &objects[0], &objects[1], &place[0], &place[1],
                          &place[2], &place[3], &place[4], &given[0], &given[1], &filled,
                          &threads))
        return NULL;
    cxr_arrays held = {.count = 0};
    cxr_levels levels;
    cxr_level_taps taps[2], *used[2] = {NULL, NULL};
    PyObject *result = NULL;
    if (take_levels(&held, objects, place, &levels) != 0)
        goto done;
    size_t sides[2] = {levels.rows, levels.columns};
    for (int axis = 0; axis < 2; axis++) {
        if (given[axis] == Py_None && !exact)
            continue;
        if (!PyTuple_Check(given[axis])) {
            cxr_refuse("taps: expected a tuple");
            goto done;
        }
        if (cxr_take_level_taps(&held, given[axis], sides[axis], &taps[axis]) != 0)
            goto done;
        used[axis] = &taps[axis];
        sides[axis] = taps[axis].count;
    }
    Py_buffer *out = cxr_take(&held, filled, "out", exact ? "lq" : "B", exact ? 8 : 1, 2, 1);
    if (out == NULL)
        goto done;
    if ((size_t)out->shape[0] != sides[0] || (size_t)out->shape[1] != sides[1]) {
        cxr_refuse("out: expected the size that the taps give");
        goto done;
    }
    const cxr_kernel *kernel = kernel_in_use();
    int status;
    Py_BEGIN_ALLOW_THREADS
    if (exact)
        status = cxr_sum_levels(kernel, &levels, used[0], used[1], out->buf, crew(threads));
    else
        status = cxr_resize_levels(kernel, &levels, used[0], used[1], out->buf, crew(threads));
    Py_END_ALLOW_THREADS
    result = answer(status);
done:
    cxr_release(&held);
    return result;
}

static PyObject *resize_levels(PyObject *self, PyObject *args)
{
    (void)self;
    return weigh_levels(args, 0);
}

static PyObject *sum_levels(PyObject *self, PyObject *args)
{
    (void)self;
    return weigh_levels(args, 1);
}

/* ---- statistics ---- */

PyDoc_STRVAR(histogram_doc,
             "histogram(stored, region, counts, threads)\n--\n\n"
             "Fill counts, int64 (256,) or (65536,), with how often each code of stored (H, W) occurs\n"
             "in region (top, bottom, left, right), half open.");

static PyObject *histogram(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *stored, *filled;
    Py_ssize_t sides[4], threads;
    if (!PyArg_ParseTuple(args, "O(nnnn)On", &stored, &sides[0], &sides[1], &sides[2], &sides[3],
                          &filled, &threads))
        return NULL;
    cxr_arrays held = {.count = 0};
    cxr_picture picture;
    cxr_region region;
    PyObject *result = NULL;
    if (cxr_take_picture(&held, stored, 0, &picture) != 0 || cxr_take_region(sides, &picture, &region) != 0)
        goto done;
    Py_buffer *counts = cxr_take(&held, filled, "counts", "lq", 8, 1, 1);
    if (counts == NULL)
        goto done;
    if (counts->shape[0] != (cxr_item(picture.type) == 1 ? 256 : 65536)) {
        cxr_refuse("counts: expected 256 for 8 bits, 65536 for 16");
        goto done;
    }
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = cxr_histogram(&picture, &region, counts->buf, crew(threads));
    Py_END_ALLOW_THREADS
    result = answer(status);
done:
    cxr_release(&held);
    return result;
}

PyDoc_STRVAR(extent_doc,
             "extent(stored, region, threads)\n--\n\n"
             "Return the least and the largest value of stored (H, W) in region (top, bottom, left,\n"
             "right), half open and not empty.");

static PyObject *extent(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *stored;
    Py_ssize_t sides[4], threads;
    if (!PyArg_ParseTuple(args, "O(nnnn)n", &stored, &sides[0], &sides[1], &sides[2], &sides[3],
                          &threads))
        return NULL;
    cxr_arrays held = {.count = 0};
    cxr_picture picture;
    cxr_region region;
    int32_t least = 0, most = 0;
    if (cxr_take_picture(&held, stored, 0, &picture) != 0 ||
        cxr_take_region(sides, &picture, &region) != 0) {
        cxr_release(&held);
        return NULL;
    }
    const cxr_kernel *kernel = kernel_in_use();
    Py_BEGIN_ALLOW_THREADS
    cxr_extent(kernel, &picture, &region, &least, &most, crew(threads));
    Py_END_ALLOW_THREADS
    cxr_release(&held);
    return Py_BuildValue("ii", (int)least, (int)most);
}

/* ---- reading ---- */

PyDoc_STRVAR(read_doc,
             "read(file, offset, stored, layout, threads)\n--\n\n"
             "Fill stored, uint8, uint16 or int16 (H, W), from offset of an open file and return the\n"
             "bytes read, fewer where the file ends. layout is (swap, shift, bits): whether bytes\n"
             "are swapped, and how many bits are used above how many others. Raises OSError.");

static PyObject *read_values(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *stored;
    int file;
    long long offset;
    Py_ssize_t threads;
    cxr_layout layout = {.sign = 0};
    if (!PyArg_ParseTuple(args, "iLO(iii)n", &file, &offset, &stored, &layout.swap, &layout.shift,
                          &layout.bits, &threads))
        return NULL;
    cxr_arrays held = {.count = 0};
    cxr_picture picture;
    PyObject *result = NULL;
    if (cxr_take_picture(&held, stored, 1, &picture) != 0)
        goto done;
    int item = (int)cxr_item(picture.type);
    layout.sign = picture.type == CXR_I16;
    if (picture.type == CXR_I8 || layout.bits < 1 || layout.shift < 0 ||
        layout.shift > item * 8 - layout.bits || (layout.swap && item == 1) || offset < 0) {
        cxr_refuse("read: expected a layout that fits uint8, uint16 or int16");
        goto done;
    }
    const cxr_kernel *kernel = kernel_in_use();
    size_t size = picture.rows * picture.columns * (size_t)item;
    int error = 0;
    ssize_t got;
    Py_BEGIN_ALLOW_THREADS
    got = cxr_read(kernel, file, (off_t)offset, held.views[0].buf, size, picture.type, &layout,
                   crew(threads), &error);
    Py_END_ALLOW_THREADS
    if (got < 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
    } else {
        result = PyLong_FromSsize_t((Py_ssize_t)got);
    }
done:
    cxr_release(&held);
    return result;
}

/* ---- module ---- */

static PyMethodDef methods[] = {
    {"kernels", kernels, METH_NOARGS, kernels_doc},
    {"use", use, METH_VARARGS, use_doc},
    {"resize", resize, METH_VARARGS, resize_doc},
    {"resize_levels", resize_levels, METH_VARARGS, resize_levels_doc},
    {"sum_levels", sum_levels, METH_VARARGS, sum_levels_doc},
    {"histogram", histogram, METH_VARARGS, histogram_doc},
    {"extent", extent, METH_VARARGS, extent_doc},
    {"read", read_values, METH_VARARGS, read_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "Reading, tone and resize of the pixels of one radiograph.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}

/* The function of the extension module that makes links. */
#include "bindings.h"
#include "builder.h"

const char cxr_prune_doc[] =
    "prune(vectors, rows, candidates, alpha, links)\n--\n\n"
    "Fill links, uint32 (M, R), for rows, uint32 (M,), of vectors, float32 (N, D), out of\n"
    "candidates, uint32 (M, C). Raises ValueError where one of them does not exist.";

PyObject *cxr_prune_call(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *objects[4];
    float alpha;
    if (!PyArg_ParseTuple(args, "OOOfO", &objects[0], &objects[1], &objects[2], &alpha,
                          &objects[3]))
        return NULL;
    cxr_arrays arrays = {.count = 0};
    cxr_matrix base;
    PyObject *result = NULL;
    if (cxr_take_matrix(&arrays, objects[0], "vectors", &base) != 0)
        goto done;
    Py_buffer *rows = cxr_take(&arrays, objects[1], "rows", "IL", 4, 1, 0);
    Py_buffer *given = rows ? cxr_take(&arrays, objects[2], "candidates", "IL", 4, 2, 0) : NULL;
    Py_buffer *links = given ? cxr_take(&arrays, objects[3], "links", "IL", 4, 2, 1) : NULL;
    if (links == NULL)
        goto done;
    Py_ssize_t count = rows->shape[0];
    if (base.dtype != CXR_FLOAT32 || given->shape[0] != count || links->shape[0] != count) {
        PyErr_SetString(PyExc_ValueError, "expected vectors float32 (N, D), rows (M,), candidates "
                                          "(M, C), links (M, R)");
        goto done;
    }
    const cxr_kernel *kernel = cxr_active();
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = cxr_prune(kernel, &base, rows->buf, (size_t)count, given->buf,
                       (size_t)given->shape[1], alpha, links->buf, (size_t)links->shape[1]);
    Py_END_ALLOW_THREADS
    if (status == CXR_NO_MEMORY)
        PyErr_NoMemory();
    else if (status == CXR_BAD_LINK)
        PyErr_SetString(PyExc_ValueError, "a candidate is a row that does not exist");
    else
        result = Py_NewRef(Py_None);
done:
    cxr_release(&arrays);
    return result;
}

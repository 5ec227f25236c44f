/* The extension module `_native`: checks what Python hands over, releases the GIL, searches. */
#include "bindings.h"
#include "kernel_choice.h"

#include <string.h>

/* ---- arrays ---- */

int cxr_take_matrix(cxr_arrays *arrays, PyObject *object, const char *name, cxr_matrix *matrix)
{
    Py_buffer *view = cxr_take(arrays, object, name, "f", 4, 2, 0);
    matrix->dtype = CXR_FLOAT32;
    if (view == NULL) {
        PyErr_Clear();
        view = cxr_take(arrays, object, name, "e", 2, 2, 0);
        matrix->dtype = CXR_FLOAT16;
    }
    if (view == NULL)
        return -1;
    matrix->data = view->buf;
    matrix->rows = (size_t)view->shape[0];
    matrix->dimension = (size_t)view->shape[1];
    return 0;
}

/* ---- kernels ---- */

const cxr_kernel *cxr_active(void)
{
    return kernel_in_use();
}

/* ---- searches ---- */

/* Queries (Q, D) and what is found for them, (Q, k) each. */
typedef struct {
    const float *queries;
    size_t count, k;
    uint32_t *rows;
    float *scores;
} request;

static int take_request(cxr_arrays *arrays, PyObject *const objects[3], const cxr_matrix *base,
                        request *asked)
{
    Py_buffer *queries = cxr_take(arrays, objects[0], "queries", "f", 4, 2, 0);
    Py_buffer *rows = queries ? cxr_take(arrays, objects[1], "rows", "IL", 4, 2, 1) : NULL;
    Py_buffer *scores = rows ? cxr_take(arrays, objects[2], "scores", "f", 4, 2, 1) : NULL;
    if (scores == NULL)
        return -1;
    Py_ssize_t count = queries->shape[0], k = rows->shape[1];
    if ((size_t)queries->shape[1] != base->dimension || rows->shape[0] != count ||
        scores->shape[0] != count || scores->shape[1] != k || k < 1) {
        PyErr_SetString(PyExc_ValueError,
                        "expected queries (Q, D), rows (Q, k), scores (Q, k), k at least 1");
        return -1;
    }
    *asked = (request){queries->buf, (size_t)count, (size_t)k, rows->buf, scores->buf};
    return 0;
}

static PyObject *answer(int status)
{
    if (status == CXR_NO_MEMORY)
        return PyErr_NoMemory();
    if (status == CXR_BAD_LINK)
        return PyErr_Format(PyExc_ValueError, "a link leads to a row that does not exist");
    Py_RETURN_NONE;
}

PyDoc_STRVAR(scores_doc,
             "scores(vectors, query, scores)\n--\n\n"
             "Fill scores, float32 (N,), with the inner products of vectors (N, D), float32 or\n"
             "float16, and query, float32 (D,).");

static PyObject *scores(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *vectors, *given, *filled;
    if (!PyArg_ParseTuple(args, "OOO", &vectors, &given, &filled))
        return NULL;
    cxr_arrays arrays = {.count = 0};
    cxr_matrix base;
    PyObject *result = NULL;
    if (cxr_take_matrix(&arrays, vectors, "vectors", &base) != 0)
        goto done;
    Py_buffer *query = cxr_take(&arrays, given, "query", "f", 4, 1, 0);
    Py_buffer *out = query ? cxr_take(&arrays, filled, "scores", "f", 4, 1, 1) : NULL;
    if (out == NULL)
        goto done;
    if ((size_t)query->shape[0] != base.dimension || (size_t)out->shape[0] != base.rows) {
        PyErr_SetString(PyExc_ValueError, "expected vectors (N, D), query (D,), scores (N,)");
        goto done;
    }
    const cxr_kernel *kernel = cxr_active();
    Py_BEGIN_ALLOW_THREADS
    cxr_scores(kernel, &base, query->buf, out->buf);
    Py_END_ALLOW_THREADS
    result = answer(CXR_OK);
done:
    cxr_release(&arrays);
    return result;
}

PyDoc_STRVAR(scan_doc,
             "scan(vectors, queries, rows, scores)\n--\n\n"
             "Fill rows, uint32 (Q, k), and scores, float32 (Q, k), with the k best rows of\n"
             "vectors (N, D) for each of queries, float32 (Q, D); k is at most N.");

static PyObject *scan(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *vectors, *objects[3];
    if (!PyArg_ParseTuple(args, "OOOO", &vectors, &objects[0], &objects[1], &objects[2]))
        return NULL;
    cxr_arrays arrays = {.count = 0};
    cxr_matrix base;
    request asked;
    PyObject *result = NULL;
    if (cxr_take_matrix(&arrays, vectors, "vectors", &base) != 0 ||
        take_request(&arrays, objects, &base, &asked) != 0)
        goto done;
    if (asked.k > base.rows || base.rows >= CXR_NO_ROW) {
        PyErr_SetString(PyExc_ValueError, "expected k at most the number of rows, below 2**32 - 1");
        goto done;
    }
    const cxr_kernel *kernel = cxr_active();
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = cxr_scan(kernel, &base, asked.queries, asked.count, asked.k, asked.rows, asked.scores);
    Py_END_ALLOW_THREADS
    result = answer(status);
done:
    cxr_release(&arrays);
    return result;
}

static int take_graph(cxr_arrays *arrays, PyObject *const objects[5], cxr_graph *graph)
{
    if (cxr_take_matrix(arrays, objects[0], "vectors", &graph->base) != 0)
        return -1;
    Py_buffer *links = cxr_take(arrays, objects[1], "links", "IL", 4, 2, 0);
    Py_buffer *entry = links ? cxr_take(arrays, objects[2], "entry", "IL", 4, 1, 0) : NULL;
    Py_buffer *codes = entry ? cxr_take(arrays, objects[3], "codes", "b", 1, 2, 0) : NULL;
    Py_buffer *steps = codes ? cxr_take(arrays, objects[4], "steps", "f", 4, 1, 0) : NULL;
    if (steps == NULL)
        return -1;
    graph->codes = codes->buf;
    graph->steps = steps->buf;
    graph->links = links->buf;
    graph->degree = (size_t)links->shape[1];
    graph->entry = entry->buf;
    graph->entries = (size_t)entry->shape[0];
    size_t rows = graph->base.rows, dimension = graph->base.dimension;
    if ((size_t)links->shape[0] != rows || graph->degree < 1 || rows >= UINT32_C(1) << 31 ||
        (size_t)codes->shape[0] != rows || (size_t)codes->shape[1] != dimension ||
        (size_t)steps->shape[0] != dimension || dimension >= UINT32_C(1) << 24) {
        PyErr_SetString(PyExc_ValueError,
                        "expected vectors (N, D), links (N, R), entry (E,), codes (N, D) and "
                        "steps (D,), R at least 1, N below 2**31, D below 2**24");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(beam_doc,
             "beam(vectors, links, entry, codes, steps, ef, queries, rows, scores, computed)\n"
             "--\n\n"
             "Fill rows, uint32 (Q, k), scores, float32 (Q, k), and computed, uint32 (Q,), by\n"
             "following links with a beam of ef rows, ef at least k. What is not reached is\n"
             "0xFFFFFFFF. Raises ValueError where a link leads nowhere.");

static PyObject *beam(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *parts[5], *objects[3], *counter;
    Py_ssize_t ef;
    if (!PyArg_ParseTuple(args, "OOOOOnOOOO", &parts[0], &parts[1], &parts[2], &parts[3],
                          &parts[4], &ef, &objects[0], &objects[1], &objects[2], &counter))
        return NULL;
    cxr_arrays arrays = {.count = 0};
    cxr_graph graph = {.degree = 0};
    request asked;
    PyObject *result = NULL;
    if (take_graph(&arrays, parts, &graph) != 0 ||
        take_request(&arrays, objects, &graph.base, &asked) != 0)
        goto done;
    Py_buffer *computed = cxr_take(&arrays, counter, "computed", "IL", 4, 1, 1);
    if (computed == NULL)
        goto done;
    if ((size_t)computed->shape[0] != asked.count || ef < 1 || ef >= PY_SSIZE_T_MAX / 16 ||
        asked.k > (size_t)ef) {
        PyErr_SetString(PyExc_ValueError, "expected computed (Q,), ef at least k");
        goto done;
    }
    const cxr_kernel *kernel = cxr_active();
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = cxr_beam(kernel, &graph, asked.queries, asked.count, asked.k, (size_t)ef, asked.rows,
                      asked.scores, computed->buf);
    Py_END_ALLOW_THREADS
    result = answer(status);
done:
    cxr_release(&arrays);
    return result;
}

/* ---- module ---- */

static PyMethodDef methods[] = {
    {"kernels", kernels, METH_NOARGS, kernels_doc},
    {"use", use, METH_VARARGS, use_doc},
    {"scores", scores, METH_VARARGS, scores_doc},
    {"scan", scan, METH_VARARGS, scan_doc},
    {"beam", beam, METH_VARARGS, beam_doc},
    {"prune", cxr_prune_call, METH_VARARGS, cxr_prune_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "Exact and graph search over mapped vectors, and the links of graphs.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}

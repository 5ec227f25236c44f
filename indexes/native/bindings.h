/* Arrays as Python hands them over, for the functions of the extension module. */
#ifndef CXR_BINDINGS_H
#define CXR_BINDINGS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "reader.h"

enum { CXR_MAX_ARRAYS = 12 };

/* The buffers one call holds; released together. Begin with {0}. */
typedef struct {
    Py_buffer views[CXR_MAX_ARRAYS];
    int count;
} cxr_arrays;

/* Takes a C-contiguous buffer of `dimensions` axes whose items have one of the struct formats in
 * `formats` ("f", "e" for halves, "b" for int8, "IL" for uint32). Returns it, or NULL with a Python exception. */
Py_buffer *cxr_take(cxr_arrays *arrays, PyObject *object, const char *name, const char *formats,
                    int dimensions, int writable);

/* The same for a matrix of float32 or float16. Returns 0, or -1 with a Python exception. */
int cxr_take_matrix(cxr_arrays *arrays, PyObject *object, const char *name, cxr_matrix *matrix);

void cxr_release(cxr_arrays *arrays);

/* The kernel in use. */
const cxr_kernel *cxr_active(void);

/* What module_build.c adds to the module. */
extern const char cxr_prune_doc[];
PyObject *cxr_prune_call(PyObject *self, PyObject *args);

#endif

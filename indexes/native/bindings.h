/* Arrays as Python hands them over, for the functions of the extension module. */
#ifndef CXR_BINDINGS_H
#define CXR_BINDINGS_H

#include "arrays.h"
#include "reader.h"

/* Takes a matrix of float32 or float16. Returns 0, or -1 with a Python exception. */
int cxr_take_matrix(cxr_arrays *arrays, PyObject *object, const char *name, cxr_matrix *matrix);

/* The kernel in use. */
const cxr_kernel *cxr_active(void);

/* What module_build.c adds to the module. */
extern const char cxr_prune_doc[];
PyObject *cxr_prune_call(PyObject *self, PyObject *args);

#endif

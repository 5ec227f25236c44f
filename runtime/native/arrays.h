/* Arrays as Python hands them over, for the functions of an extension module. */
#ifndef CXR_ARRAYS_H
#define CXR_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

enum { CXR_MOST_ARRAYS = 12 };

/* The buffers one call holds; released together. Begin with count 0. */
typedef struct {
    Py_buffer views[CXR_MOST_ARRAYS];
    int count;
} cxr_arrays;

/* Takes a C-contiguous buffer of `axes` axes whose items have one of the struct formats in `formats`
 * ("f", "e" for halves, "b" for int8, "IL" for uint32) and, where it is not 0, `size` bytes. Returns it,
 * or NULL with a Python exception. */
static inline Py_buffer *cxr_take(cxr_arrays *held, PyObject *object, const char *name,
                                  const char *formats, Py_ssize_t size, int axes, int writable)
{
    if (held->count == CXR_MOST_ARRAYS) {
        PyErr_SetString(PyExc_SystemError, "too many arrays");
        return NULL;
    }
    Py_buffer *view = &held->views[held->count];
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags) != 0)
        return NULL;
    held->count++;
    const char *format = view->format ? view->format : "B";
    if (format[0] == '@' || format[0] == '=')
        format++;
    int fits = strlen(format) == 1 && strchr(formats, format[0]) != NULL &&
               view->ndim == axes && (size == 0 || view->itemsize == size) &&
               (uintptr_t)view->buf % (size_t)(view->itemsize ? view->itemsize : 1) == 0;
    if (!fits) {
        PyErr_Format(PyExc_ValueError, "%s: expected %d axes of format '%s', got %d of '%s'", name,
                     axes, formats, view->ndim, format);
        return NULL;
    }
    return view;
}

static inline void cxr_release(cxr_arrays *held)
{
    while (held->count > 0)
        PyBuffer_Release(&held->views[--held->count]);
}

#endif

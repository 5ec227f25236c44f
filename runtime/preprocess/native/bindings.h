/* Arrays as Python hands them over. What is not as it should be gives a Python exception, and -1 or
 * NULL. */
#ifndef CXR_BINDINGS_H
#define CXR_BINDINGS_H

#include "arrays.h"
#include "pixels.h"

/* Raises ValueError; returns -1. */
int cxr_refuse(const char *what);

/* Stored values of 8 or 16 bits, at least one. */
int cxr_take_picture(cxr_arrays *held, PyObject *object, int writable, cxr_picture *picture);

/* One entry for each code of the picture. */
Py_buffer *cxr_take_table(cxr_arrays *held, PyObject *object, const char *format, Py_ssize_t size,
                          const cxr_picture *picture);

/* (first, size, weights) of outputs that weigh nothing outside `source` inputs. */
int cxr_take_taps(cxr_arrays *held, PyObject *given, size_t source, cxr_taps *taps);

/* (first, size, high, low), as cxr_level_taps asks. */
int cxr_take_level_taps(cxr_arrays *held, PyObject *given, size_t source, cxr_level_taps *taps);

/* top, bottom, left, right inside the picture, not empty. */
int cxr_take_region(const Py_ssize_t sides[4], const cxr_picture *picture, cxr_region *region);

#endif

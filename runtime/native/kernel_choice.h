/* Which kernel an extension module uses, and the two functions that tell and set it from Python.
 *
 * For the one file of an extension that defines the module: `cxr_kernel` begins with `name` and
 * `supported`, and `cxr_kernels` lists every one, the fastest first, ended by a NULL name. The last
 * but that runs everywhere. */
#ifndef CXR_KERNEL_CHOICE_H
#define CXR_KERNEL_CHOICE_H

static const cxr_kernel *active;

static const cxr_kernel *kernel_in_use(void)
{
    if (active == NULL)
        for (active = cxr_kernels; !active->supported();)
            active++;
    return active;
}

PyDoc_STRVAR(kernels_doc, "kernels()\n--\n\nNames of the kernels this processor can run, the "
                          "fastest first.");

static PyObject *kernels(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    PyObject *names = PyList_New(0);
    for (const cxr_kernel *one = cxr_kernels; names != NULL && one->name != NULL; one++) {
        if (!one->supported())
            continue;
        PyObject *name = PyUnicode_FromString(one->name);
        if (name == NULL || PyList_Append(names, name) != 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

PyDoc_STRVAR(use_doc, "use(name)\n--\n\nMake all later calls of this process use one kernel.");

static PyObject *use(PyObject *self, PyObject *args)
{
    (void)self;
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name))
        return NULL;
    for (const cxr_kernel *one = cxr_kernels; one->name != NULL; one++)
        if (strcmp(one->name, name) == 0 && one->supported()) {
            active = one;
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "no kernel %s on this processor", name);
}

#endif

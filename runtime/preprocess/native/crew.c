/* Threads for the length of one call: nothing is left behind that a fork could break. */
#define _POSIX_C_SOURCE 200809L
#include "pixels.h"

#include <pthread.h>
#include <signal.h>

typedef struct {
    void (*task)(void *context, size_t part);
    void *context;
    size_t part;
} job;

static void *work(void *given)
{
    job *own = given;
    own->task(own->context, own->part);
    return NULL;
}

void cxr_share(void (*task)(void *context, size_t part), void *context, size_t parts)
{
    pthread_t threads[CXR_MOST_THREADS];
    job jobs[CXR_MOST_THREADS];
    size_t started = 0;
    if (parts > 1) {
        /* Signals are for the threads of the interpreter. */
        sigset_t all, before;
        sigfillset(&all);
        int masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
        for (; started + 1 < parts && started < CXR_MOST_THREADS; started++) {
            jobs[started] = (job){task, context, started};
            if (pthread_create(&threads[started], NULL, work, &jobs[started]) != 0)
                break;
        }
        if (masked)
            pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    for (size_t part = started; part < parts; part++)
        task(context, part);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

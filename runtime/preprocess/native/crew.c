/* Threads for the length of one call: nothing is left behind that a fork could break. */
#define _POSIX_C_SOURCE 200809L
#include "pixels.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

typedef struct {
    cxr_task task;
    void *context;
    size_t chunks;
    atomic_size_t next;
} work;

typedef struct {
    work *shared;
    size_t thread;
} worker;

static void *take_chunks(void *given)
{
    const worker *own = given;
    work *shared = own->shared;
    size_t chunk;
    while ((chunk = atomic_fetch_add(&shared->next, 1)) < shared->chunks)
        shared->task(shared->context, own->thread, chunk);
    return NULL;
}

void cxr_share(cxr_task task, void *context, size_t threads, size_t chunks)
{
    work shared = {.task = task, .context = context, .chunks = chunks};
    pthread_t others[CXR_MOST_THREADS];
    worker workers[CXR_MOST_THREADS];
    size_t started = 0;
    if (threads > chunks)
        threads = chunks;
    if (threads > 1) {
        /* Signals are for the threads of the interpreter. */
        sigset_t all, before;
        sigfillset(&all);
        int masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
        for (; started + 1 < threads && started + 1 < CXR_MOST_THREADS; started++) {
            workers[started] = (worker){&shared, started};
            if (pthread_create(&others[started], NULL, take_chunks, &workers[started]) != 0)
                break;
        }
        if (masked)
            pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    worker own = {&shared, started};
    take_chunks(&own);
    for (size_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}

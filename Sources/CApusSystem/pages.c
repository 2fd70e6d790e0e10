#define _GNU_SOURCE
#include "pages.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

size_t apus_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *apus_map_pages(size_t size, int will_fill) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_POPULATE
    if (will_fill) flags |= MAP_POPULATE;
#else
    (void)will_fill;
#endif
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void apus_unmap_pages(void *start, size_t size) { munmap(start, size); }

void apus_trim_heap(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

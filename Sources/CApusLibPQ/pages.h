/* Memory straight from the system, which has it back as soon as it is given back. */
#ifndef CAPUS_PAGES_H
#define CAPUS_PAGES_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static inline size_t apus_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* A multiple of the page size, zeroed, or NULL. If it `will_fill`, the pages are all made at once, which costs a
   fraction of making each when it is first touched. */
static inline void *apus_map_pages(size_t size, int will_fill) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_POPULATE
    if (will_fill) flags |= MAP_POPULATE;
#else
    (void)will_fill;
#endif
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}
static inline void apus_unmap_pages(void *start, size_t size) { munmap(start, size); }

/* Gives the heap's free pages back to the system. glibc does that by itself for what is free at the heap's end, and
   for that only from a size on which grows with the program's largest blocks. */
#ifdef __GLIBC__
#include <malloc.h>
static inline void apus_trim_heap(void) { malloc_trim(0); }
#else
static inline void apus_trim_heap(void) {}
#endif

#endif

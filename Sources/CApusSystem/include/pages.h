/* Memory pages that come straight from the system and go straight back to it. */
#ifndef CAPUS_PAGES_H
#define CAPUS_PAGES_H

#include <stddef.h>

size_t apus_page_size(void);

/* Maps `size` bytes, a multiple of the page size. They are zeroed. NULL if there is no memory. If the caller
   `will_fill` them, all pages are made at once, which costs a fraction of making each when it is first touched. */
void *apus_map_pages(size_t size, int will_fill);
void apus_unmap_pages(void *start, size_t size);

/* Gives the free pages of the heap back to the system. glibc does so by itself only at the end of the heap, and only
   from a size on which grows with the program's largest blocks. Other C libraries need no such call. */
void apus_trim_heap(void);

#endif

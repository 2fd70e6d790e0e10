/* Memory pages from the system, without the heap in between. */
#ifndef CAPUS_PAGES_H
#define CAPUS_PAGES_H

#include <stddef.h>

size_t apus_page_size(void);

/* Maps `size` zeroed bytes, a multiple of the page size. With `will_fill`, all pages are made at once, which costs a
   fraction of making each when it is first used. Returns NULL if there is no memory. */
void *apus_map_pages(size_t size, int will_fill);
void apus_unmap_pages(void *start, size_t size);

/* Returns the free pages of the heap to the system. glibc returns only those at the end of the heap by itself, and only
   above a size that grows with the program's largest blocks. Other C libraries need no such call. */
void apus_trim_heap(void);

#endif

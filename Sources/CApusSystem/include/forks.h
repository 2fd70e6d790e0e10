/* The number of forks since the counting began. A child must not use, close or count what belongs to its parent. The
   count is kept by a handler of pthread_atfork, because getpid would be a system call for each question. */
#ifndef CAPUS_FORKS_H
#define CAPUS_FORKS_H

/* Starts the counting. Must be called once. Returns 0, or an error number. */
int apus_watch_forks(void);
/* The number of forks between the process that called apus_watch_forks and this one. */
int apus_forks(void);

#endif

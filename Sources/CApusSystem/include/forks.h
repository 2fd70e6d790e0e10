/* How often this process has been forked since it first asked. A child must not use, close or count what belongs to its
   parent. A handler of pthread_atfork costs nothing until a fork; getpid would be a system call for each look. */
#ifndef CAPUS_FORKS_H
#define CAPUS_FORKS_H

/* Starts to count; 0, or an error number. To be called once. */
int apus_watch_forks(void);
/* The number of forks that led from the process which called apus_watch_forks to this one. */
int apus_forks(void);

#endif

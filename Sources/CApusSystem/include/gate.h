/* A gate that closes while the process forks and when it ends.

   A thread enters while it works with state that survives neither: exit() frees that of OpenSSL (OPENSSL_cleanup, and
   the destructors of libraries), and a fork copies its locks as they are, held by threads that the child does not have.
   The thread that forks or ends the process closes the gate first, and waits until the other threads have left. */
#ifndef CAPUS_GATE_H
#define CAPUS_GATE_H

/* Enters; waits while the gate is closed. A thread may enter several times, and leaves as often. */
void apus_gate_enter(void);
void apus_gate_leave(void);

/* Leaves, however often this thread has entered, for a call that may block. The result is for apus_gate_return. */
int apus_gate_step_out(void);
void apus_gate_return(int depth);

/* From now on a fork waits for the threads inside, for up to a second. 0, or an error number. To be called once. */
int apus_gate_watch_forks(void);
/* From now on the end of the process waits for the threads inside, for up to five seconds, ahead of the exit handlers
   that are registered now: exit() calls them in the reverse order of their registration. */
void apus_gate_watch_exit(void);

#endif

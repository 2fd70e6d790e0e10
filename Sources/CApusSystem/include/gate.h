/* A gate that closes while the process forks and when it ends.

   A thread is inside while it uses state that survives neither: exit() frees OpenSSL's (OPENSSL_cleanup, and the
   destructors of libraries), and a fork copies locks that are held by threads which the child does not have. The thread
   that forks or ends the process closes the gate first, and waits until the other threads have left. */
#ifndef CAPUS_GATE_H
#define CAPUS_GATE_H

/* Enters the gate; waits while it is closed. A thread may enter several times, and must leave as often. */
void apus_gate_enter(void);
void apus_gate_leave(void);

/* Leaves the gate, however often this thread has entered, before a call that may block. Returns the argument for
   apus_gate_return, which enters again. */
int apus_gate_step_out(void);
void apus_gate_return(int depth);

/* Makes forks wait for the threads inside, for up to a second. Must be called once. Returns 0, or an error number. */
int apus_gate_watch_forks(void);
/* Makes the end of the process wait for the threads inside, for up to five seconds, before the exit handlers that are
   registered by now: exit() calls handlers in the reverse order of their registration. */
void apus_gate_watch_exit(void);

#endif

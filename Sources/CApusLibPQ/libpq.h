/* libpq's headers, and constants and functions for what Swift cannot import: macros, and features of some versions. */
#ifndef CAPUS_LIBPQ_H
#define CAPUS_LIBPQ_H

#include <dlfcn.h>
#include <libpq-fe.h>
#include <libpq-events.h>
#include <libpq/libpq-fs.h>
#include <pg_config.h>

/* Field codes are character macros, which Swift does not import with the same type everywhere. See "PQresultErrorField"
   in libpq's documentation. */
static const int apus_diag_severity = PG_DIAG_SEVERITY;
static const int apus_diag_severity_nonlocalized = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int apus_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int apus_diag_message_primary = PG_DIAG_MESSAGE_PRIMARY;
static const int apus_diag_message_detail = PG_DIAG_MESSAGE_DETAIL;
static const int apus_diag_message_hint = PG_DIAG_MESSAGE_HINT;
static const int apus_diag_statement_position = PG_DIAG_STATEMENT_POSITION;
static const int apus_diag_internal_position = PG_DIAG_INTERNAL_POSITION;
static const int apus_diag_internal_query = PG_DIAG_INTERNAL_QUERY;
static const int apus_diag_context = PG_DIAG_CONTEXT;
static const int apus_diag_schema_name = PG_DIAG_SCHEMA_NAME;
static const int apus_diag_table_name = PG_DIAG_TABLE_NAME;
static const int apus_diag_column_name = PG_DIAG_COLUMN_NAME;
static const int apus_diag_datatype_name = PG_DIAG_DATATYPE_NAME;
static const int apus_diag_constraint_name = PG_DIAG_CONSTRAINT_NAME;
static const int apus_diag_source_file = PG_DIAG_SOURCE_FILE;
static const int apus_diag_source_line = PG_DIAG_SOURCE_LINE;
static const int apus_diag_source_function = PG_DIAG_SOURCE_FUNCTION;

/* Finds SSL_pending of the OpenSSL that this libpq uses; NULL if there is none. It is looked up in the libraries that
   libpq was loaded with, not in the whole process, because a process may contain several copies of OpenSSL. dladdr is
   declared here, because glibc and musl declare it only for _GNU_SOURCE, which Swift's module of the C library does not
   define. */
#ifdef __APPLE__
typedef Dl_info apus_dl_info;
#define apus_dladdr dladdr
#else
typedef struct { const char *dli_fname; void *dli_fbase; const char *dli_sname; void *dli_saddr; } apus_dl_info;
int apus_dladdr(const void *address, apus_dl_info *info) __asm__("dladdr");
#endif
typedef int (*apus_ssl_pending_function)(const void *ssl);
static inline apus_ssl_pending_function apus_find_ssl_pending(void) {
    apus_dl_info info;
    if (apus_dladdr((const void *)PQconnectdb, &info) == 0 || info.dli_fname == NULL) return NULL;
    void *libpq = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (libpq == NULL) return NULL;
    apus_ssl_pending_function found = (apus_ssl_pending_function)dlsym(libpq, "SSL_pending");
    dlclose(libpq); /* libpq stays loaded, because this code is linked with it. */
    return found;
}

/* Initializes OpenSSL, if libpq has loaded it, so that it registers its exit handler now.
   https://docs.openssl.org/3.0/man3/OPENSSL_init_crypto/ */
static inline void apus_initialize_openssl(void) {
    /* Looked up as the linker does for libpq. glibc declares RTLD_DEFAULT only for _GNU_SOURCE. */
#ifdef RTLD_DEFAULT
    void *everywhere = RTLD_DEFAULT;
#else
    void *everywhere = (void *)0;
#endif
    int (*initialize)(unsigned long long, const void *) =
        (int (*)(unsigned long long, const void *))dlsym(everywhere, "OPENSSL_init_crypto");
    /* 2 is OPENSSL_INIT_LOAD_CRYPTO_STRINGS, which loads only what any error would load; without an option the call
       does nothing. */
    if (initialize != NULL) initialize(2, NULL);
}

/* libpq 17 has functions that cancel without blocking. These stand-ins let the code compile with older versions. */
#ifdef LIBPQ_HAS_ASYNC_CANCEL
static inline int apus_has_async_cancel(void) { return 1; }
#else
static inline int apus_has_async_cancel(void) { return 0; }
typedef struct pg_cancel_conn PGcancelConn;
static inline PGcancelConn *PQcancelCreate(PGconn *conn) { (void)conn; return 0; }
static inline int PQcancelStart(PGcancelConn *c) { (void)c; return 0; }
static inline PostgresPollingStatusType PQcancelPoll(PGcancelConn *c) { (void)c; return PGRES_POLLING_FAILED; }
static inline int PQcancelSocket(const PGcancelConn *c) { (void)c; return -1; }
static inline char *PQcancelErrorMessage(const PGcancelConn *c) { (void)c; return (char *)""; }
static inline void PQcancelFinish(PGcancelConn *c) { (void)c; }
#endif

#endif

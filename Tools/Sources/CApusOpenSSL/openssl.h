/* OpenSSL's headers, and what Swift cannot see of them: macros. Only the local cluster's proxy uses them. */
#ifndef CAPUS_OPENSSL_H
#define CAPUS_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

/* Lets no session be resumed: clients of a test begin anew. */
static inline void apus_ssl_forbid_resumption(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
}

#endif

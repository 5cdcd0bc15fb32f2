#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_inner.h"

static bool is_pem_of_certificates(struct str text) {
    BIO *bio = text.len <= INT32_MAX ? BIO_new_mem_buf(text.ptr, (int)text.len) : NULL;
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    X509_free(certificate);
    ERR_clear_error();
    return certificate != NULL;
}

struct http_trust *http_trust_new(struct str pem) {
    struct http_trust *trust = is_pem_of_certificates(pem) ? malloc(sizeof *trust + pem.len) : NULL;
    if (!trust) return NULL;
    *trust = (struct http_trust){.users = 1, .bytes = pem.len};
    memcpy(trust->pem, pem.ptr, pem.len);
    return trust;
}

struct http_trust *http_trust_hold(struct http_trust *trust) {
    if (trust) trust->users++;
    return trust;
}

void http_trust_drop(struct http_trust *trust) {
    if (trust && --trust->users == 0) free(trust);
}

/* What is no certificate changes nothing: a file that is being written, say. */
void http_trust_renew(struct http_trust **held, struct str pem) {
    struct http_trust *old = *held;
    if (!pem.len || (old && old->bytes == pem.len && memcmp(old->pem, pem.ptr, pem.len) == 0)) return;
    struct http_trust *renewed = http_trust_new(pem);
    if (!renewed) return;
    *held = renewed;
    http_trust_drop(old);
}

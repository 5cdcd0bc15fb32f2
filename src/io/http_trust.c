#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "io/http_inner.h"

static bool is_pem_of_certificates(struct str text) {
    BIO *bio = text.len <= INT32_MAX ? BIO_new_mem_buf(text.ptr, (int)text.len) : NULL;
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    X509_free(certificate);
    ERR_clear_error();
    return certificate != NULL;
}

struct blob *http_trust_new(struct str pem) {
    return is_pem_of_certificates(pem) ? blob_new(pem) : NULL;
}

/* What is no certificate changes nothing: a file that is being written, say. */
void http_trust_renew(struct blob **held, struct str pem) {
    if (!pem.len || str_equal(blob_view(*held), pem)) return;
    struct blob *renewed = http_trust_new(pem);
    if (!renewed) return;
    blob_drop(*held);
    *held = renewed;
}

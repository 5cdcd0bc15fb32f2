/*
 * Makes the certificates of a server that is its own authority: the authority, the server's, and those of clients, whose name and
 * groups are what Kubernetes reads them for (subject CN and O).
 *
 *   authority --signs--> server (alternative names)
 *                    '-> client (CN = name, O = groups)
 *
 * ECDSA P-256 keys, SHA-256, PEM, 128-bit random serial numbers. Writes no files: a key belongs into one of mode 0600. Time is a value.
 */
#ifndef MB_IO_CERTIFICATES_H
#define MB_IO_CERTIFICATES_H

#include "base/error.h"
#include "base/strbuf.h"

enum certificate_use {
    CERTIFICATE_AUTHORITY,
    CERTIFICATE_SERVER,
    CERTIFICATE_CLIENT,
};

struct certificate_order {
    enum certificate_use use;
    struct str name; /* CN, at most 64 bytes (RFC 5280) */
    const struct str *groups;
    size_t group_count;
    const struct str *alternative_names; /* DNS names and IP addresses */
    size_t alternative_name_count;
    int64_t from_ms, until_ms; /* wall clock */
};

/* PEM. Secret: the key's memory is wiped on release. */
struct certificate_pair {
    struct strbuf certificate, key;
};

/* Signed by `issuer`, or by itself when that is NULL. False and `error` when a name cannot stand in a certificate, or OpenSSL refuses. */
bool certificate_make(const struct certificate_order *order, const struct certificate_pair *issuer, struct certificate_pair *out_pair,
                      struct error *error);
void certificate_pair_release(struct certificate_pair *pair);
/* When the first certificate in the PEM text ends. False and `error` when there is none. */
bool certificate_end_ms(struct str pem, int64_t *out_end_ms, struct error *error);

#endif

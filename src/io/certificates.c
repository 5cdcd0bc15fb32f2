#include "io/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum {
    PEM_MAX_BYTES = 256 * 1024,
    SERIAL_BYTES = 16,
    VERSION_3 = 2,
};

/* What a use may be used for (RFC 5280, 4.2.1). NULL ends a list. */
static const struct extension_row {
    int nid;
    const char *value;
} extensions[][5] = {
    [CERTIFICATE_AUTHORITY] = {{NID_basic_constraints, "critical,CA:TRUE"},
                               {NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"},
                               {NID_subject_key_identifier, "hash"}},
    [CERTIFICATE_SERVER] = {{NID_basic_constraints, "critical,CA:FALSE"},
                            {NID_key_usage, "critical,digitalSignature"},
                            {NID_ext_key_usage, "serverAuth"},
                            {NID_authority_key_identifier, "keyid"}},
    [CERTIFICATE_CLIENT] = {{NID_basic_constraints, "critical,CA:FALSE"},
                            {NID_key_usage, "critical,digitalSignature"},
                            {NID_ext_key_usage, "clientAuth"},
                            {NID_authority_key_identifier, "keyid"}},
};

/* reading */

static int no_passphrase(char *room, int size, int is_writing, void *context) {
    (void)room, (void)size, (void)is_writing, (void)context;
    return -1;
}

static X509 *read_certificate(struct str pem) {
    BIO *bio = pem.len <= PEM_MAX_BYTES ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

static EVP_PKEY *read_key(struct str pem) {
    BIO *bio = pem.len <= PEM_MAX_BYTES ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

bool certificate_end_ms(struct str pem, int64_t *out_end_ms, struct error *error) {
    struct tm end;
    X509 *certificate = read_certificate(pem);
    bool is_read = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1;
    X509_free(certificate);
    ERR_clear_error();
    if (!is_read) return error_set(error, ERROR_TLS, "no certificate in PEM; expected -----BEGIN CERTIFICATE-----");
    *out_end_ms = (int64_t)timegm(&end) * 1000;
    return true;
}

/* the parts of a certificate */

static bool add_name(X509_NAME *subject, const char *field, struct str value) {
    return value.len <= INT32_MAX &&
           X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, (const unsigned char *)value.ptr, (int)value.len, -1, 0) == 1;
}

static bool set_subject(X509 *certificate, const struct certificate_order *order) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    for (size_t i = 0; i < order->group_count; i++)
        if (!add_name(subject, "O", order->groups[i])) return false;
    return add_name(subject, "CN", order->name);
}

static bool set_serial(X509 *certificate) {
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and of full length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return is_set;
}

static bool set_times(X509 *certificate, const struct certificate_order *order) {
    return ASN1_TIME_adj(X509_getm_notBefore(certificate), (time_t)(order->from_ms / 1000), 0, 0) &&
           ASN1_TIME_adj(X509_getm_notAfter(certificate), (time_t)(order->until_ms / 1000), 0, 0);
}

static GENERAL_NAME *general_name(struct str text) {
    char terminated[256];
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (!name || !text.len || text.len >= sizeof terminated || memchr(text.ptr, 0, text.len)) {
        GENERAL_NAME_free(name);
        return NULL;
    }
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = 0;
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(terminated);
    if (address) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return name;
    }
    ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
    if (!dns || ASN1_STRING_set(dns, terminated, (int)text.len) != 1) {
        ASN1_IA5STRING_free(dns);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, dns);
    return name;
}

static bool add_alternative_names(X509 *certificate, const struct certificate_order *order) {
    if (!order->alternative_name_count) return true;
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool is_added = names != NULL;
    for (size_t i = 0; is_added && i < order->alternative_name_count; i++) {
        GENERAL_NAME *name = general_name(order->alternative_names[i]);
        is_added = name && sk_GENERAL_NAME_push(names, name) > 0;
        if (!is_added) GENERAL_NAME_free(name);
    }
    is_added = is_added && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return is_added;
}

static bool add_extensions(X509 *certificate, X509 *issuer, enum certificate_use use) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    for (const struct extension_row *row = extensions[use]; row->value; row++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, row->nid, row->value);
        bool is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        if (!is_added) return false;
    }
    return true;
}

/* making one */

static X509 *sign(const struct certificate_order *order, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
    X509 *certificate = X509_new();
    if (certificate && X509_set_version(certificate, VERSION_3) == 1 && set_serial(certificate) && set_times(certificate, order) &&
        X509_set_pubkey(certificate, key) == 1 && set_subject(certificate, order) &&
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate)) == 1 &&
        add_extensions(certificate, issuer ? issuer : certificate, order->use) && add_alternative_names(certificate, order) &&
        X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static void take(BIO *bio, struct strbuf *out) {
    char *bytes = NULL;
    long count = BIO_get_mem_data(bio, &bytes);
    if (count > 0) strbuf_append(out, (struct str){bytes, (size_t)count});
}

static bool write_pair(X509 *certificate, EVP_PKEY *key, struct certificate_pair *out_pair) {
    struct certificate_pair pair = {strbuf_with_max(PEM_MAX_BYTES), strbuf_with_max(PEM_MAX_BYTES)};
    BIO *certificate_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_secmem());
    if (certificate_text && key_text && PEM_write_bio_X509(certificate_text, certificate) == 1 &&
        PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) == 1) {
        /* At once in its final size, so that growing leaves no part of a key behind. */
        strbuf_reserve(&pair.key, 1000);
        take(certificate_text, &pair.certificate);
        take(key_text, &pair.key);
    }
    BIO_free(certificate_text);
    BIO_free(key_text);
    if (pair.certificate.len && pair.key.len) {
        *out_pair = pair;
        return true;
    }
    certificate_pair_release(&pair);
    return false;
}

bool certificate_make(const struct certificate_order *order, const struct certificate_pair *issuer, struct certificate_pair *out_pair,
                      struct error *error) {
    X509 *issuer_certificate = issuer ? read_certificate(strbuf_view(&issuer->certificate)) : NULL;
    EVP_PKEY *issuer_key = issuer ? read_key(strbuf_view(&issuer->key)) : NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = NULL;
    bool is_made = false;
    if (issuer && (!issuer_certificate || !issuer_key || X509_check_private_key(issuer_certificate, issuer_key) != 1)) {
        error_set(error, ERROR_TLS, "the authority's certificate and key are not a pair in PEM");
    } else {
        certificate = key ? sign(order, key, issuer_certificate, issuer_key) : NULL;
        is_made = certificate && write_pair(certificate, key, out_pair);
        if (!is_made)
            error_set(error, ERROR_TLS, "cannot make a certificate for %s; its names may be empty, too long or no text",
                      QUOTE(order->name));
    }
    X509_free(certificate);
    X509_free(issuer_certificate);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return is_made;
}

void certificate_pair_release(struct certificate_pair *pair) {
    if (pair->key.ptr) explicit_bzero(pair->key.ptr, pair->key.capacity);
    strbuf_release(&pair->certificate);
    strbuf_release(&pair->key);
}

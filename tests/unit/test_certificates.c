#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "io/certificates.h"

#define NOW_MS ((int64_t)1800000000 * 1000)
#define DAY_MS ((int64_t)24 * 3600 * 1000)

static struct certificate_pair authority;

static struct certificate_pair make(struct certificate_order order, const struct certificate_pair *issuer) {
    struct certificate_pair pair;
    struct error error = {0};
    if (!order.until_ms) {
        order.from_ms = NOW_MS - DAY_MS;
        order.until_ms = NOW_MS + DAY_MS;
    }
    if (!certificate_make(&order, issuer, &pair, &error)) fail_msg("%s", error.message);
    return pair;
}

static void expect_refused(struct certificate_order order, const struct certificate_pair *issuer, const char *message) {
    struct certificate_pair pair = {.key.max = 7};
    struct error error = {0};
    order.until_ms = DAY_MS;
    assert_false(certificate_make(&order, issuer, &pair, &error));
    assert_int_equal(error.kind, ERROR_TLS);
    assert_non_null(strstr(error.message, message));
    assert_int_equal(pair.key.max, 7);
}

static X509 *parsed(const struct certificate_pair *pair) {
    BIO *bio = BIO_new_mem_buf(pair->certificate.ptr, (int)pair->certificate.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

/* OpenSSL's verdict on `pair` at `at_ms`, with the authority trusted. */
static int verdict(const struct certificate_pair *pair, int purpose, int64_t at_ms) {
    X509 *certificate = parsed(pair), *trusted = parsed(&authority);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, trusted);
    X509_STORE_CTX_init(context, store, certificate, NULL);
    X509_STORE_CTX_set_purpose(context, purpose);
    X509_STORE_CTX_set_time(context, 0, (time_t)(at_ms / 1000));
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT);
    X509_verify_cert(context);
    int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(certificate);
    X509_free(trusted);
    return result;
}

static void a_server_is_verified_for_its_names(void **state) {
    (void)state;
    const struct str names[] = {STR("localhost"), STR("kubernetes.default.svc"), STR("127.0.0.1"), STR("::1")};
    struct certificate_pair pair = make(
        (struct certificate_order){
            .use = CERTIFICATE_SERVER, .name = STR("kube-apiserver"), .alternative_names = names, .alternative_name_count = 4},
        &authority);
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_SERVER, NOW_MS), X509_V_OK);
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_CLIENT, NOW_MS), X509_V_ERR_INVALID_PURPOSE);
    X509 *certificate = parsed(&pair);
    assert_int_equal(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "kubernetes.default.svc", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "example.com", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "127.0.0.2", 0), 0);
    X509_free(certificate);
    certificate_pair_release(&pair);
}

static void a_client_carries_name_and_groups(void **state) {
    (void)state;
    const struct str groups[] = {STR("system:masters"), STR("d\xc3\xa9veloppeurs")};
    struct certificate_pair pair =
        make((struct certificate_order){.use = CERTIFICATE_CLIENT, .name = STR("admin"), .groups = groups, .group_count = 2}, &authority);
    char line[256];
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_CLIENT, NOW_MS), X509_V_OK);
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_SERVER, NOW_MS), X509_V_ERR_INVALID_PURPOSE);
    X509 *certificate = parsed(&pair);
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    line[BIO_read(bio, line, sizeof line - 1)] = 0;
    assert_string_equal(line, "O = system:masters, O = d\xc3\xa9veloppeurs, CN = admin");
    BIO_free(bio);
    X509_free(certificate);
    certificate_pair_release(&pair);
}

static void times_are_those_ordered(void **state) {
    (void)state;
    struct certificate_pair pair =
        make((struct certificate_order){.use = CERTIFICATE_CLIENT, .name = STR("brief"), .from_ms = NOW_MS, .until_ms = NOW_MS + 60000},
             &authority);
    int64_t end_ms = 0;
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_CLIENT, NOW_MS - 2000), X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_CLIENT, NOW_MS + 2000), X509_V_OK);
    assert_int_equal(verdict(&pair, X509_PURPOSE_SSL_CLIENT, NOW_MS + 62000), X509_V_ERR_CERT_HAS_EXPIRED);
    assert_true(certificate_end_ms(strbuf_view(&pair.certificate), &end_ms, NULL));
    assert_int_equal(end_ms, NOW_MS + 60000);
    struct error error = {0};
    assert_false(certificate_end_ms(STR("nonsense"), &end_ms, &error));
    assert_int_equal(error.kind, ERROR_TLS);
    assert_int_equal(end_ms, NOW_MS + 60000);
    certificate_pair_release(&pair);
}

static void two_certificates_differ_in_key_and_serial(void **state) {
    (void)state;
    const struct certificate_order order = {.use = CERTIFICATE_CLIENT, .name = STR("twin")};
    struct certificate_pair one = make(order, &authority), other = make(order, &authority);
    assert_false(str_equal(strbuf_view(&one.key), strbuf_view(&other.key)));
    X509 *first = parsed(&one), *second = parsed(&other);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
    X509_free(first);
    X509_free(second);
    certificate_pair_release(&one);
    certificate_pair_release(&other);
}

static void what_cannot_be_signed_is_refused(void **state) {
    (void)state;
    struct certificate_pair other = make((struct certificate_order){.use = CERTIFICATE_AUTHORITY, .name = STR("other")}, NULL);
    struct certificate_pair mixed = {authority.certificate, other.key};
    const struct str bad_names[] = {STR("a"), STR_EMPTY};
    const struct certificate_order client = {.use = CERTIFICATE_CLIENT, .name = STR("x")};
    expect_refused(client, &mixed, "not a pair in PEM");
    expect_refused(client, &(struct certificate_pair){0}, "not a pair in PEM");
    expect_refused((struct certificate_order){.use = CERTIFICATE_CLIENT}, &authority, "cannot make a certificate for \"\"");
    expect_refused((struct certificate_order){.use = CERTIFICATE_CLIENT, .name = STR("\xff")}, &authority, "cannot make a certificate");
    expect_refused(
        (struct certificate_order){
            .use = CERTIFICATE_SERVER, .name = STR("x"), .alternative_names = bad_names, .alternative_name_count = 2},
        &authority, "cannot make a certificate");
    certificate_pair_release(&other);
}

static int set_up(void **state) {
    (void)state;
    authority = make((struct certificate_order){.use = CERTIFICATE_AUTHORITY, .name = STR("model-booster-ca")}, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    certificate_pair_release(&authority);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_verified_for_its_names),
        cmocka_unit_test(a_client_carries_name_and_groups),
        cmocka_unit_test(times_are_those_ordered),
        cmocka_unit_test(two_certificates_differ_in_key_and_serial),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

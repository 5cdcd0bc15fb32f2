#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/server_inner.h"

enum {
    /* Of a certificate's names; a certificate comes in with the handshake, which OpenSSL bounds at 100 KiB. */
    IDENTITY_BYTES = 128 * 1024,
};

/* certificates and keys from PEM */

static BIO *bio_of(struct str pem) {
    return pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
}

/* Instead of OpenSSL's own, which would ask at the terminal. */
static int no_passphrase(char *room, int size, int is_writing, void *context) {
    (void)room, (void)size, (void)is_writing, (void)context;
    return -1;
}

static bool use_certificate(SSL_CTX *context, struct str pem, struct error *error) {
    BIO *bio = bio_of(pem);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    bool is_used = certificate && SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    while (is_used && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, certificate) == 1) continue;
        X509_free(certificate);
        is_used = false;
    }
    BIO_free(bio);
    return is_used || error_set(error, ERROR_TLS, "the server's certificate is not one in PEM; expected -----BEGIN CERTIFICATE-----");
}

static bool use_key(SSL_CTX *context, struct str pem, struct error *error) {
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    bool is_used = key && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return is_used ||
           error_set(error, ERROR_TLS, "the server's key is not one in PEM without a passphrase, or it is another certificate's");
}

/* Notes what is wrong with the client's certificate and lets the handshake go on: such a client counts as one without a certificate. */
static int note_verdict(int is_good, X509_STORE_CTX *verification) {
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct connection *connection = SSL_get_app_data(ssl);
    if (!is_good) connection->is_certificate_bad = true;
    return 1;
}

static bool use_client_ca(SSL_CTX *context, struct str pem, struct error *error) {
    BIO *bio = bio_of(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    size_t count = 0;
    X509 *certificate;
    while (bio && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        /* The names go to the client, so that it can choose among its certificates. */
        if (X509_STORE_add_cert(store, certificate) == 1 && SSL_CTX_add_client_CA(context, certificate) == 1) count++;
        X509_free(certificate);
    }
    BIO_free(bio);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_verdict);
    return count || error_set(error, ERROR_TLS, "the client certificate authority is no certificate in PEM");
}

/* the context */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
                           unsigned offered_length, void *owner) {
    static const unsigned char mine[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl, (void)owner;
    if (SSL_select_next_proto(&chosen, out_length, mine, sizeof mine - 1, offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context_new(const struct server_settings *settings, struct error *error) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    /* No resumption: a session would carry a client certificate's verdict past that certificate's end, and a ticket costs memory. A peer
     * that leaves without a farewell is an ordinary end: HTTP itself says whether a message is complete. */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    /* An idle connection keeps no buffers; a write that has to be repeated is gathered anew, so it may lie elsewhere and be longer. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One system call a record in place of two. */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    if (use_certificate(context, settings->certificate, error) && use_key(context, settings->key, error) &&
        (!settings->client_ca.len || use_client_ca(context, settings->client_ca, error))) {
        ERR_clear_error();
        return context;
    }
    ERR_clear_error();
    SSL_CTX_free(context);
    return NULL;
}

SSL *tls_session_new(struct connection *connection) {
    SSL *ssl = SSL_new(connection->server->tls);
    if (!ssl || SSL_set_fd(ssl, connection->fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_app_data(ssl, connection);
    SSL_set_accept_state(ssl);
    return ssl;
}

/* reading and writing */

static enum transfer from_errno(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TRANSFER_AGAIN : TRANSFER_BROKEN;
}

/* Somebody has typed http:// for https://. Go's server says it in these words, and clients show them. */
static void say_it_is_tls(const struct connection *connection) {
    static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    ssize_t sent = send(connection->fd, text, sizeof text - 1, MSG_NOSIGNAL);
    if (sent > 0) shutdown(connection->fd, SHUT_WR);
}

static enum transfer from_ssl(struct connection *connection, int result) {
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return TRANSFER_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return TRANSFER_EOF;
    case SSL_ERROR_SSL:
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) say_it_is_tls(connection);
        return TRANSFER_BROKEN;
    default: return TRANSFER_BROKEN;
    }
}

enum transfer transport_read(struct connection *connection, char *room, size_t size, size_t *out_count) {
    *out_count = 0;
    if (!connection->ssl) {
        ssize_t count = recv(connection->fd, room, size, 0);
        if (count < 0) return from_errno();
        *out_count = (size_t)count;
        return count ? TRANSFER_DONE : TRANSFER_EOF;
    }
    ERR_clear_error();
    int result = SSL_read_ex(connection->ssl, room, size, out_count);
    connection->wants_write = result != 1 && SSL_want_write(connection->ssl);
    return result == 1 ? TRANSFER_DONE : from_ssl(connection, result);
}

enum transfer transport_write(struct connection *connection, const char *bytes, size_t size, size_t *out_count) {
    *out_count = 0;
    if (!connection->ssl) {
        ssize_t count = send(connection->fd, bytes, size, MSG_NOSIGNAL);
        if (count < 0) return from_errno();
        *out_count = (size_t)count;
        return TRANSFER_DONE;
    }
    ERR_clear_error();
    int result = SSL_write_ex(connection->ssl, bytes, size, out_count);
    return result == 1 ? TRANSFER_DONE : from_ssl(connection, result);
}

bool transport_has_more(const struct connection *connection) {
    return connection->ssl && SSL_has_pending(connection->ssl);
}

void transport_shut(struct connection *connection) {
    if (connection->ssl && SSL_is_init_finished(connection->ssl)) {
        ERR_clear_error();
        SSL_shutdown(connection->ssl);
    }
    shutdown(connection->fd, SHUT_WR);
}

/* who the client is */

/* UTF-8 in the arena; empty when it is none, or hides something behind a NUL. */
static struct str text_of(struct arena *arena, const X509_NAME_ENTRY *entry) {
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    struct str view = length > 0 ? (struct str){(const char *)text, (size_t)length} : STR_EMPTY;
    struct str copied = str_is_utf8(view) && !str_contains(view, STR("\0")) ? arena_copy(arena, view) : STR_EMPTY;
    OPENSSL_free(text);
    return copied;
}

static int64_t end_of(const X509 *certificate) {
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return 0;
    return (int64_t)timegm(&end) * 1000;
}

static void read_subject(struct identity *identity, const X509 *certificate) {
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int count = X509_NAME_entry_count(subject);
    arena_init(&identity->arena, IDENTITY_BYTES);
    identity->until_ms = end_of(certificate);
    identity->groups = arena_array(&identity->arena, count > 0 ? (size_t)count : 1, sizeof *identity->groups);
    for (int i = 0; i < count && identity->groups; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        if (kind == NID_commonName)
            identity->name = text_of(&identity->arena, entry); /* the last one counts, as in Go */
        else if (kind == NID_organizationName)
            identity->groups[identity->group_count++] = text_of(&identity->arena, entry);
    }
    if (identity->arena.exhausted) identity->name = STR_EMPTY;
}

void identity_read(struct connection *connection) {
    connection->is_identity_known = true;
    if (!connection->ssl || connection->is_certificate_bad) return;
    X509 *certificate = SSL_get1_peer_certificate(connection->ssl);
    if (certificate && SSL_get_verify_result(connection->ssl) == X509_V_OK) read_subject(&connection->identity, certificate);
    X509_free(certificate);
}

bool identity_is_good(const struct connection *connection, int64_t wall_ms) {
    return connection->identity.name.len > 0 && wall_ms < connection->identity.until_ms;
}

/*
 * A server for tests of the HTTP client: HTTP/1.1 on 127.0.0.1, with or without TLS, one thread a connection; what it does is told by the
 * request's path (see `scripts`). Certificates are made on the spot.
 */
#ifndef MB_TESTS_SCRIPTED_SERVER_H
#define MB_TESTS_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* certificates */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char certificate_pem[4096], key_pem[4096];
};

static void pem_of(struct identity *identity) {
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, identity->certificate);
    int length = BIO_read(bio, identity->certificate_pem, sizeof identity->certificate_pem - 1);
    identity->certificate_pem[length] = 0;
    PEM_write_bio_PrivateKey(bio, identity->key, NULL, NULL, 0, NULL, NULL);
    length = BIO_read(bio, identity->key_pem, sizeof identity->key_pem - 1);
    identity->key_pem[length] = 0;
    BIO_free(bio);
}

static void add_extension(X509 *certificate, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Signed by `issuer`, or by itself as an authority when that is NULL. */
static struct identity identity_new(const char *name, const char *alternative_names, const struct identity *issuer) {
    static int serial;
    struct identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    X509 *certificate = made.certificate;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer->certificate : certificate));
    if (!issuer) add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    if (alternative_names) add_extension(certificate, NID_subject_alt_name, alternative_names);
    X509_sign(certificate, issuer ? issuer->key : made.key, EVP_sha256());
    pem_of(&made);
    return made;
}

static void identity_free(struct identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* the server */

enum { CONNECTIONS_MAX = 64, HEAD_MAX = 65536 };

struct server {
    int fd, port;
    SSL_CTX *tls; /* NULL: plain */
    pthread_t acceptor, workers[CONNECTIONS_MAX];
    int sockets[CONNECTIONS_MAX];
    size_t worker_count;
    atomic_int connections, requests, bytes_of_bodies;
    atomic_int closed_by_peer; /* connections that the client ended while a script waited */
};

struct connection {
    struct server *server;
    int fd;
    SSL *ssl;
    char head[HEAD_MAX]; /* the present request: line and headers, then its body */
    size_t head_length, body_at, body_length;
};

static ssize_t receive(struct connection *connection, char *room, size_t size) {
    return connection->ssl ? SSL_read(connection->ssl, room, (int)size) : read(connection->fd, room, size);
}

static bool send_bytes(struct connection *connection, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = connection->ssl ? SSL_write(connection->ssl, bytes, (int)size) : write(connection->fd, bytes, size);
        if (sent <= 0) return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_text(struct connection *connection, const char *text) {
    return send_bytes(connection, text, strlen(text));
}

static void answer(struct connection *connection, const char *status, const char *headers, const char *body) {
    char head[1024];
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, strlen(body), headers);
    send_text(connection, head);
    send_text(connection, body);
}

static void wait_for_peer_to_close(struct connection *connection) {
    char ignored[1024];
    while (receive(connection, ignored, sizeof ignored) > 0) {}
    connection->server->closed_by_peer++;
}

#define CHUNKED "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Scripts return true when the connection stays open for the next request. */
static bool do_ok(struct connection *connection) {
    answer(connection, "200 OK", "Content-Type: application/json\r\nWarning: 299 - \"one\"\r\nwarning: 299 - \"two\"\r\n", "hello");
    return true;
}
static bool do_echo(struct connection *connection) {
    answer(connection, "200 OK", "", connection->head);
    return true;
}
static bool do_throttled(struct connection *connection) {
    answer(connection, "429 Too Many Requests", "Retry-After: 3\r\n", "later");
    return true;
}
static bool do_early(struct connection *connection) {
    send_text(connection, "HTTP/1.1 103 Early Hints\r\nWarning: 299 - \"not this one\"\r\n\r\n");
    return do_ok(connection);
}
static bool do_slow(struct connection *connection) {
    wait_for_peer_to_close(connection);
    return false;
}
static bool do_endless(struct connection *connection) {
    static char block[65536];
    send_text(connection, "HTTP/1.1 200 OK\r\n\r\n");
    while (send_bytes(connection, block, sizeof block)) {}
    return false;
}
static bool do_cut(struct connection *connection) {
    send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
}
static bool do_vanish(struct connection *connection) {
    (void)connection;
    return false;
}
static bool do_nonsense(struct connection *connection) {
    send_text(connection, "220 mail.example.com ESMTP\r\n");
    return false;
}
static bool do_no_status(struct connection *connection) {
    send_text(connection, "HTTP/HTTP/1.1 0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    return false;
}
/* A header of the refusal that looks like the beginning of an answer. */
static bool do_two_statuses(struct connection *connection) {
    send_text(connection, "HTTP/1.1 404 Not Found\r\nHTTP/1.1: 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    return false;
}
static bool do_gzip(struct connection *connection) {
    /* 1000 times "a" */
    static const unsigned char zipped[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x4c, 0x1c, 0x05, 0xa3,
                                           0x60, 0x14, 0x0c, 0x77, 0x00, 0x00, 0x03, 0xda, 0x38, 0x9a, 0xe8, 0x03, 0x00, 0x00};
    char head[128];
    bool may = strcasestr(connection->head, "Accept-Encoding: gzip") != NULL;
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", sizeof zipped);
    if (!may) return do_ok(connection);
    send_text(connection, head);
    return send_bytes(connection, (const char *)zipped, sizeof zipped);
}
static bool do_stream(struct connection *connection) {
    return send_text(connection, CHUNKED "4\r\none\n\r\n") && send_text(connection, "4\r\ntwo\n\r\n") && send_text(connection, "0\r\n\r\n");
}
static bool do_stream_cut(struct connection *connection) {
    send_text(connection, CHUNKED "4\r\none\n\r\n4\r\ntw");
    return false;
}
static bool do_stream_open(struct connection *connection) {
    send_text(connection, CHUNKED "4\r\none\n\r\n");
    wait_for_peer_to_close(connection);
    return false;
}
static bool do_gone(struct connection *connection) {
    answer(connection, "410 Gone", "", "too old");
    return true;
}
static bool do_subject(struct connection *connection) {
    char name[256] = "nobody";
    X509 *certificate = connection->ssl ? SSL_get1_peer_certificate(connection->ssl) : NULL;
    if (certificate) X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    answer(connection, "200 OK", "", name);
    return true;
}

static const struct {
    const char *path;
    bool (*script)(struct connection *);
} scripts[] = {
    {"/ok", do_ok},
    {"/echo", do_echo},
    {"/throttled", do_throttled},
    {"/early", do_early},
    {"/slow", do_slow},
    {"/endless", do_endless},
    {"/cut", do_cut},
    {"/vanish", do_vanish},
    {"/nonsense", do_nonsense},
    {"/no-status", do_no_status},
    {"/two-statuses", do_two_statuses},
    {"/gzip", do_gzip},
    {"/stream-cut", do_stream_cut},
    {"/stream-open", do_stream_open},
    {"/stream", do_stream},
    {"/gone", do_gone},
    {"/subject", do_subject},
};

static bool read_request(struct connection *connection) {
    size_t length = 0, wanted = SIZE_MAX;
    connection->body_at = 0;
    while (length < wanted) {
        ssize_t got = receive(connection, connection->head + length, HEAD_MAX - 1 - length);
        if (got <= 0) return false;
        length += (size_t)got;
        if (connection->head[0] < 'A') return false; /* a TLS handshake */
        connection->head[length] = 0;
        const char *end = strstr(connection->head, "\r\n\r\n");
        if (end && !connection->body_at) {
            const char *size = strcasestr(connection->head, "\r\ncontent-length:");
            connection->body_at = (size_t)(end - connection->head) + 4;
            connection->body_length = size ? strtoul(size + strlen("\r\ncontent-length:"), NULL, 10) : 0;
            wanted = connection->body_at + connection->body_length;
        }
    }
    connection->server->bytes_of_bodies += (int)connection->body_length;
    return true;
}

static void *serve(void *argument) {
    struct connection *connection = argument;
    struct server *server = connection->server;
    bool is_open = true;
    if (server->tls) {
        connection->ssl = SSL_new(server->tls);
        SSL_set_fd(connection->ssl, connection->fd);
        is_open = SSL_accept(connection->ssl) == 1;
    }
    while (is_open && read_request(connection)) {
        server->requests++;
        const char *target = strchr(connection->head, ' ') + 1, *scheme = strstr(target, "://");
        is_open = false;
        for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
            const char *found =
                scheme && scheme < strstr(target, " HTTP") ? strstr(scheme + 3, scripts[i].path) : strstr(target, scripts[i].path);
            if (!found || found > strstr(target, " HTTP")) continue;
            is_open = scripts[i].script(connection);
            break;
        }
    }
    SSL_free(connection->ssl);
    shutdown(connection->fd, SHUT_RDWR);
    free(connection);
    return NULL;
}

static void *accept_all(void *argument) {
    struct server *server = argument;
    for (int fd; server->worker_count < CONNECTIONS_MAX && (fd = accept(server->fd, NULL, NULL)) >= 0;) {
        struct connection *connection = calloc(1, sizeof *connection);
        connection->server = server;
        connection->fd = fd;
        server->connections++;
        server->sockets[server->worker_count] = fd;
        pthread_create(&server->workers[server->worker_count++], NULL, serve, connection);
    }
    return NULL;
}

static struct server *server_start(const struct identity *identity, const struct identity *client_authority) {
    struct server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->fd, (struct sockaddr *)&address, size) != 0 || listen(server->fd, 64) != 0) abort();
    getsockname(server->fd, (struct sockaddr *)&address, &size);
    server->port = ntohs(address.sin_port);
    if (identity) {
        server->tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate(server->tls, identity->certificate);
        SSL_CTX_use_PrivateKey(server->tls, identity->key);
        if (client_authority) {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(server->tls), client_authority->certificate);
            SSL_CTX_set_verify(server->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
    }
    pthread_create(&server->acceptor, NULL, accept_all, server);
    return server;
}

static void server_stop(struct server *server) {
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    for (size_t i = 0; i < server->worker_count; i++) {
        shutdown(server->sockets[i], SHUT_RDWR);
        pthread_join(server->workers[i], NULL);
        close(server->sockets[i]);
    }
    close(server->fd);
    SSL_CTX_free(server->tls);
    free(server);
}

/* A port on which nobody listens. */
__attribute__((unused)) static int unused_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, size) != 0) abort();
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return ntohs(address.sin_port);
}

#endif

/*
 * Certificates and keys in PEM, from files and kubeconfigs: the first byte says as what. Their end is told or an error said; a client or
 * a server is made of them or refused with words, and no words hold a line of the text, which may be a key.
 */
#include "harness.h"
#include "io/certificates.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "io/server.h"

enum { LINE_BYTES = 32 };

/* A line of base64 in an error would be a key's. */
static void expect_silence(struct str pem, const struct error *error) {
    fuzz_expect_error(error);
    for (struct str rest = pem; rest.len;) {
        struct str line = fuzz_line(&rest);
        if (line.len >= LINE_BYTES)
            fuzz_expect(!str_contains(str_of(error->message), str_first(line, LINE_BYTES)), "PEM in an error: %s", error->message);
    }
}

static void try_client(struct loop *loop, struct str pem) {
    struct error error = {0};
    const struct http_client_settings settings = {.base_url = STR("https://127.0.0.1:1"), .ca = pem};
    struct http_client *client = http_client_new(loop, &settings, &error);
    if (!client) expect_silence(pem, &error);
    http_client_free(client);
}

static void handle(void *owner, struct exchange *exchange) {
    (void)owner, (void)exchange;
}

static void try_server(struct loop *loop, struct str pem, bool is_client_ca) {
    struct error error = {0};
    struct server_settings settings = {.listen = STR("127.0.0.1:0"), .handler = handle};
    if (is_client_ca)
        settings.client_ca = pem;
    else
        settings.certificate = settings.key = pem;
    struct server *server = server_new(loop, &settings, &error);
    if (!server) expect_silence(pem, &error);
    server_free(server);
}

FUZZ_TARGET(certificates) {
    static struct loop *loop;
    struct error error = {0};
    struct str pem = str_from(input, 1);
    int64_t end_ms = 0;
    (void)arena;
    if (!input.len) return;
    if (!loop) loop = loop_new(&error);
    fuzz_expect(loop != NULL, "no loop: %s", error.message);
    if (!certificate_end_ms(pem, &end_ms, &error)) expect_silence(pem, &error);
    if (pem.len && input.ptr[0] % 4 == 1)
        try_client(loop, pem);
    else if (pem.len && input.ptr[0] % 4 >= 2)
        try_server(loop, pem, input.ptr[0] % 4 == 3);
}

/*
 * A client for tests of a server in the same process and on the same loop: asks, turns the loop, keeps the answer.
 */
#ifndef MB_TESTS_ASKER_H
#define MB_TESTS_ASKER_H

#include <stdio.h>
#include <string.h>

#include "io/http_client.h"

enum { ASKER_PATIENCE_MS = 60000 };

struct asker {
    struct loop *loop;
    struct http_client *client;
    bool is_answered;
    int status;
    char type[128], body[65536];
};

/* `address`: "127.0.0.1:1234", or of all addresses, "[::]:1234". */
static void asker_open(struct asker *asker, struct loop *loop, struct str address) {
    struct error error;
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1%s", strrchr(address.ptr, ':'));
    *asker = (struct asker){.loop = loop};
    asker->client = http_client_new(loop, &(struct http_client_settings){.base_url = str_of(url)}, &error);
    assert_non_null(asker->client);
}

static void asker_take(void *owner, struct http_answer *answer) {
    struct asker *asker = owner;
    asker->is_answered = true;
    asker->status = answer->status;
    snprintf(asker->type, sizeof asker->type, "%.*s", STR_ARG(answer->content_type));
    snprintf(asker->body, sizeof asker->body, "%.*s", STR_ARG(strbuf_view(&answer->body)));
}

static void asker_ask(struct asker *asker, const char *method, const char *path, const char *accept) {
    const struct http_request request = {.method = method, .path = str_of(path), .accept = accept, .timeout_ms = ASKER_PATIENCE_MS};
    asker->is_answered = false;
    assert_non_null(http_send(asker->client, &request, asker_take, asker));
    while (!asker->is_answered) loop_run_once(asker->loop, ASKER_PATIENCE_MS);
}

#endif

#include "observe/endpoints.h"

#include <stdlib.h>

#include "io/server.h"
#include "observe/openmetrics.h"

enum {
    ARENA_BYTES = 1024 * 1024,
    /* A family has at most a few hundred lines of a hundred bytes. */
    TEXT_BYTES = 4 * 1024 * 1024,
    /* A scraper, two probes, a person or two; whoever holds more only makes his own oldest ones go. */
    CONNECTIONS = 256,
    IDLE_MS = 30 * 1000,
    HEAD_BYTES = 8 * 1024,
    BODY_BYTES = 1024,
    ADDRESS_BYTES = 128,
};

struct endpoints {
    struct endpoints_settings settings;
    struct server *server;
};

static void answer(struct exchange *exchange, int status, struct str type, struct str body) {
    static const struct exchange_header headers[] = {
        {STR("X-Content-Type-Options"), STR("nosniff")},
        {STR("Cache-Control"), STR("no-cache, no-store, private")},
    };
    struct blob *blob = blob_new(body);
    exchange_answer(exchange, blob ? status : 503, type, headers, sizeof headers / sizeof *headers, blob);
    blob_drop(blob);
}

static void answer_text(struct exchange *exchange, int status, struct str body) {
    answer(exchange, status, STR("text/plain; charset=utf-8"), body);
}

/* ---- checks ---- */

struct verdict {
    size_t checks;
    bool is_good;
    struct strbuf lines;
};

/* `only` empty: all of the table. */
static struct verdict run_checks(const struct endpoints *endpoints, const struct health_check *table, struct str only) {
    struct verdict verdict = {.is_good = true, .lines = strbuf_with_max(TEXT_BYTES)};
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (; table->name; table++) {
        struct str says = STR_EMPTY;
        if (only.len && !str_is(only, table->name)) continue;
        bool is_good = table->check(endpoints->settings.owner, &arena, &says);
        strbuf_printf(&verdict.lines, "[%c]%s %s%s%.*s\n", is_good ? '+' : '-', table->name, is_good ? "ok" : "failed",
                      says.len ? ": " : "", STR_ARG(says));
        verdict.is_good &= is_good;
        verdict.checks++;
    }
    arena_release(&arena);
    return verdict;
}

static bool is_verbose(struct str query) {
    return str_equal(query, STR("verbose")) || str_starts_with(query, STR("verbose=")) || str_starts_with(query, STR("verbose&"));
}

/* `path`: "/healthz" or "/readyz", and perhaps the name of one check behind it. */
static void answer_checks(const struct endpoints *endpoints, struct exchange *exchange, const struct health_check *table, struct str name) {
    struct str only = str_from(exchange->path, name.len + 1);
    struct verdict verdict = run_checks(endpoints, table, only);
    if (only.len && verdict.checks == 0) {
        answer_text(exchange, 404, STR("there is no such check; ?verbose lists them\n"));
    } else if (verdict.is_good && !is_verbose(exchange->query)) {
        answer_text(exchange, 200, STR("ok"));
    } else {
        strbuf_printf(&verdict.lines, "%.*s check %s\n", STR_ARG(str_from(name, 1)), verdict.is_good ? "passed" : "failed");
        answer_text(exchange, verdict.is_good ? 200 : 500, strbuf_view(&verdict.lines));
    }
    strbuf_release(&verdict.lines);
}

/* ---- metrics ---- */

static void answer_metrics(const struct endpoints *endpoints, struct exchange *exchange) {
    enum metrics_format format = openmetrics_negotiate(exchange_header(exchange, "Accept"));
    struct strbuf text = strbuf_with_max(TEXT_BYTES);
    endpoints->settings.collect(endpoints->settings.owner);
    openmetrics_write(&text, endpoints->settings.metrics, format);
    if (text.failed)
        answer_text(exchange, 500, STR("out of memory\n"));
    else
        answer(exchange, 200, openmetrics_content_type(format), strbuf_view(&text));
    strbuf_release(&text);
}

/* ---- requests ---- */

static bool is_under(struct str path, struct str name) {
    return str_equal(path, name) || (str_starts_with(path, name) && path.ptr[name.len] == '/');
}

static void handle(void *owner, struct exchange *exchange) {
    const struct endpoints *endpoints = owner;
    static const struct str health = STR("/healthz"), ready = STR("/readyz");
    if (!str_is(exchange->method, "GET") && !str_is(exchange->method, "HEAD"))
        answer_text(exchange, 405, STR("only GET and HEAD\n"));
    else if (is_under(exchange->path, health))
        answer_checks(endpoints, exchange, endpoints->settings.health, health);
    else if (is_under(exchange->path, ready))
        answer_checks(endpoints, exchange, endpoints->settings.ready, ready);
    else if (str_is(exchange->path, "/metrics"))
        answer_metrics(endpoints, exchange);
    else
        answer_text(exchange, 404, STR("here are /healthz, /readyz and /metrics\n"));
}

/* ":8080" is every address of this machine: IPv6 takes IPv4 along, where the machine has it. */
static struct server *listen_on(struct loop *loop, struct server_settings *settings, struct error *error) {
    static const struct str every[] = {STR("[::]"), STR("0.0.0.0")};
    struct str port = settings->listen;
    struct server *server = NULL;
    if (!str_starts_with(port, STR(":"))) return server_new(loop, settings, error);
    for (size_t i = 0; i < sizeof every / sizeof *every && !server; i++) {
        struct strbuf address = strbuf_with_max(ADDRESS_BYTES);
        strbuf_append(&address, every[i]);
        strbuf_append(&address, port);
        settings->listen = strbuf_view(&address);
        server = server_new(loop, settings, error);
        strbuf_release(&address);
    }
    return server;
}

struct endpoints *endpoints_new(struct loop *loop, const struct endpoints_settings *settings, struct error *error) {
    struct endpoints *endpoints = calloc(1, sizeof *endpoints);
    if (!endpoints) {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
        return NULL;
    }
    endpoints->settings = *settings;
    struct server_settings server = {
        .listen = settings->listen,
        .handler = handle,
        .owner = endpoints,
        .limits =
            {.connections = CONNECTIONS, .is_oldest_cut = true, .idle_ms = IDLE_MS, .head_bytes = HEAD_BYTES, .body_bytes = BODY_BYTES},
    };
    endpoints->server = listen_on(loop, &server, error);
    if (endpoints->server) return endpoints;
    free(endpoints);
    return NULL;
}

void endpoints_free(struct endpoints *endpoints) {
    if (!endpoints) return;
    server_free(endpoints->server);
    free(endpoints);
}

struct str endpoints_address(const struct endpoints *endpoints) {
    return server_address(endpoints->server);
}

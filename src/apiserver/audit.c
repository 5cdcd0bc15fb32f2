#include "apiserver/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "data/rfc3339.h"

bool audit_open(const char *path, FILE **out, struct error *error) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600); /* it holds what others may not read */
    *out = fd < 0 ? NULL : fdopen(fd, "a");
    if (!*out && fd >= 0) close(fd);
    if (!*out) return error_set(error, ERROR_IO, "%s: the audit log cannot be written: %s", path, strerror(errno));
    setvbuf(*out, NULL, _IOLBF, 0);
    return true;
}

void audit_close(FILE *log) {
    if (log) fclose(log);
}

static const char *verb_name(const struct request *request) {
    switch (request->verb) {
#define VERB_NAME(id, bit, word)                                                                                                           \
    case id: return word;
        KIND_VERBS(VERB_NAME)
#undef VERB_NAME
    default: return "get";
    }
}

static void text_member(struct strbuf *out, const char *key, struct str text) {
    if (!text.len) return;
    strbuf_printf(out, ",\"%s\":", key);
    json_write_text(out, text);
}

static void write_object(struct strbuf *out, const struct request *request, const yyjson_val *body) {
    strbuf_append(out, STR(",\"objectRef\":{\"resource\":"));
    json_write_text(out, request->route.resource);
    text_member(out, "namespace", request->route.namespace);
    text_member(out, "name", request->named.len ? request->named : json_text(json_path(body, "metadata", "name", NULL)));
    text_member(out, "apiGroup", request->route.group);
    text_member(out, "apiVersion", request->route.version);
    text_member(out, "subresource", request->route.subresource);
    strbuf_append_char(out, '}');
}

/* Whose bodies, and what is said about them, are nobody's to read in a log. */
static bool is_secret(const struct route *route) {
    static const struct {
        const char *resource, *subresource;
    } secrets[] = {{"secrets", ""}, {"configmaps", ""}, {"tokenreviews", ""}, {"serviceaccounts", "token"}};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (str_is(route->resource, secrets[i].resource) && str_is(route->subresource, secrets[i].subresource)) return true;
    }
    return false;
}

/* The body of a write, on one line; NULL: there is none that is to be shown. */
static yyjson_val *body_of(const struct request *request, struct arena *arena) {
    bool is_write = request->verb & (VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE | VERB_DELETE_COLLECTION);
    if (!request->route.is_resource || !is_write || !request->exchange->body.len || is_secret(&request->route)) return NULL;
    struct error error;
    return json_parse(arena, request->exchange->body, &error);
}

static void write_outcome(struct strbuf *out, const struct request *request, int status) {
    const struct refusal *refusal = &request->refusal;
    strbuf_append(out, STR(",\"responseStatus\":{\"metadata\":{}"));
    if (status >= 400 && refusal->code == status) {
        text_member(out, "status", STR("Failure"));
        if (!is_secret(&request->route)) text_member(out, "message", refusal->message); /* it may quote what was sent */
        text_member(out, "reason", refusal->reason ? str_of(refusal->reason) : STR_EMPTY);
    }
    strbuf_printf(out, ",\"code\":%d}", status);
}

void audit_write(const struct request *request, enum audit_stage stage, int status) {
    FILE *log = request->server->audit_log;
    if (!log || !request->exchange) return;
    struct arena arena;
    arena_init(&arena, REQUEST_ARENA_BYTES);
    struct strbuf line = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_val *body = body_of(request, &arena);
    struct str uri = request->exchange->path, query = request->exchange->query;
    if (query.len) uri = arena_join(&arena, uri, STR("?"), query);
    struct str now = rfc3339_format_ms(&arena, loop_wall_ms(request->server->loop), RFC3339_MICROS);
    struct str received = rfc3339_format_ms(&arena, request->received_ms, RFC3339_MICROS);
    strbuf_printf(&line, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"%s\",\"stage\":\"%s\"",
                  body ? "Request" : "Metadata", stage == AUDIT_STARTED ? "ResponseStarted" : "ResponseComplete");
    text_member(&line, "auditID", request->audit_id);
    text_member(&line, "requestURI", uri);
    text_member(&line, "verb", str_of(verb_name(request)));
    strbuf_append(&line, STR(",\"user\":{\"username\":"));
    json_write_text(&line, request->user.name);
    strbuf_append(&line, STR(",\"groups\":["));
    for (size_t i = 0; i < request->user.group_count; i++) {
        if (i) strbuf_append_char(&line, ',');
        json_write_text(&line, request->user.groups[i]);
    }
    strbuf_append(&line, STR("]}"));
    text_member(&line, "userAgent", exchange_header(request->exchange, "User-Agent"));
    if (request->route.is_resource) write_object(&line, request, body);
    write_outcome(&line, request, status);
    if (body) {
        strbuf_append(&line, STR(",\"requestObject\":"));
        json_write(&line, body);
    }
    text_member(&line, "requestReceivedTimestamp", received);
    text_member(&line, "stageTimestamp", now);
    strbuf_append(&line, STR("}\n"));
    if (!line.failed) fwrite(line.ptr, 1, line.len, log);
    strbuf_release(&line);
    arena_release(&arena);
}

#include "apiserver/audit.h"

#include <errno.h>
#include <string.h>

#include "data/rfc3339.h"

bool audit_open(const char *path, FILE **out, struct error *error) {
    *out = fopen(path, "ae");
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

static void write_object(struct strbuf *out, const struct request *request) {
    strbuf_append(out, STR(",\"objectRef\":{\"resource\":"));
    json_write_text(out, request->route.resource);
    text_member(out, "namespace", request->route.namespace);
    text_member(out, "name", request->route.name);
    text_member(out, "apiGroup", request->route.group);
    text_member(out, "apiVersion", request->route.version);
    text_member(out, "subresource", request->route.subresource);
    strbuf_append_char(out, '}');
}

void audit_write(const struct request *request, int status) {
    FILE *log = request->server->audit_log;
    if (!log || !request->exchange) return;
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct strbuf line = strbuf_with_max(LIMIT_WATCH_LINE_BYTES);
    struct str uri = request->exchange->path, query = request->exchange->query;
    if (query.len) uri = arena_join(&arena, uri, STR("?"), query);
    struct str now = rfc3339_format_ms(&arena, loop_wall_ms(request->server->loop), RFC3339_MICROS);
    strbuf_append(&line, STR("{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"stage\":\"ResponseComplete\""));
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
    if (request->route.is_resource) write_object(&line, request);
    strbuf_printf(&line, ",\"responseStatus\":{\"metadata\":{},\"code\":%d}", status);
    text_member(&line, "requestReceivedTimestamp", request->now);
    text_member(&line, "stageTimestamp", now);
    strbuf_append(&line, STR("}\n"));
    if (!line.failed) fwrite(line.ptr, 1, line.len, log);
    strbuf_release(&line);
    arena_release(&arena);
}

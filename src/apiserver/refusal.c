#include "apiserver/refusal.h"

#include <stdarg.h>
#include <stdio.h>

static struct str format_text(struct arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text) vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text ? (struct str){text, (size_t)len} : STR_EMPTY;
}

#define FORMAT_INTO(variable)                                                                                                              \
    struct str variable;                                                                                                                   \
    do {                                                                                                                                   \
        va_list arguments;                                                                                                                 \
        va_start(arguments, format);                                                                                                       \
        variable = format_text(arena, format, arguments);                                                                                  \
        va_end(arguments);                                                                                                                 \
    } while (0)

struct str refusal_qualified(struct arena *arena, struct str resource, struct str group) {
    return group.len ? arena_join(arena, resource, STR("."), group) : resource;
}

static struct refusal about(int code, const char *reason, const struct refusal_subject *subject) {
    return (struct refusal){
        .code = code, .reason = reason, .has_details = true, .name = subject->name, .group = subject->group, .kind = subject->resource};
}

bool refuse_bad_request(struct arena *arena, struct refusal *out, const char *format, ...) {
    FORMAT_INTO(message);
    *out = (struct refusal){.code = 400, .reason = "BadRequest", .message = message};
    return false;
}

bool refuse_plain(struct arena *arena, struct refusal *out, int code, const char *reason, const char *format, ...) {
    FORMAT_INTO(message);
    *out = (struct refusal){.code = code, .reason = reason, .message = message};
    return false;
}

bool refuse_not_found(struct arena *arena, struct refusal *out, const struct refusal_subject *subject) {
    *out = about(404, "NotFound", subject);
    struct str resource = refusal_qualified(arena, subject->resource, subject->group);
    out->message = arena_printf(arena, "%.*s \"%.*s\" not found", STR_ARG(resource), STR_ARG(subject->name));
    return false;
}

bool refuse_no_resource(struct refusal *out) {
    *out = (struct refusal){
        .code = 404, .reason = "NotFound", .message = STR("the server could not find the requested resource"), .has_details = true};
    return false;
}

bool refuse_exists(struct arena *arena, struct refusal *out, const struct refusal_subject *subject) {
    *out = about(409, "AlreadyExists", subject);
    struct str resource = refusal_qualified(arena, subject->resource, subject->group);
    out->message = arena_printf(arena, "%.*s \"%.*s\" already exists", STR_ARG(resource), STR_ARG(subject->name));
    return false;
}

bool refuse_conflict(struct arena *arena, struct refusal *out, const struct refusal_subject *subject, const char *format, ...) {
    FORMAT_INTO(why);
    *out = about(409, "Conflict", subject);
    struct str resource = refusal_qualified(arena, subject->resource, subject->group);
    out->message = arena_printf(arena, "Operation cannot be fulfilled on %.*s \"%.*s\": %.*s", STR_ARG(resource), STR_ARG(subject->name),
                                STR_ARG(why));
    return false;
}

bool refuse_forbidden(struct arena *arena, struct refusal *out, const struct refusal_subject *subject, const char *format, ...) {
    FORMAT_INTO(why);
    *out = about(403, "Forbidden", subject);
    struct str resource = refusal_qualified(arena, subject->resource, subject->group);
    if (!resource.len) out->message = arena_printf(arena, "forbidden: %.*s", STR_ARG(why));
    else if (!subject->name.len) out->message = arena_printf(arena, "%.*s is forbidden: %.*s", STR_ARG(resource), STR_ARG(why));
    else
        out->message =
            arena_printf(arena, "%.*s \"%.*s\" is forbidden: %.*s", STR_ARG(resource), STR_ARG(subject->name), STR_ARG(why));
    return false;
}

bool refuse_method(struct arena *arena, struct refusal *out, const struct refusal_subject *subject, const char *action) {
    *out = about(405, "MethodNotAllowed", subject);
    out->name = STR_EMPTY;
    struct str resource = refusal_qualified(arena, subject->resource, subject->group);
    out->message = arena_printf(arena, "%s is not supported on resources of kind \"%.*s\"", action, STR_ARG(resource));
    return false;
}

bool refuse_invalid(struct arena *arena, struct refusal *out, const struct refusal_subject *kind, const struct field_errors *errors) {
    *out = about(422, "Invalid", kind);
    struct refusal_cause *causes = arena_array(arena, errors->count, sizeof *causes);
    for (size_t i = 0; causes && i < errors->count; i++) {
        causes[i] = (struct refusal_cause){.reason = str_of(field_error_reason(errors->items[i].kind)),
                                           .message = field_error_body(arena, &errors->items[i]),
                                           .field = errors->items[i].field};
    }
    out->causes = causes;
    out->cause_count = causes ? errors->count : 0;
    struct str resource = refusal_qualified(arena, kind->resource, kind->group);
    struct str text = field_errors_text(arena, errors);
    out->message =
        arena_printf(arena, "%.*s \"%.*s\" is invalid: %.*s", STR_ARG(resource), STR_ARG(kind->name), STR_ARG(text));
    return false;
}

bool refuse_expired(struct arena *arena, struct refusal *out, const char *format, ...) {
    FORMAT_INTO(message);
    *out = (struct refusal){.code = 410, .reason = "Expired", .message = message};
    return false;
}

bool refuse_internal(struct arena *arena, struct refusal *out, const char *format, ...) {
    FORMAT_INTO(why);
    struct refusal_cause *cause = arena_alloc(arena, sizeof *cause);
    struct str message = arena_printf(arena, "Internal error occurred: %.*s", STR_ARG(why));
    if (!message.len) message = STR("Internal error occurred: memory is out");
    if (cause) cause->message = why;
    *out = (struct refusal){.code = 500,
                            .reason = "InternalError",
                            .message = message,
                            .has_details = true,
                            .causes = cause,
                            .cause_count = cause ? 1 : 0};
    return false;
}

static void write_member(struct strbuf *out, bool *is_first, const char *key, struct str text) {
    if (!text.len) return;
    strbuf_printf(out, "%s\"%s\":", *is_first ? "" : ",", key);
    json_write_text(out, text);
    *is_first = false;
}

static void write_causes(struct strbuf *out, bool *is_first, const struct refusal *refusal) {
    if (!refusal->cause_count) return;
    strbuf_printf(out, "%s\"causes\":[", *is_first ? "" : ",");
    for (size_t i = 0; i < refusal->cause_count; i++) {
        const struct refusal_cause *cause = &refusal->causes[i];
        bool is_first_member = true;
        strbuf_append(out, i ? STR(",{") : STR("{"));
        write_member(out, &is_first_member, "reason", cause->reason);
        write_member(out, &is_first_member, "message", cause->message);
        write_member(out, &is_first_member, "field", cause->field);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
    *is_first = false;
}

void refusal_write(struct strbuf *out, const struct refusal *refusal) {
    bool is_first = true;
    strbuf_append(out, STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{"));
    write_member(out, &is_first, "continue", refusal->continue_token);
    strbuf_append(out, STR("},\"status\":\"Failure\",\"message\":"));
    json_write_text(out, refusal->message);
    is_first = false;
    write_member(out, &is_first, "reason", str_of(refusal->reason));
    if (refusal->has_details) {
        strbuf_append(out, STR(",\"details\":{"));
        is_first = true;
        write_member(out, &is_first, "name", refusal->name);
        write_member(out, &is_first, "group", refusal->group);
        write_member(out, &is_first, "kind", refusal->kind);
        write_member(out, &is_first, "uid", refusal->uid);
        write_causes(out, &is_first, refusal);
        if (refusal->retry_after_s) strbuf_printf(out, "%s\"retryAfterSeconds\":%d", is_first ? "" : ",", refusal->retry_after_s);
        strbuf_append_char(out, '}');
    }
    strbuf_printf(out, ",\"code\":%d}", refusal->code);
}

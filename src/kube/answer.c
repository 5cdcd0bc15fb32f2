#include "kube/answer.h"

#include <string.h>

#include "base/error.h"

enum {
    CAUSES_MAX = 64,        /* an object with more mistakes is named by its first ones */
    QUOTED_MAX_BYTES = 120, /* longer quoted values are cut: some messages quote the whole object */
    MESSAGE_MAX_BYTES = 4096,
    RETRY_AFTER_MAX_S = 3600,
    PLAIN_TEXT_MAX_BYTES = 200,
};

const char *kube_answer_kind_name(enum kube_answer_kind kind) {
    static const char *const names[] = {
#define KUBE_ANSWER_NAME(kind, name) name,
        KUBE_ANSWER_KINDS(KUBE_ANSWER_NAME)
#undef KUBE_ANSWER_NAME
    };
    return names[kind];
}

bool kube_answer_is_transient(enum kube_answer_kind kind) {
    switch (kind) {
    case KUBE_LOST:
    case KUBE_NOT_SENT:
    case KUBE_THROTTLED:
    case KUBE_SERVER_ERROR:
    case KUBE_TIMEOUT:
    case KUBE_UNAUTHORIZED: return true;
    default: return false;
    }
}

/* messages */

static size_t end_of_string(struct str text, size_t at) {
    char quote = text.ptr[at];
    for (size_t i = at + 1; i < text.len; i++) {
        if (text.ptr[i] == '\\' && quote == '"')
            i++;
        else if (text.ptr[i] == quote)
            return i + 1;
    }
    return text.len;
}

/* The end of a quoted value that begins at `at`: a string, or an object or list up to its closing bracket. `at` when none begins. */
static size_t end_of_value(struct str text, size_t at) {
    char first = text.ptr[at];
    if (first == '"' || first == '`') return end_of_string(text, at);
    if (first != '{' && first != '[') return at;
    int depth = 0;
    for (size_t i = at; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            i = end_of_string(text, i) - 1;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return text.len;
}

static void append_printable(struct strbuf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        strbuf_append_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
}

/* One line, with long quoted values cut and control characters as blanks. */
static void append_readable(struct strbuf *out, struct str text) {
    for (size_t at = 0; at < text.len;) {
        size_t end = end_of_value(text, at);
        if (end == at) end = at + 1;
        struct str part = {text.ptr + at, end - at};
        bool is_long = part.len > QUOTED_MAX_BYTES;
        append_printable(out, is_long ? str_cut_utf8(part, QUOTED_MAX_BYTES / 2) : part);
        if (is_long) strbuf_append(out, STR("..."));
        /* The closing quote or bracket; what is never closed may end within a character. */
        if (is_long && (unsigned char)part.ptr[part.len - 1] < 0x80) append_printable(out, str_from(part, part.len - 1));
        at = end;
    }
}

/* Cut at its length, which is no failure; without memory, it is. */
static struct str settle(struct arena *arena, struct strbuf *out) {
    if (out->is_memory_out) arena->exhausted = true;
    struct str text = arena_copy(arena, str_cut_utf8(strbuf_view(out), MESSAGE_MAX_BYTES));
    strbuf_release(out);
    return text;
}

static struct str readable(struct arena *arena, struct str text) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    append_readable(&out, text);
    return settle(arena, &out);
}

/* "spec.replicas: Invalid value: -1: ...; spec.x: Required value" */
static struct str message_of_causes(struct arena *arena, const struct kube_answer *answer) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    for (size_t i = 0; i < answer->cause_count; i++) {
        const struct kube_cause *cause = &answer->causes[i];
        if (str_is(cause->field, "<nil>") && out.len) continue; /* "some validation rules were not checked because ..." */
        if (out.len) strbuf_append(&out, STR("; "));
        bool has_field = cause->field.len && !str_is(cause->field, "<nil>") && !str_is(cause->field, "patch");
        if (has_field && !str_starts_with(cause->message, cause->field)) {
            append_readable(&out, cause->field);
            strbuf_append(&out, STR(": "));
        }
        append_readable(&out, cause->message);
    }
    return settle(arena, &out);
}

/* The part that a person needs of "X is invalid: patch: Invalid value: {the whole object}: strict decoding error: unknown field ...". */
static struct str message_of_refusal(struct arena *arena, const struct kube_answer *answer, struct str message) {
    size_t at = str_find(message, STR("strict decoding error: "));
    if (at != SIZE_MAX) return readable(arena, str_from(message, at));
    if (answer->cause_count) return message_of_causes(arena, answer);
    return readable(arena, message);
}

/* statuses */

static bool has_cause(const struct kube_answer *answer, const char *reason) {
    for (size_t i = 0; i < answer->cause_count; i++)
        if (str_is(answer->causes[i].reason, reason)) return true;
    return false;
}

static bool is_denial(struct str message) {
    return (str_contains(message, STR("admission webhook ")) && str_contains(message, STR("denied the request"))) ||
           (str_contains(message, STR("ValidatingAdmissionPolicy ")) && str_contains(message, STR(" denied request"))) ||
           str_contains(message, STR("exceeded quota"));
}

static struct str quoted_after(struct str message, struct str marker) {
    size_t at = str_find(message, marker);
    if (at == SIZE_MAX) return STR_EMPTY;
    struct str rest = str_from(message, at + marker.len);
    return str_first(rest, str_find(rest, STR("\"")));
}

/* RBAC's words: User "x" cannot create resource "modelservings" in API group "g" in the namespace "n" */
static bool read_rbac(struct arena *arena, struct str message, struct kube_answer *answer) {
    static const struct str cannot = STR(" cannot ");
    size_t at = str_find(message, cannot);
    if (at == SIZE_MAX) return false;
    if (str_contains(message, STR("cannot set blockOwnerDeletion"))) {
        answer->verb = STR("update");
        answer->resource = STR("finalizers of the owner");
        return true;
    }
    struct str rest = str_from(message, at + cannot.len);
    struct str resource = quoted_after(rest, STR("resource \""));
    if (!resource.len) resource = quoted_after(rest, STR("path \""));
    answer->verb = arena_copy(arena, str_first(rest, str_find(rest, STR(" "))));
    answer->resource = arena_copy(arena, resource);
    return resource.len > 0;
}

static enum kube_answer_kind kind_of_403(struct arena *arena, struct str message, struct kube_answer *answer) {
    if (has_cause(answer, "NamespaceTerminating")) return KUBE_NAMESPACE_GONE;
    if (is_denial(message)) return KUBE_DENIED;
    /* Half a minute after its start an API server that checks owner references (an admission plugin) may not know our kinds yet. */
    if (str_contains(message, STR("cannot find RESTMapping"))) return KUBE_SERVER_ERROR;
    if (read_rbac(arena, message, answer)) return KUBE_FORBIDDEN;
    /* Admission plugins (Pod Security, LimitRanger, ...) say why after the object's name; a refusal without a Status is an authorizer's. */
    return answer->reason.len ? KUBE_DENIED : KUBE_FORBIDDEN;
}

static enum kube_answer_kind kind_of_404(const struct kube_answer *answer) {
    if (str_is(answer->details_kind, "namespaces")) return KUBE_NAMESPACE_GONE;
    return answer->details_name.len ? KUBE_NOT_FOUND : KUBE_KIND_MISSING_MAYBE;
}

static enum kube_answer_kind kind_of_server_error(struct str message) {
    /* etcd's own limit comes as an internal error and will not go away by trying again. */
    bool is_too_large =
        str_contains(message, STR("request is too large")) || str_contains(message, STR("trying to send message larger than max"));
    if (is_too_large) return KUBE_TOO_LARGE;
    return str_starts_with(message, STR(KUBE_MISFIT)) ? KUBE_INVALID : KUBE_SERVER_ERROR;
}

static enum kube_answer_kind kind_of_code(struct arena *arena, struct str message, struct kube_answer *answer) {
    switch (answer->http_status) {
    case 401: return KUBE_UNAUTHORIZED;
    case 403: return kind_of_403(arena, message, answer);
    case 404: return kind_of_404(answer);
    case 409: return str_is(answer->reason, "AlreadyExists") ? KUBE_ALREADY_EXISTS : is_denial(message) ? KUBE_DENIED : KUBE_CONFLICT;
    case 410: return KUBE_EXPIRED;
    case 413: return KUBE_TOO_LARGE;
    case 429: return is_denial(message) ? KUBE_DENIED : KUBE_THROTTLED;
    case 408:
    case 504: return KUBE_TIMEOUT;
    default: break;
    }
    if (answer->http_status >= 500 || answer->http_status < 400) return kind_of_server_error(message);
    return is_denial(message) ? KUBE_DENIED : KUBE_INVALID;
}

/* A few reasons say more than the code that they come with. */
static enum kube_answer_kind kind_of(struct arena *arena, struct str message, struct kube_answer *answer) {
    static const struct {
        const char *reason;
        enum kube_answer_kind kind;
    } reasons[] = {
        {"Expired", KUBE_EXPIRED},           {"Gone", KUBE_EXPIRED}, {"Timeout", KUBE_TIMEOUT}, {"RequestEntityTooLarge", KUBE_TOO_LARGE},
        {"TooManyRequests", KUBE_THROTTLED},
    };
    answer->is_version_too_large = has_cause(answer, "ResourceVersionTooLarge") || str_contains(message, STR("Too large resource version"));
    if (answer->is_version_too_large) return KUBE_TIMEOUT;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (str_is(answer->reason, reasons[i].reason)) return reasons[i].kind;
    return kind_of_code(arena, message, answer);
}

static void read_causes(struct arena *arena, const yyjson_val *list, struct kube_answer *answer) {
    size_t count = yyjson_arr_size(json_loose(list)), index, max;
    if (count > CAUSES_MAX) count = CAUSES_MAX;
    struct kube_cause *causes = arena_array(arena, count, sizeof *causes);
    yyjson_val *cause;
    if (!causes || !count) return;
    yyjson_arr_foreach(json_loose(list), index, max, cause) {
        if (index == count) break;
        causes[index] = (struct kube_cause){.reason = arena_copy(arena, json_text(json_get(cause, "reason"))),
                                            .field = arena_copy(arena, json_text(json_get(cause, "field"))),
                                            .message = arena_copy(arena, json_text(json_get(cause, "message")))};
    }
    answer->causes = causes;
    answer->cause_count = count;
}

static void read_details(struct arena *arena, const yyjson_val *status, struct kube_answer *answer) {
    const yyjson_val *details = json_get(status, "details");
    int64_t retry_after_s = 0;
    answer->reason = arena_copy(arena, json_text(json_get(status, "reason")));
    answer->details_kind = arena_copy(arena, json_text(json_get(details, "kind")));
    answer->details_name = arena_copy(arena, json_text(json_get(details, "name")));
    read_causes(arena, json_get(details, "causes"), answer);
    if (!answer->retry_after_ms && json_int64(json_get(details, "retryAfterSeconds"), &retry_after_s) && retry_after_s > 0)
        answer->retry_after_ms = (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * 1000;
}

/* What it says is not known, for want of memory: the code alone would not tell a conflict from what exists already. */
static void be_unread(struct kube_answer *answer) {
    *answer = (struct kube_answer){.kind = KUBE_LOST,
                                   .http_status = answer->http_status,
                                   .retry_after_ms = answer->retry_after_ms,
                                   .message = STR("out of memory while reading the API server's answer")};
}

static void judge(struct arena *arena, struct str message, struct kube_answer *answer) {
    answer->kind = kind_of(arena, message, answer);
    answer->message = answer->kind == KUBE_INVALID ? message_of_refusal(arena, answer, message) : readable(arena, message);
    if (!answer->message.len) answer->message = arena_printf(arena, "the API server answered %d without saying why", answer->http_status);
    if (!answer->message.len) answer->message = str_of(kube_answer_kind_name(answer->kind));
    if (arena->exhausted) be_unread(answer);
}

static bool is_status(const yyjson_val *value) {
    return json_is_text(json_get(value, "kind"), "Status");
}

struct kube_answer kube_answer_read(struct arena *arena, int http_status, int64_t retry_after_ms, struct str body) {
    struct kube_answer answer = {.kind = KUBE_OK, .http_status = http_status, .retry_after_ms = retry_after_ms};
    if (http_status >= 200 && http_status < 300) return answer;
    struct arena scratch;
    arena_init(&scratch, LIMIT_RECONCILE_ARENA_BYTES);
    const yyjson_val *status = body.len ? json_parse(&scratch, body, NULL) : NULL;
    struct str message;
    if (is_status(status)) {
        read_details(arena, status, &answer);
        message = json_text(json_get(status, "message"));
    } else {
        message = str_trim(str_cut_utf8(body, PLAIN_TEXT_MAX_BYTES));
        if (message.len && !str_is_utf8(message))
            message = arena_printf(&scratch, "HTTP %d: %s", http_status, QUOTE(message));
        else if (message.len)
            message = arena_printf(&scratch, "HTTP %d: %.*s", http_status, STR_ARG(message));
    }
    judge(arena, message, &answer);
    if (scratch.exhausted) be_unread(&answer);
    arena_release(&scratch);
    return answer;
}

struct kube_answer kube_answer_of_status(struct arena *arena, const yyjson_val *status) {
    struct kube_answer answer = {.http_status = 500};
    int64_t code;
    if (json_int64(json_get(status, "code"), &code) && code >= 300 && code < 600) answer.http_status = (int)code;
    read_details(arena, status, &answer);
    judge(arena, json_text(json_get(status, "message")), &answer);
    return answer;
}

struct kube_answer kube_answer_none(struct arena *arena, enum kube_answer_kind kind, struct str message) {
    struct kube_answer answer = {.kind = kind, .message = arena_copy(arena, message)};
    if (!answer.message.len) answer.message = str_of(kube_answer_kind_name(kind));
    return answer;
}

/* Warning: <code> <agent> "<text>" ["<date>"] (RFC 7234, 5.5); in the text a backslash takes the next character as it is. */
struct str kube_warning_text(struct arena *arena, struct str value) {
    size_t at = str_find(value, STR("\""));
    if (at == SIZE_MAX) return STR_EMPTY;
    struct str quoted = str_from(value, at);
    size_t end = end_of_string(quoted, 0);
    if (end < 2 || quoted.ptr[end - 1] != '"') return STR_EMPTY;
    struct strbuf out = strbuf_with_max(MESSAGE_MAX_BYTES);
    for (size_t i = 1; i + 1 < end; i++) {
        if (quoted.ptr[i] == '\\' && i + 2 < end) i++;
        append_printable(&out, (struct str){quoted.ptr + i, 1});
    }
    struct str text = settle(arena, &out);
    return str_is_utf8(text) ? text : arena_copy(arena, str_of(QUOTE(text)));
}

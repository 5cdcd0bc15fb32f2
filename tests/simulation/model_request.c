#include "model_inner.h"

#include <string.h>

/* ---- answers ---- */

struct model_answer model_accept(int status, struct str body) {
    struct model_answer answer = {.status = status, .body = strbuf_with_max(LIMIT_BODY_BYTES)};
    strbuf_append(&answer.body, body);
    return answer;
}

struct model_answer model_no_path(void) {
    return model_accept(404, STR("404 page not found\n"));
}

static void append_details(struct strbuf *out, const struct model_call *call, struct str cause_field, struct str message) {
    const struct model_kind *kind = &model_kinds[call->kind];
    bool is_of_kind = cause_field.len > 0; /* validation names the kind, all else the resource */
    strbuf_append(out, STR(",\"details\":{"));
    if (call->name.len) strbuf_append(out, STR("\"name\":")), json_write_text(out, call->name), strbuf_append_char(out, ',');
    if (kind->group[0]) strbuf_printf(out, "\"group\":\"%s\",", kind->group);
    strbuf_printf(out, "\"kind\":\"%s\"", is_of_kind ? kind->kind : kind->plural);
    if (cause_field.len) {
        strbuf_append(out, STR(",\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":"));
        json_write_text(out, message);
        strbuf_append(out, STR(",\"field\":"));
        json_write_text(out, cause_field);
        strbuf_append(out, STR("}]"));
    }
    strbuf_append_char(out, '}');
}

struct model_answer model_refuse(int status, const char *reason, struct str message, const struct model_call *call,
                                 struct str cause_field) {
    struct model_answer answer =
        model_accept(status, STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"));
    json_write_text(&answer.body, message);
    strbuf_printf(&answer.body, ",\"reason\":\"%s\"", reason);
    if (call) append_details(&answer.body, call, cause_field, message);
    strbuf_printf(&answer.body, ",\"code\":%d}\n", status);
    return answer;
}

struct model_answer model_not_found(const struct model_call *call) {
    const struct model_kind *kind = &model_kinds[call->kind];
    struct str message =
        arena_printf(call->arena, "%s%s%s \"%.*s\" not found", kind->plural, kind->group[0] ? "." : "", kind->group, STR_ARG(call->name));
    return model_refuse(404, "NotFound", message, call, STR_EMPTY);
}

bool model_is_let(const struct model_call *call, struct model_refusal refusal, struct model_answer *out) {
    if (!refusal.message) return true;
    *out = model_refuse(refusal.status, refusal.reason, str_of(refusal.message), call, STR_EMPTY);
    out->retry_after_ms = refusal.retry_after_ms;
    return false;
}

bool model_is_authorized(const struct model_call *call, struct model_answer *out) {
    const struct model_server *server = call->server;
    return !server->authorize || model_is_let(call, server->authorize(server->refusal_context, call->request, call->kind), out);
}

/* ---- reading a request ---- */

static struct str next_segment(struct str *path) {
    *path = str_starts_with(*path, STR("/")) ? str_from(*path, 1) : *path;
    size_t slash = str_find(*path, STR("/"));
    struct str segment = str_first(*path, slash);
    *path = slash == SIZE_MAX ? STR_EMPTY : str_from(*path, slash);
    return segment;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct str decode(struct arena *arena, struct str text) {
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool is_encoded = text.ptr[i] == '%' && i + 2 < text.len && hex_value(text.ptr[i + 1]) >= 0 && hex_value(text.ptr[i + 2]) >= 0;
        out[len++] = is_encoded ? (char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2])) : text.ptr[i];
        if (is_encoded) i += 2;
    }
    return (struct str){out, len};
}

static void read_query(struct model_call *call, struct str query) {
    while (query.len) {
        size_t end = str_find(query, STR("&"));
        struct str pair = str_first(query, end);
        query = end == SIZE_MAX ? STR_EMPTY : str_from(query, end + 1);
        size_t equals = str_find(pair, STR("="));
        struct str key = str_first(pair, equals), value = equals == SIZE_MAX ? STR_EMPTY : decode(call->arena, str_from(pair, equals + 1));
        if (str_is(key, "fieldManager")) call->field_manager = value;
        if (str_is(key, "fieldSelector")) call->field_selector = value;
        if (str_is(key, "continue")) call->continue_token = value;
        if (str_is(key, "resourceVersion")) call->resource_version = value;
        if (str_is(key, "limit")) number_parse_int64(value, &call->limit);
        if (str_is(key, "timeoutSeconds")) number_parse_int64(value, &call->timeout_s);
        if (str_is(key, "dryRun")) call->is_dry_run = str_is(value, "All");
        if (str_is(key, "watch")) call->is_watch = str_is(value, "true") || str_is(value, "1");
        if (str_is(key, "allowWatchBookmarks")) call->wants_bookmarks = str_is(value, "true");
    }
}

static int kind_at(struct str group, struct str version, struct str plural) {
    for (int kind = 0; kind < MODEL_KIND_COUNT; kind++) {
        const struct model_kind *row = &model_kinds[kind];
        if (str_is(group, row->group) && str_is(version, row->version) && str_is(plural, row->plural)) return kind;
    }
    return MODEL_KIND_COUNT;
}

bool model_call_read(struct model_server *server, const struct model_request *request, struct arena *arena, struct model_call *out,
                     struct model_answer *answer) {
    *out = (struct model_call){.server = server, .request = request, .arena = arena, .kind = MODEL_KIND_COUNT};
    size_t mark = str_find(request->target, STR("?"));
    struct str path = str_first(request->target, mark);
    if (mark != SIZE_MAX) read_query(out, str_from(request->target, mark + 1));
    struct str root = next_segment(&path), group = STR_EMPTY;
    if (str_is(root, "apis")) group = next_segment(&path);
    struct str version = next_segment(&path), plural = next_segment(&path);
    if (str_is(plural, "namespaces")) {
        out->namespace = next_segment(&path);
        plural = next_segment(&path);
    }
    out->name = next_segment(&path);
    out->subresource = next_segment(&path);
    bool is_api = str_is(root, "apis") || str_is(root, "api");
    out->kind = is_api ? kind_at(group, version, plural) : MODEL_KIND_COUNT;
    if (out->kind == MODEL_KIND_COUNT ||
        (out->subresource.len && !(str_is(out->subresource, "status") && model_kinds[out->kind].has_status))) {
        *answer = model_no_path();
        return false;
    }
    return true;
}

bool model_server_is_watch(const struct model_request *request) {
    return strcmp(request->method, "GET") == 0 && str_contains(request->target, STR("watch=true"));
}

/* ---- reads ---- */

/* The newest change at or before `version` of each object, in order of namespace and name: the list as it was at that moment. */
static const struct model_change **snapshot(const struct model_call *call, int64_t version, size_t *out_count) {
    const struct model_server *server = call->server;
    const struct model_change **found = arena_array(call->arena, server->change_count + 1, sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < server->change_count && server->changes[i].version <= version; i++) {
        const struct model_change *change = &server->changes[i];
        if (change->kind != call->kind || (call->namespace.len && !str_is(call->namespace, change->namespace))) continue;
        size_t at = 0;
        int order = 1;
        while (at < count) {
            order = strcmp(change->namespace, found[at]->namespace);
            if (order == 0) order = strcmp(change->name, found[at]->name);
            if (order <= 0) break;
            at++;
        }
        if (at == count || order != 0) {
            memmove(found + at + 1, found + at, (count - at) * sizeof(const struct model_change *));
            count++;
        }
        found[at] = change;
    }
    size_t living = 0;
    for (size_t i = 0; i < count; i++) {
        struct str by_name = str_starts_with(call->field_selector, STR("metadata.name=")) ? str_from(call->field_selector, 14) : STR_EMPTY;
        bool is_wanted = found[i]->change != MODEL_DELETED && (!by_name.len || str_is(by_name, found[i]->name));
        if (is_wanted) found[living++] = found[i];
    }
    *out_count = living;
    return found;
}

/* "version.index" */
static bool read_token(const struct model_call *call, int64_t *out_version, int64_t *out_first) {
    size_t dot = str_find(call->continue_token, STR("."));
    return dot != SIZE_MAX && number_parse_int64(str_first(call->continue_token, dot), out_version) &&
           number_parse_int64(str_from(call->continue_token, dot + 1), out_first);
}

static struct model_answer list(struct model_call *call) {
    const struct model_server *server = call->server;
    const struct model_kind *kind = &model_kinds[call->kind];
    int64_t version = server->version, first = 0;
    if (call->continue_token.len && !read_token(call, &version, &first))
        return model_refuse(400, "BadRequest", STR("continue key is not valid"), NULL, STR_EMPTY);
    if (version < server->compacted_version)
        return model_refuse(410, "Expired", STR("The provided continue parameter is too old to display a consistent list result."), NULL,
                            STR_EMPTY);
    size_t count;
    const struct model_change **items = snapshot(call, version, &count);
    size_t limit = call->limit > 0 ? (size_t)call->limit : count;
    if (call->limit > 0 && server->page_limit && server->page_limit < limit) limit = server->page_limit;
    size_t end = (size_t)first + limit < count ? (size_t)first + limit : count;
    struct model_answer answer = model_accept(200, STR_EMPTY);
    strbuf_printf(&answer.body, "{\"apiVersion\":\"%s%s%s\",\"items\":[", kind->group, kind->group[0] ? "/" : "", kind->version);
    for (size_t i = (size_t)first; i < end; i++) {
        if (i > (size_t)first) strbuf_append_char(&answer.body, ',');
        strbuf_append(&answer.body, model_text_view(items[i]->text));
    }
    strbuf_printf(&answer.body, "],\"kind\":\"%sList\",\"metadata\":{", kind->kind);
    if (end < count)
        strbuf_printf(&answer.body, "\"continue\":\"%lld.%zu\",\"remainingItemCount\":%zu,", (long long)version, end, count - end);
    strbuf_printf(&answer.body, "\"resourceVersion\":\"%lld\"}}\n", (long long)version);
    answer.list_kind = call->kind;
    answer.list_version = end < count ? 0 : version;
    return answer;
}

static struct model_answer get(struct model_call *call) {
    const struct model_object *object = model_server_find(call->server, call->kind, call->namespace, call->name);
    return object ? model_accept(200, model_text_view(object->text)) : model_not_found(call);
}

/* ---- documents ---- */

/* /apis/GROUP/VERSION */
static bool discovery(const struct model_server *server, struct str target, struct model_answer *out) {
    struct str path = target, root = next_segment(&path), group = next_segment(&path), version = next_segment(&path);
    if (!str_is(root, "apis") || path.len) return false;
    bool is_any = false;
    struct model_answer answer = model_accept(200, STR("{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\""));
    strbuf_printf(&answer.body, "%.*s/%.*s\",\"resources\":[", STR_ARG(group), STR_ARG(version));
    for (int kind = 0; kind < MODEL_KIND_COUNT; kind++) {
        const struct model_kind *row = &model_kinds[kind];
        if (!str_is(group, row->group) || !str_is(version, row->version) || server->is_missing[kind]) continue;
        strbuf_printf(&answer.body, "%s{\"name\":\"%s\",\"singularName\":\"%s\",\"namespaced\":true,\"kind\":\"%s\",\"verbs\":[\"get\"]}",
                      is_any ? "," : "", row->plural, row->singular, row->kind);
        is_any = true;
    }
    strbuf_append(&answer.body, STR("]}\n"));
    if (!is_any) {
        strbuf_release(&answer.body);
        answer = model_no_path();
    }
    *out = answer;
    return true;
}

static bool document(const struct model_server *server, struct str target, struct model_answer *out) {
    static const char index[] =
        "{\"paths\":{\"apis/" API_VERSION_WORKLOAD "\":{\"serverRelativeURL\":\"/openapi/v3/apis/" API_VERSION_WORKLOAD "\"}}}";
    static const char wide[] = "\"availableReplicas\":{\"type\":\"integer\"},\"message\":{\"type\":\"string\"},";
    if (server->document_status && str_starts_with(target, STR("/openapi/v3"))) {
        *out = model_refuse(server->document_status, "", STR("no document today"), NULL, STR_EMPTY);
        return true;
    }
    if (str_is(target, "/openapi/v3")) {
        bool is_described = !server->is_missing[MODEL_BOOSTER] && !server->is_undescribed;
        *out = model_accept(200, str_of(is_described ? index : "{\"paths\":{}}"));
        return true;
    }
    if (!str_starts_with(target, STR("/openapi/v3/apis/" API_VERSION_WORKLOAD))) return false;
    *out =
        model_accept(200, STR("{\"components\":{\"schemas\":{\"booster\":{\"x-kubernetes-group-version-kind\":[{\"group\":\"" GROUP_WORKLOAD
                              "\",\"kind\":\"" KIND_BOOSTER "\",\"version\":\"" API_VERSION "\"}],\"properties\":{"));
    strbuf_printf(&out->body,
                  "\"spec\":{\"x-kubernetes-preserve-unknown-fields\":true},\"status\":{\"properties\":{\"backendStatuses\":{\"items\":{"
                  "\"properties\":{%s\"name\":{\"type\":\"string\"}}}}}}}}}}}",
                  server->has_wide_status ? wide : "");
    return true;
}

/* ---- all together ---- */

static struct model_answer perform(struct model_call *call) {
    const char *method = call->request->method;
    struct model_answer refusal;
    if (!model_is_authorized(call, &refusal)) return refusal;
    if (call->server->is_missing[call->kind]) return model_no_path();
    if (strcmp(method, "GET") == 0) return call->name.len ? get(call) : list(call);
    if (strcmp(method, "POST") == 0 && !call->name.len) return model_create(call);
    if (strcmp(method, "DELETE") == 0 && call->name.len) return model_delete(call);
    bool is_change = strcmp(method, "PATCH") == 0 || strcmp(method, "PUT") == 0;
    if (is_change && call->name.len) return model_change(call);
    return model_refuse(405, "MethodNotAllowed", STR("the server does not allow this method on the requested resource"), NULL, STR_EMPTY);
}

struct model_answer model_server_perform(struct model_server *server, const struct model_request *request) {
    struct model_answer answer;
    bool is_get = strcmp(request->method, "GET") == 0;
    if (is_get && (discovery(server, request->target, &answer) || document(server, request->target, &answer))) return answer;
    struct arena arena;
    arena_init(&arena, MODEL_ARENA_BYTES);
    struct model_call call;
    if (model_call_read(server, request, &arena, &call, &answer)) answer = perform(&call);
    arena_release(&arena);
    return answer;
}

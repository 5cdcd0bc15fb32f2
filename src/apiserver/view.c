#include "apiserver/view.h"

#include "apiserver/convert.h"
#include "apiserver/server.h"
#include "apiserver/table.h"
#include "data/yaml_write.h"

bool view_is_plain(const struct request *request, int64_t revision) {
    return request->accept.form == ACCEPT_OBJECT && convert_is_plain(request->kind, request->version, revision);
}

bool view_is_compact(const struct request *request) {
    return !request->accept.is_yaml && !request->accept.is_pretty;
}

/* The object in the request's version, as a tree of the scratch arena. */
static yyjson_val *read_converted(struct request *request, struct arena *scratch, struct blob *stored) {
    struct error error;
    yyjson_val *object = json_parse(scratch, blob_view(stored), &error);
    int64_t revision = 0;
    number_parse_int64(json_text(json_path(object, "metadata", "resourceVersion", NULL)), &revision);
    if (!object || convert_is_plain(request->kind, request->version, revision)) return object;
    yyjson_mut_doc *doc = json_builder(scratch);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, object) : NULL;
    if (!copy || !convert_object(scratch, doc, request->kind, request->version, copy)) return NULL;
    return json_freeze(scratch, copy);
}

static void write_partial(const struct request *request, const yyjson_val *object, struct strbuf *out) {
    strbuf_printf(
        out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%.*s\",\"metadata\":", STR_ARG(request->accept.version));
    json_write(out, json_get(object, "metadata"));
    strbuf_append_char(out, '}');
}

static struct table_settings table_of(struct request *request) {
    return (struct table_settings){.kind = request->kind,
                                   .version = request->version,
                                   .meta_version = request->accept.version,
                                   .include_object = request->accept.include_object,
                                   .now_ms = loop_wall_ms(request->server->loop)};
}

bool view_write_item(struct request *request, struct arena *scratch, struct blob *stored, struct strbuf *out) {
    yyjson_val *object = read_converted(request, scratch, stored);
    if (!object) return false;
    struct table_settings table = table_of(request);
    if (request->accept.form == ACCEPT_OBJECT)
        json_write(out, object);
    else if (request->accept.form == ACCEPT_PARTIAL_METADATA)
        write_partial(request, object, out);
    else
        table_write_row(&table, scratch, object, out);
    return !out->failed && !scratch->exhausted;
}

bool view_write_one(struct request *request, struct arena *scratch, struct blob *stored, struct strbuf *out) {
    if (request->accept.form != ACCEPT_TABLE) return view_write_item(request, scratch, stored, out);
    struct table_settings table = table_of(request);
    struct error error;
    yyjson_val *object = json_parse(scratch, blob_view(stored), &error);
    struct list_items one = {.remaining = -1};
    number_parse_int64(json_text(json_path(object, "metadata", "resourceVersion", NULL)), &one.revision);
    table_begin(&table, one.revision, STR_EMPTY, -1, out);
    if (!view_write_item(request, scratch, stored, out)) return false;
    table_end(out);
    return !out->failed;
}

void view_begin_list(struct request *request, const struct list_items *items, struct strbuf *out) {
    struct table_settings table = table_of(request);
    if (request->accept.form == ACCEPT_TABLE) {
        table_begin(&table, items->revision, items->continue_token, items->remaining, out);
        return;
    }
    bool is_partial = request->accept.form == ACCEPT_PARTIAL_METADATA;
    struct str api_version =
        is_partial ? arena_join(&request->arena, STR("meta.k8s.io/"), request->accept.version, STR_EMPTY) : request_api_version(request);
    struct str kind = is_partial ? STR("PartialObjectMetadataList") : request->kind->list_kind;
    strbuf_printf(out, "{\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\",\"metadata\":{\"resourceVersion\":\"%lld\"", STR_ARG(kind),
                  STR_ARG(api_version), (long long)items->revision);
    /* Lists of defined kinds carry the field even where it is empty. */
    bool says_continue = items->continue_token.len || (request->kind->is_defined && !is_partial);
    if (says_continue) strbuf_printf(out, ",\"continue\":\"%.*s\"", STR_ARG(items->continue_token));
    if (items->remaining > 0) strbuf_printf(out, ",\"remainingItemCount\":%lld", (long long)items->remaining);
    strbuf_append(out, STR("},\"items\":["));
}

void view_end_list(struct request *request, struct strbuf *out) {
    if (request->accept.form == ACCEPT_TABLE)
        table_end(out);
    else
        strbuf_append(out, STR("]}"));
}

void view_write_bookmark(struct request *request, int64_t revision, bool is_initial_end, struct strbuf *out) {
    if (request->accept.form == ACCEPT_TABLE) {
        struct table_settings table = table_of(request);
        table_begin(&table, revision, STR_EMPTY, -1, out);
        table_end(out);
        return;
    }
    bool is_partial = request->accept.form == ACCEPT_PARTIAL_METADATA;
    struct str api_version =
        is_partial ? arena_join(&request->arena, STR("meta.k8s.io/"), request->accept.version, STR_EMPTY) : request_api_version(request);
    struct str kind = is_partial ? STR("PartialObjectMetadata") : request->kind->kind;
    strbuf_printf(out, "{\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\",\"metadata\":{\"resourceVersion\":\"%lld\"%s}}", STR_ARG(kind),
                  STR_ARG(api_version), (long long)revision,
                  is_initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

struct blob *view_dress(struct request *request, struct str json, struct str *out_type) {
    *out_type = STR("application/json");
    if (view_is_compact(request)) return blob_new(json);
    struct arena scratch;
    struct error error;
    arena_init(&scratch, REQUEST_ARENA_BYTES * (size_t)4);
    struct strbuf text = strbuf_with_max(LIMIT_OUTPUT_BYTES);
    yyjson_val *value = json_parse(&scratch, json, &error);
    if (request->accept.is_yaml) {
        *out_type = STR("application/yaml");
        yaml_write(&text, value);
    } else {
        json_write_indented(&text, value);
    }
    struct blob *blob = value && !text.failed ? blob_new(strbuf_view(&text)) : NULL;
    strbuf_release(&text);
    arena_release(&scratch);
    return blob;
}

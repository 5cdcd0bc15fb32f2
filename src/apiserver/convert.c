#include "apiserver/convert.h"

#include "schema/builtin.h"

/* core/v1 Event's names of what events.k8s.io/v1 calls otherwise (pkg/apis/events/v1/conversion.go): key there, key in core. */
static const struct {
    const char *events, *core;
} event_fields[] = {
    {"note", "message"},
    {"regarding", "involvedObject"},
    {"reportingController", "reportingComponent"},
    {"deprecatedSource", "source"},
    {"deprecatedFirstTimestamp", "firstTimestamp"},
    {"deprecatedLastTimestamp", "lastTimestamp"},
    {"deprecatedCount", "count"},
};

static bool is_events_group(const struct kind *kind) {
    return kind->builtin && str_is(kind->group, "events.k8s.io");
}

static void rename_key(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *from, const char *to) {
    yyjson_mut_val *value = mut_get(object, from);
    if (!value) return;
    yyjson_mut_obj_remove_key(object, from);
    mut_set(doc, object, to, value);
}

static void rename_event(yyjson_mut_doc *doc, yyjson_mut_val *object, bool is_to_core) {
    for (size_t i = 0; i < sizeof event_fields / sizeof event_fields[0]; i++) {
        if (is_to_core) rename_key(doc, object, event_fields[i].events, event_fields[i].core);
        else rename_key(doc, object, event_fields[i].core, event_fields[i].events);
    }
    static const char *const omitted[] = {"reportingController", "reportingInstance"};
    for (size_t i = 0; !is_to_core && i < 2; i++) {
        if (mut_is_empty(mut_get(object, omitted[i]))) mut_remove(object, omitted[i]);
    }
    mut_set_text(doc, object, "apiVersion", is_to_core ? STR("v1") : STR("events.k8s.io/v1"));
}

bool convert_is_plain(const struct kind *kind, const struct kind_version *version, int64_t revision) {
    /* What was written through another version has not got the fields that this one fills in. */
    if (kind->is_defined && kind->version_count > 1) return false;
    return version == kind->storage_version && revision >= kind->revision && !is_events_group(kind);
}

bool convert_object(struct arena *arena, yyjson_mut_doc *doc, const struct kind *kind, const struct kind_version *version,
                    yyjson_mut_val *object) {
    if (is_events_group(kind)) rename_event(doc, object, false);
    if (kind->builtin) return true;
    struct str api_version = arena_join(arena, kind->group, STR("/"), version->version);
    if (!str_equal(mut_text_at(object, "apiVersion"), api_version)) mut_set_text(doc, object, "apiVersion", api_version);
    return schema_prune(version->schema, arena, doc, object, NULL) && schema_default(version->schema, arena, doc, object);
}

bool convert_from_storage(struct request *request, yyjson_mut_val *object) {
    return convert_object(&request->arena, request->doc, request->kind, request->version, object);
}

bool convert_to_storage(struct request *request, yyjson_mut_val *object) {
    const struct kind *kind = request->kind;
    if (is_events_group(kind)) rename_event(request->doc, object, true);
    if (kind->builtin || request->version == kind->storage_version) return true;
    struct str api_version = arena_join(&request->arena, kind->group, STR("/"), kind->storage_version->version);
    mut_set_text(request->doc, object, "apiVersion", api_version);
    return !request->arena.exhausted;
}

/* Typed kinds read a null as the zero value: absent, or the empty text in a map of texts. */
static void drop_nulls(const struct schema *schema, yyjson_mut_val *value) {
    if (yyjson_mut_is_arr(value)) {
        size_t index, max;
        yyjson_mut_val *item;
        yyjson_mut_arr_foreach(value, index, max, item) {
            if (yyjson_mut_is_ctn(item)) drop_nulls(schema_items(schema), item);
        }
        return;
    }
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(value);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) {
        yyjson_mut_val *member = yyjson_mut_obj_iter_get_val(key);
        const struct schema *known = schema_property(schema, json_mut_text(key));
        bool is_text_in_map = known && !schema_is_property(schema, json_mut_text(key)) && str_is(schema_type(known), "string");
        if (yyjson_mut_is_ctn(member) && known) drop_nulls(known, member);
        else if (yyjson_mut_is_null(member) && is_text_in_map) yyjson_mut_set_strn(member, "", 0);
        else if (yyjson_mut_is_null(member) && known) yyjson_mut_obj_iter_remove(&iterator);
    }
}

void convert_drop_nulls(struct request *request, yyjson_mut_val *object) {
    if (request->version->schema) drop_nulls(request->version->schema, object);
}

bool convert_check_types(struct request *request, const yyjson_mut_val *object) {
    if (!request->version->schema) return true;
    struct field_errors errors = {.arena = &request->arena};
    schema_validate(request->version->schema, &request->arena, object, NULL, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        if (errors.items[i].kind != FIELD_TYPE_INVALID) continue;
        struct str body = field_error_body(&request->arena, &errors.items[i]);
        return refuse_bad_request(&request->arena, &request->refusal, "%.*s in version \"%.*s\" cannot be handled as a %.*s: %.*s: %.*s",
                                  STR_ARG(request->kind->kind), STR_ARG(request->version->version), STR_ARG(request->kind->kind),
                                  STR_ARG(errors.items[i].field), STR_ARG(body));
    }
    return true;
}

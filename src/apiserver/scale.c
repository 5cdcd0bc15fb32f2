#include "apiserver/scale.h"

#include "apiserver/object_meta.h"
#include "apiserver/server.h"
#include "apiserver/write.h"
#include "schema/builtin.h"

bool scale_is_asked(const struct request *request) {
    return request->subresource && str_is(request->subresource->name, "scale");
}

/* ".spec.replicas" -> the value, and its parent and key for setting it. NULL: not there. */
static yyjson_mut_val *at_path(const yyjson_mut_val *object, struct str path) {
    yyjson_mut_val *value = json_mut_loose(object);
    for (struct str rest = str_from(path, 1); rest.len && value;) {
        size_t dot = str_find(rest, STR("."));
        value = mut_get_str(value, dot == SIZE_MAX ? rest : str_first(rest, dot));
        rest = dot == SIZE_MAX ? STR_EMPTY : str_from(rest, dot + 1);
    }
    return value;
}

static void set_at_path(struct request *request, yyjson_mut_val *object, struct str path, int64_t number) {
    for (struct str rest = str_from(path, 1); rest.len;) {
        size_t dot = str_find(rest, STR("."));
        struct str key = arena_copy(&request->arena, dot == SIZE_MAX ? rest : str_first(rest, dot));
        if (dot == SIZE_MAX) {
            mut_set_int64(request->doc, object, key.ptr, number);
            return;
        }
        object = mut_need_object(request->doc, object, key.ptr);
        rest = str_from(rest, dot + 1);
    }
}

yyjson_mut_val *scale_of(struct request *request, const yyjson_mut_val *object) {
    const struct definition_version *definition = request->version->definition;
    yyjson_mut_doc *doc = request->doc;
    yyjson_mut_val *scale = yyjson_mut_obj(doc), *metadata = yyjson_mut_obj(doc), *spec = yyjson_mut_obj(doc),
                   *status = yyjson_mut_obj(doc);
    static const char *const kept[] = {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"};
    int64_t replicas = 0;
    mut_set_text(doc, scale, "kind", STR("Scale"));
    mut_set_text(doc, scale, "apiVersion", STR("autoscaling/v1"));
    mut_set(doc, scale, "metadata", metadata);
    mut_set(doc, scale, "spec", spec);
    mut_set(doc, scale, "status", status);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) mut_take(doc, metadata, kept[i], mut_get(object, "metadata"));
    if (mut_int64(at_path(object, definition->scale_spec_replicas_path), &replicas)) mut_set_int64(doc, spec, "replicas", replicas);
    replicas = 0;
    mut_int64(at_path(object, definition->scale_status_replicas_path), &replicas);
    mut_set_int64(doc, status, "replicas", replicas);
    if (definition->scale_label_selector_path.len) {
        struct str selector = json_mut_text(at_path(object, definition->scale_label_selector_path));
        if (selector.len) mut_set_text(doc, status, "selector", selector);
    }
    return scale;
}

void verb_get_scale(struct request *request) {
    yyjson_mut_val *live;
    if (write_load_live(request, &live))
        request_answer_value(request, 200, scale_of(request, live));
    else
        request_refuse(request);
}

static void answer_scale(struct request *request, const struct error *error) {
    struct error parse_error;
    request->answer_written = NULL;
    yyjson_mut_val *object = error ? NULL : mut_parse(&request->arena, request->doc, blob_view(request->written), &parse_error);
    if (object)
        request_answer_value(request, request->status, scale_of(request, object));
    else
        write_answer(request, error);
}

/* In the words in which write_refuse_as_patch looks for what is wrong. */
static bool refuse_type(struct request *request, struct str why) {
    return refuse_bad_request(&request->arena, &request->refusal, "Scale in version \"v1\" cannot be handled as a Scale: %.*s",
                              STR_ARG(why));
}

static bool check_kind(struct request *request, const yyjson_mut_val *scale) {
    struct str version = mut_text_at(scale, "apiVersion"), kind = mut_text_at(scale, "kind");
    if ((!version.len || str_is(version, "autoscaling/v1")) && (!kind.len || str_is(kind, "Scale"))) return true;
    return refuse_type(
        request, arena_printf(&request->arena, "no kind \"%.*s\" is registered for version \"%.*s\"", STR_ARG(kind), STR_ARG(version)));
}

/* A null is what is not there, as in Go. */
static void drop_nulls(yyjson_mut_val *object) {
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(object);
    while (yyjson_mut_obj_iter_next(&iterator)) {
        if (yyjson_mut_is_null(yyjson_mut_obj_iter_get_val(iterator.cur))) yyjson_mut_obj_iter_remove(&iterator);
    }
}

static bool check_int32(struct request *request, const yyjson_mut_val *scale, const char *part) {
    int64_t replicas = 0;
    const yyjson_mut_val *value = mut_path(scale, part, "replicas", NULL);
    if (!value || (mut_int64(value, &replicas) && replicas >= INT32_MIN && replicas <= INT32_MAX)) return true;
    return refuse_type(request, arena_printf(&request->arena, "%s.replicas is beyond an int32", part));
}

/* A Scale is of one type, whatever its object is. */
static bool shape(struct request *request, yyjson_mut_val *scale, struct complaints *complaints) {
    struct arena *arena = &request->arena;
    struct schema_unknown unknown = {0};
    struct field_errors errors = {.arena = arena};
    drop_nulls(scale);
    drop_nulls(mut_get(scale, "spec"));
    drop_nulls(mut_get(scale, "status"));
    if (!check_kind(request, scale) || !meta_shape(request, scale, complaints)) return false;
    const struct schema *schema = builtin_schema(arena, STR("autoscaling"), STR("v1"), STR("Scale"));
    if (!schema || !schema_prune(schema, arena, request->doc, scale, &unknown))
        return refuse_internal(arena, &request->refusal, "memory is out");
    for (size_t i = 0; i < unknown.count; i++) complain(arena, complaints, "unknown", unknown.paths[i]);
    schema_validate(schema, arena, scale, NULL, &errors);
    if (errors.count) return refuse_type(request, field_errors_text(arena, &errors));
    return check_int32(request, scale, "spec") && check_int32(request, scale, "status");
}

static bool check_replicas(struct request *request, int64_t replicas, const yyjson_mut_val *value) {
    if (replicas >= 0) return true;
    struct field_errors errors = {.arena = &request->arena};
    field_errors_add(&errors, FIELD_INVALID, STR("spec.replicas"), value, "should be a non-negative integer");
    struct refusal_subject kind = {.resource = STR("Scale"), .group = STR("autoscaling"), .name = request->name};
    return refuse_invalid(&request->arena, &request->refusal, &kind, &errors);
}

static bool refuse_no_replicas(struct request *request) {
    return refuse_bad_request(&request->arena, &request->refusal, "the spec replicas field \"%.*s\" cannot be empty",
                              STR_ARG(request->version->definition->scale_spec_replicas_path));
}

static bool check_metadata(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *scale) {
    const yyjson_mut_val *metadata = mut_get(scale, "metadata"), *live_metadata = mut_get(live, "metadata");
    struct str name = mut_text_at(metadata, "name"), uid = mut_text_at(metadata, "uid"), live_uid = mut_text_at(live_metadata, "uid");
    struct str revision = mut_text_at(metadata, "resourceVersion");
    struct refusal_subject subject = request_subject(request);
    if (!str_equal(name, request->name))
        return refuse_bad_request(&request->arena, &request->refusal,
                                  "the name of the object (%.*s) does not match the name on the URL (%.*s)", STR_ARG(name),
                                  STR_ARG(request->name));
    if (!meta_check_namespace(request, scale)) return false;
    if (uid.len && !str_equal(uid, live_uid))
        return refuse_conflict(&request->arena, &request->refusal, &subject,
                               "Precondition failed: UID in precondition: %.*s, UID in object meta: %.*s", STR_ARG(uid), STR_ARG(live_uid));
    if (!revision.len || str_equal(revision, mut_text_at(live_metadata, "resourceVersion"))) return true;
    return refuse_conflict(&request->arena, &request->refusal, &subject,
                           "the object has been modified; please apply your changes to the latest version and try again");
}

/* None are 0, but where a patch leaves open what has never been said. */
static bool set_replicas(struct request *request, const yyjson_mut_val *live, const yyjson_mut_val *scale, yyjson_mut_val **out) {
    struct str path = request->version->definition->scale_spec_replicas_path;
    const yyjson_mut_val *value = mut_path(scale, "spec", "replicas", NULL);
    int64_t replicas = 0;
    if (!mut_int64(value, &replicas) && request->verb == VERB_PATCH && !at_path(live, path)) return refuse_no_replicas(request);
    if (!check_replicas(request, replicas, value)) return false;
    *out = mut_copy(request->doc, live);
    set_at_path(request, *out, path, replicas);
    return true;
}

void scale_write(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *scale, struct complaints *complaints) {
    yyjson_mut_val *object = NULL, *sent = mut_copy(request->doc, scale);
    bool is_patch = request->verb == VERB_PATCH;
    if (!shape(request, scale, complaints)) {
        if (is_patch) write_refuse_as_patch(request, sent);
        request_refuse(request);
        return;
    }
    if (!check_metadata(request, live, scale) || !set_replicas(request, live, scale, &object)) {
        request_refuse(request);
        return;
    }
    request->answer_written = answer_scale;
    if (is_patch)
        write_patched(request, live, object, complaints);
    else
        write_update(request, live, object, complaints);
}

bool scale_read_applied(struct request *request, yyjson_mut_val *scale, struct complaints *complaints, yyjson_mut_val **out) {
    static const char *const kept[] = {"name", "namespace", "uid", "resourceVersion"};
    yyjson_mut_doc *doc = request->doc;
    int64_t replicas = 0;
    if (!shape(request, scale, complaints)) return false;
    const yyjson_mut_val *value = mut_path(scale, "spec", "replicas", NULL);
    if (!mut_int64(value, &replicas)) return refuse_no_replicas(request);
    if (!check_replicas(request, replicas, value)) return false;
    yyjson_mut_val *object = yyjson_mut_obj(doc), *metadata = mut_need_object(doc, object, "metadata");
    mut_set_text(doc, object, "apiVersion", request_api_version(request));
    mut_set_text(doc, object, "kind", request->kind->kind);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) mut_take(doc, metadata, kept[i], mut_get(scale, "metadata"));
    set_at_path(request, object, request->version->definition->scale_spec_replicas_path, replicas);
    request->answer_written = answer_scale;
    *out = object;
    return true;
}

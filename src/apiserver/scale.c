#include "apiserver/body.h"
#include "apiserver/server.h"
#include "apiserver/write.h"
#include "data/patch.h"

/* The Scale subresource (autoscaling/v1) of kinds whose definition names its paths. */

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

static yyjson_mut_val *scale_of(struct request *request, const yyjson_mut_val *object) {
    const struct definition_version *definition = request->version->definition;
    yyjson_mut_doc *doc = request->doc;
    yyjson_mut_val *scale = yyjson_mut_obj(doc), *metadata = yyjson_mut_obj(doc), *spec = yyjson_mut_obj(doc), *status = yyjson_mut_obj(doc);
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
        struct str selector = mut_text(at_path(object, definition->scale_label_selector_path));
        if (selector.len) mut_set_text(doc, status, "selector", selector);
    }
    return scale;
}

void verb_get_scale(struct request *request) {
    yyjson_mut_val *live;
    if (write_load_live(request, &live)) request_answer_value(request, 200, scale_of(request, live));
    else request_refuse(request);
}

static void answer_scale(struct request *request, const struct error *error) {
    struct error parse_error;
    request->answer_written = NULL;
    yyjson_mut_val *object = error ? NULL : mut_parse(&request->arena, request->doc, blob_view(request->written), &parse_error);
    if (object) request_answer_value(request, request->status, scale_of(request, object));
    else write_answer(request, error);
}

static bool set_replicas(struct request *request, const yyjson_mut_val *live, const yyjson_mut_val *scale, yyjson_mut_val **out) {
    int64_t replicas = 0;
    mut_int64(mut_path(scale, "spec", "replicas", NULL), &replicas);
    struct str revision = mut_text_at(mut_get(scale, "metadata"), "resourceVersion");
    struct refusal_subject subject = request_subject(request);
    if (replicas < 0) {
        struct field_errors errors = {.arena = &request->arena};
        field_errors_add(&errors, FIELD_INVALID, STR("spec.replicas"), mut_path(scale, "spec", "replicas", NULL), "should be a non-negative integer");
        struct refusal_subject kind = {.resource = STR("Scale"), .group = STR("autoscaling"), .name = request->name};
        return refuse_invalid(&request->arena, &request->refusal, &kind, &errors);
    }
    if (revision.len && !str_equal(revision, mut_text(mut_path(live, "metadata", "resourceVersion", NULL))))
        return refuse_conflict(&request->arena, &request->refusal, &subject,
                               "the object has been modified; please apply your changes to the latest version and try again");
    *out = mut_copy(request->doc, live);
    set_at_path(request, *out, request->version->definition->scale_spec_replicas_path, replicas);
    return true;
}

static void write_scale(struct request *request, const yyjson_mut_val *live, const yyjson_mut_val *scale) {
    yyjson_mut_val *object = NULL;
    struct complaints complaints = {0};
    if (!set_replicas(request, live, scale, &object)) {
        request_refuse(request);
        return;
    }
    request->answer_written = answer_scale;
    write_update(request, live, object, &complaints);
}

void verb_update_scale(struct request *request, const yyjson_mut_val *scale) {
    yyjson_mut_val *live;
    if (write_load_live(request, &live)) write_scale(request, live, scale);
    else request_refuse(request);
}

void verb_patch_scale(struct request *request, const yyjson_val *patch, bool is_json_patch) {
    yyjson_mut_val *live, *scale = NULL;
    struct error error;
    if (!write_load_live(request, &live)) {
        request_refuse(request);
        return;
    }
    yyjson_val *before = json_freeze(&request->arena, scale_of(request, live));
    if (is_json_patch) scale = patch_json(&request->arena, request->doc, before, patch, &error);
    else scale = patch_merge(&request->arena, request->doc, before, patch);
    if (scale) {
        write_scale(request, live, scale);
        return;
    }
    refuse_bad_request(&request->arena, &request->refusal, "the patch cannot be applied to the Scale");
    request_refuse(request);
}

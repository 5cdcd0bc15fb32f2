#include "apiserver/scale.h"
#include "apiserver/server.h"
#include "apiserver/write.h"
#include "data/patch.h"
#include "data/yaml_read.h"
#include "schema/managed.h"
#include "schema/strategic.h"

enum patch_kind { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

static const struct {
    const char *media_type;
    enum patch_kind kind;
} patch_kinds[] = {
    {"application/json-patch+json", PATCH_JSON},
    {"application/merge-patch+json", PATCH_MERGE},
    {"application/strategic-merge-patch+json", PATCH_STRATEGIC},
    {"application/apply-patch+yaml", PATCH_APPLY},
};

static bool find_kind(struct request *request, enum patch_kind *out) {
    struct str header = exchange_header(request->exchange, "Content-Type");
    size_t end = str_find(header, STR(";"));
    struct str type = str_trim(end == SIZE_MAX ? header : str_first(header, end));
    for (size_t i = 0; i < sizeof patch_kinds / sizeof patch_kinds[0]; i++) {
        if (!str_equal_ignoring_case(type, str_of(patch_kinds[i].media_type))) continue;
        if (patch_kinds[i].kind == PATCH_STRATEGIC && request->kind->is_defined) break;
        *out = patch_kinds[i].kind;
        return true;
    }
    if (!request->kind->is_defined) {
        /* The router's words: built-in kinds tell it what they take, and it refuses the rest. */
        refuse_plain(&request->arena, &request->refusal, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
        request->refusal.has_details = true;
        return false;
    }
    return refuse_plain(&request->arena, &request->refusal, 415, "UnsupportedMediaType",
                        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
                        "application/merge-patch+json, application/apply-patch+yaml");
}

/* JSON Patch: whatever of it cannot be done is told in these words alone. */
static yyjson_mut_val *apply_json_patch(struct request *request, const yyjson_mut_val *live, const yyjson_val *patch) {
    if (!yyjson_is_arr(json_loose(patch))) {
        refuse_bad_request(&request->arena, &request->refusal,
                           "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp");
        return NULL;
    }
    struct error error;
    yyjson_mut_val *result = patch_json(&request->arena, request->doc, json_freeze(&request->arena, live), patch, &error);
    if (result) return result;
    if (error.kind == ERROR_NOT_FOUND || error.kind == ERROR_INVALID)
        request->refusal = (struct refusal){.code = 422,
                                            .reason = "Invalid",
                                            .message = STR("the server rejected our request due to an error in our request"),
                                            .has_details = true};
    else
        refuse_bad_request(&request->arena, &request->refusal, "%s: %s", error.path, error.message);
    return NULL;
}

/* Malformed directives are the client's fault; what else does not fit together is told with the same codes as kube-apiserver's. */
static yyjson_mut_val *apply_strategic_patch(struct request *request, const yyjson_mut_val *live, yyjson_val *patch) {
    struct error error;
    struct arena *arena = &request->arena;
    yyjson_mut_val *result =
        strategic_merge(request->version->schema, arena, request->doc, live, yyjson_val_mut_copy(request->doc, patch), &error);
    if (result) return result;
    if (error.kind == ERROR_SYNTAX)
        refuse_bad_request(arena, &request->refusal, "%s", error.message);
    else
        refuse_plain(arena, &request->refusal, error.kind == ERROR_UNSUPPORTED ? 422 : 500, "", "%s", error.message);
    return NULL;
}

static yyjson_mut_val *patched(struct request *request, enum patch_kind kind, const yyjson_mut_val *live, yyjson_val *patch) {
    if (kind == PATCH_JSON) return apply_json_patch(request, live, patch);
    if (!yyjson_is_obj(patch)) {
        refuse_bad_request(&request->arena, &request->refusal,
                           "%sjson: cannot unmarshal array into Go value of type map[string]interface {}",
                           kind == PATCH_STRATEGIC ? "" : "error decoding patch: ");
        return NULL;
    }
    if (kind == PATCH_STRATEGIC) return apply_strategic_patch(request, live, patch);
    yyjson_mut_val *result = patch_merge(&request->arena, request->doc, json_freeze(&request->arena, live), patch);
    if (!result) refuse_internal(&request->arena, &request->refusal, "memory is out");
    return result;
}

static bool refuse_apply_conflicts(struct request *request, const struct managed_conflict *conflicts, size_t count) {
    struct refusal_cause *causes = arena_array(&request->arena, count, sizeof *causes);
    if (!causes) return refuse_internal(&request->arena, &request->refusal, "memory is out");
    struct strbuf message = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_printf(&message, "Apply failed with %zu conflict%s: ", count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++) {
        causes[i] = (struct refusal_cause){.reason = STR("FieldManagerConflict"),
                                           .message = arena_printf(&request->arena, "conflict with %.*s", STR_ARG(conflicts[i].manager)),
                                           .field = conflicts[i].field};
    }
    if (count == 1) {
        strbuf_printf(&message, "conflict with %.*s: %.*s", STR_ARG(conflicts[0].manager), STR_ARG(conflicts[0].field));
    } else {
        struct str last = STR_EMPTY;
        for (size_t i = 0; i < count; i++) {
            if (!str_equal(last, conflicts[i].manager)) {
                strbuf_printf(&message, "%sconflicts with %.*s:", i ? "\n" : "", STR_ARG(conflicts[i].manager));
                last = conflicts[i].manager;
            }
            strbuf_printf(&message, "\n- %.*s", STR_ARG(conflicts[i].field));
        }
    }
    struct str text = strbuf_take(&message, &request->arena);
    request->refusal =
        (struct refusal){.code = 409, .reason = "Conflict", .message = text, .has_details = true, .causes = causes, .cause_count = count};
    return false;
}

/* An apply names what it is about, also where the path does. */
static bool check_applied_kind(struct request *request, const yyjson_mut_val *applied) {
    struct str version = mut_text_at(applied, "apiVersion"), kind = mut_text_at(applied, "kind");
    if (version.len && str_equal(kind, scale_is_asked(request) ? STR("Scale") : request->kind->kind)) return true;
    return refuse_bad_request(&request->arena, &request->refusal, "invalid object type: %s%.*s, Kind=%.*s",
                              str_contains(version, STR("/")) ? "" : "/", STR_ARG(version), STR_ARG(kind));
}

static bool check_applied(struct request *request, yyjson_mut_val *applied) {
    struct arena *arena = &request->arena;
    yyjson_mut_val *metadata = mut_get(applied, "metadata");
    if (!mut_is_empty(mut_get(metadata, "managedFields")))
        return refuse_bad_request(arena, &request->refusal, "metadata.managedFields must be nil");
    return true;
}

/* A Scale is turned into what it applies to its object. */
static bool read_applied(struct request *request, struct complaints *complaints, yyjson_mut_val **out) {
    const struct kind *kind = request->kind;
    if (!body_read(request, out, complaints) || !check_applied_kind(request, *out)) return false;
    if (scale_is_asked(request)) return check_applied(request, *out) && scale_read_applied(request, *out, complaints, out);
    return body_check_kind(request, *out, kind->group, request->version->version, kind->kind) && check_applied(request, *out);
}

static bool merge_applied(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *applied, yyjson_mut_val **out) {
    struct managed_request managed = {.schema = request->version->schema,
                                      .manager = request->parameters.field_manager,
                                      .subresource = request->subresource ? request->subresource->name : STR_EMPTY,
                                      .api_version = request_api_version(request),
                                      .now = request->now,
                                      .is_force = request->parameters.is_force};
    bool is_status = request->subresource && str_is(request->subresource->name, "status");
    managed.resets_all_but_status = is_status;
    for (size_t i = 0; i < request->version->subresource_count; i++) {
        if (!is_status && str_is(request->version->subresources[i].name, "status")) managed.resets_status = true;
    }
    const struct managed_conflict *conflicts;
    size_t conflict_count;
    struct error error;
    switch (managed_apply(&managed, &request->arena, request->doc, live, applied, out, &conflicts, &conflict_count, &error)) {
    case MANAGED_APPLIED: return true;
    case MANAGED_UNCHANGED: return true;
    case MANAGED_CONFLICT: return refuse_apply_conflicts(request, conflicts, conflict_count);
    case MANAGED_INVALID: return refuse_plain(&request->arena, &request->refusal, 500, "", "%s", error.message);
    case MANAGED_NO_MEMORY: break;
    }
    return refuse_internal(&request->arena, &request->refusal, "memory is out");
}

static void apply(struct request *request) {
    struct complaints complaints = {0};
    yyjson_mut_val *applied, *live = NULL, *merged;
    bool is_there = objects_find(request->collection, request->namespace, request->name);
    if (!request->parameters.field_manager.len) {
        struct field_errors errors = {.arena = &request->arena};
        field_errors_add_text(&errors, FIELD_REQUIRED, STR("fieldManager"), STR_EMPTY, STR("is required for apply patch"));
        struct refusal_subject subject = {.resource = STR("PatchOptions"), .group = STR("meta.k8s.io")};
        refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
        request_refuse(request);
        return;
    }
    if (!read_applied(request, &complaints, &applied) || !body_settle_complaints(request, &complaints) ||
        ((is_there || request->subresource) && !write_load_live(request, &live)) || !merge_applied(request, live, applied, &merged)) {
        request_refuse(request);
        return;
    }
    complaints.count = 0;
    yyjson_mut_val *metadata = mut_need_object(request->doc, merged, "metadata");
    if (!mut_text_at(metadata, "name").len) mut_set_text(request->doc, metadata, "name", request->name);
    write_applied(request, live, merged, &complaints);
}

/* Where a JSON Patch repeats keys is no place in the object. */
static bool read_operations(struct request *request, yyjson_val **patch, struct complaints *complaints) {
    struct complaints found = {0};
    if (!body_drop_repeated_keys(request, patch, &found)) return false;
    for (size_t i = 0; i < found.count; i++) found.items[i] = arena_join(&request->arena, STR("json patch "), found.items[i], STR_EMPTY);
    *complaints = found;
    return true;
}

static bool read_patch(struct request *request, enum patch_kind kind, yyjson_val **out, struct complaints *complaints) {
    struct error error;
    *out = json_parse(&request->arena, request->exchange->body, &error);
    if (*out && kind == PATCH_JSON) return read_operations(request, out, complaints);
    if (*out) return body_drop_repeated_keys(request, out, complaints);
    return refuse_bad_request(&request->arena, &request->refusal, "error decoding patch: %s (line %u, column %u)", error.message,
                              error.line, error.column);
}

static bool check_patch_options(struct request *request, enum patch_kind kind) {
    if (!body_check_options(request, "PatchOptions")) return false;
    if (kind == PATCH_APPLY || !request->parameters.has_force) return true;
    struct field_errors errors = {.arena = &request->arena};
    field_errors_add(&errors, FIELD_FORBIDDEN, STR("force"), NULL, "may not be specified for non-apply patch");
    struct refusal_subject subject = {.resource = STR("PatchOptions"), .group = STR("meta.k8s.io")};
    return refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
}

/* What comes out must still be read as what it was. */
static bool keeps_kind(struct request *request, yyjson_mut_val *object) {
    struct str version = mut_text_at(object, "apiVersion"), kind = mut_text_at(object, "kind"), expected = request_api_version(request);
    if (str_equal(version, expected) && str_equal(kind, request->kind->kind)) return true;
    if (request->kind->is_defined)
        return body_check_kind(request, object, request->kind->group, request->version->version, request->kind->kind);
    const struct kind *own = request->kind;
    return write_refuse_patch(
        request, object,
        arena_printf(&request->arena, "converting (%.*s.%.*s) to (%s.%.*s): unknown conversion",
                     STR_ARG(str_contains(version, STR("/")) ? str_from(version, str_find(version, STR("/")) + 1) : version), STR_ARG(kind),
                     own->group.len ? own->group.ptr : "core", STR_ARG(own->kind)));
}

void verb_patch(struct request *request) {
    enum patch_kind kind = PATCH_NONE;
    yyjson_val *patch;
    yyjson_mut_val *live, *object;
    struct complaints complaints = {0};
    if (!find_kind(request, &kind) || !check_patch_options(request, kind)) {
        request_refuse(request);
        return;
    }
    if (write_is_busy(request)) return;
    if (kind == PATCH_APPLY) {
        apply(request);
        return;
    }
    bool is_scale = scale_is_asked(request);
    if (!read_patch(request, kind, &patch, &complaints) || !write_load_live(request, &live) ||
        !(object = patched(request, kind, is_scale ? scale_of(request, live) : live, patch))) {
        request_refuse(request);
        return;
    }
    if (is_scale)
        scale_write(request, live, object, &complaints);
    else if (keeps_kind(request, object))
        write_patched(request, live, object, &complaints);
    else
        request_refuse(request);
}

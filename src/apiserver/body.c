#include "apiserver/body.h"

#include "apiserver/protobuf.h"
#include "data/key_set.h"
#include "data/yaml_read.h"

void complain(struct arena *arena, struct complaints *complaints, const char *what, struct str path) {
    if (complaints->count == REQUEST_MAX_WARNINGS) return;
    if (!complaints->items) complaints->items = arena_array(arena, REQUEST_MAX_WARNINGS, sizeof *complaints->items);
    if (!complaints->items) return;
    complaints->items[complaints->count++] = arena_printf(arena, "%s field \"%.*s\"", what, STR_ARG(path));
}

struct duplicate_walk {
    struct request *request;
    struct complaints *complaints;
};

static void drop_duplicates(const struct duplicate_walk *walk, yyjson_mut_val *value, struct str path);

/* The last of a repeated key counts, as in Go's encoding/json. */
static void drop_repeated_keys(const struct duplicate_walk *walk, yyjson_mut_val *object, struct str path) {
    struct arena *arena = &walk->request->arena;
    struct key_set keys = {0};
    size_t size = yyjson_mut_obj_size(object), index, max;
    if (size < 2 || !key_set_start(&keys, arena, size)) return;
    bool repeats = false;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(object, index, max, key, value) {
        bool is_new;
        struct key_slot *slot = key_set_add(&keys, json_mut_text(key), index, &is_new);
        if (is_new) continue;
        if (slot->item != SIZE_MAX) {
            struct str field = path.len ? arena_join(arena, path, STR("."), json_mut_text(key)) : json_mut_text(key);
            complain(arena, walk->complaints, "duplicate", field);
        }
        slot->item = SIZE_MAX;
        repeats = true;
    }
    if (!repeats) return;
    struct str *names = arena_array(arena, size, sizeof *names);
    yyjson_mut_val **values = arena_array(arena, size, sizeof(yyjson_mut_val *));
    if (!names || !values || !key_set_start(&keys, arena, size)) return;
    size_t count = 0;
    yyjson_mut_obj_foreach(object, index, max, key, value) {
        bool is_new;
        struct key_slot *slot = key_set_add(&keys, json_mut_text(key), count, &is_new);
        if (is_new) names[count++] = json_mut_text(key);
        values[slot->item] = value;
    }
    yyjson_mut_obj_clear(object);
    for (size_t i = 0; i < count; i++) yyjson_mut_obj_add(object, mut_make_text(walk->request->doc, names[i]), values[i]);
}

/* Depth is bounded by the parser. */
static void drop_duplicates(const struct duplicate_walk *walk, yyjson_mut_val *value, struct str path) {
    struct arena *arena = &walk->request->arena;
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_obj(value)) {
        drop_repeated_keys(walk, value, path);
        yyjson_mut_obj_foreach(value, index, max, key, item) {
            if (!yyjson_mut_is_ctn(item)) continue;
            drop_duplicates(walk, item, path.len ? arena_join(arena, path, STR("."), json_mut_text(key)) : json_mut_text(key));
        }
    } else if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, index, max, item) {
            if (yyjson_mut_is_ctn(item)) drop_duplicates(walk, item, arena_printf(arena, "%.*s[%zu]", STR_ARG(path), index));
        }
    }
}

/* A key that any object repeats; most bodies have none, and the walk above need not build paths for them. */
static bool repeats_keys(struct arena *arena, yyjson_val *value, struct key_set *keys) {
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, item) {
            if (yyjson_is_ctn(item) && repeats_keys(arena, item, keys)) return true;
        }
    }
    if (!yyjson_is_obj(value)) return false;
    if (yyjson_obj_size(value) > 1) {
        if (!key_set_start(keys, arena, yyjson_obj_size(value))) return false;
        yyjson_obj_foreach(value, index, max, key, item) {
            bool is_new;
            key_set_add(keys, json_text(key), index, &is_new);
            if (!is_new) return true;
        }
    }
    yyjson_obj_foreach(value, index, max, key, item) {
        if (yyjson_is_ctn(item) && repeats_keys(arena, item, keys)) return true;
    }
    return false;
}

bool body_drop_repeated_keys(struct request *request, yyjson_val **value, struct complaints *complaints) {
    struct key_set keys = {0};
    if (!repeats_keys(&request->arena, *value, &keys)) return true;
    yyjson_mut_val *copy = yyjson_val_mut_copy(request->doc, *value);
    if (copy) drop_duplicates(&(struct duplicate_walk){request, complaints}, copy, STR_EMPTY);
    *value = json_freeze(&request->arena, copy);
    return *value || refuse_internal(&request->arena, &request->refusal, "memory is out");
}

static bool is_media_type(struct str header, const char *type) {
    size_t end = str_find(header, STR(";"));
    struct str plain = str_trim(end == SIZE_MAX ? header : str_first(header, end));
    return str_equal_ignoring_case(plain, str_of(type));
}

static yyjson_val *parse(struct request *request, struct str content_type, struct str text) {
    struct error error;
    if (is_media_type(content_type, "application/yaml") || is_media_type(content_type, "application/apply-patch+yaml")) {
        struct yaml_documents documents;
        if (!yaml_read(&request->arena, text, &documents, &error)) {
            if (error.kind == ERROR_MEMORY)
                refuse_internal(&request->arena, &request->refusal, "memory is out");
            else
                refuse_bad_request(&request->arena, &request->refusal, "yaml: line %u: %s", error.line, error.message);
            return NULL;
        }
        if (documents.count == 1) return documents.items[0].root;
        refuse_bad_request(&request->arena, &request->refusal, "the body must be one YAML document, found %zu", documents.count);
        return NULL;
    }
    yyjson_val *value = json_parse(&request->arena, text, &error);
    if (!value)
        refuse_bad_request(&request->arena, &request->refusal,
                           "the object provided is unrecognized (must be of type %.*s): %s (line %u, column %u)",
                           STR_ARG(request->kind ? request->kind->kind : STR("object")), error.message, error.line, error.column);
    return value;
}

#define PROTOBUF_TYPE "application/vnd.kubernetes.protobuf"

static bool read_protobuf(struct request *request, yyjson_mut_val **out) {
    struct error error;
    *out = protobuf_read(&request->arena, request->doc, request->exchange->body, &error);
    if (!*out) return refuse_bad_request(&request->arena, &request->refusal, "%s", error.message);
    /* A map's entries come as they were sent, and so does JSON within; Go takes the last of them without a word. */
    struct complaints unsaid = {0};
    drop_duplicates(&(struct duplicate_walk){request, &unsaid}, *out, STR_EMPTY);
    return true;
}

bool body_read(struct request *request, yyjson_mut_val **out, struct complaints *complaints) {
    struct str content_type = exchange_header(request->exchange, "Content-Type");
    bool is_defined = request->kind && request->kind->is_defined;
    if (!is_defined && is_media_type(content_type, PROTOBUF_TYPE)) return read_protobuf(request, out);
    if (content_type.len && !is_media_type(content_type, "application/json") && !is_media_type(content_type, "application/yaml") &&
        !is_media_type(content_type, "application/apply-patch+yaml")) {
        return refuse_plain(
            &request->arena, &request->refusal, 415, "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml%s",
            is_defined ? "" : ", " PROTOBUF_TYPE);
    }
    yyjson_val *value = parse(request, content_type, request->exchange->body);
    if (!value) return false;
    if (!yyjson_is_obj(value))
        return refuse_bad_request(&request->arena, &request->refusal, "the body must be a JSON object, found %s",
                                  yyjson_get_type_desc(value));
    yyjson_mut_val *object = yyjson_val_mut_copy(request->doc, value);
    if (!object)
        return refuse_plain(&request->arena, &request->refusal, 413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728");
    struct key_set keys = {0};
    if (repeats_keys(&request->arena, value, &keys)) drop_duplicates(&(struct duplicate_walk){request, complaints}, object, STR_EMPTY);
    *out = object;
    return true;
}

/* A body without a kind, with the beginning of it. */
static bool refuse_missing_kind(struct request *request) {
    enum { SHOWN_BYTES = 30 };
    struct str body = request->exchange->body, shown = str_first(body, SHOWN_BYTES);
    return refuse_bad_request(&request->arena, &request->refusal,
                              "the object provided is unrecognized (must be of type %.*s): Object 'Kind' is missing in '%.*s' (%.*s%s)",
                              STR_ARG(request->kind->kind), STR_ARG(body), STR_ARG(shown), body.len > SHOWN_BYTES ? " ..." : "");
}

bool body_check_kind(struct request *request, yyjson_mut_val *object, struct str group, struct str version, struct str kind) {
    struct arena *arena = &request->arena;
    struct str expected = group.len ? arena_join(arena, group, STR("/"), version) : version;
    struct str found_version = mut_text_at(object, "apiVersion"), found_kind = mut_text_at(object, "kind");
    /* A definition's objects have no Go type to be taken for. */
    bool is_defined = request->kind && request->kind->is_defined, is_whole = is_defined && request->verb & (VERB_CREATE | VERB_UPDATE);
    if (!found_kind.len && is_defined) return refuse_missing_kind(request);
    if (!is_whole && !found_version.len) mut_set_text(request->doc, object, "apiVersion", found_version = expected);
    if (!found_kind.len) mut_set_text(request->doc, object, "kind", found_kind = kind);
    if (!str_equal(found_version, expected))
        return refuse_bad_request(arena, &request->refusal,
                                  "the API version in the data (%.*s) does not match the expected API version (%.*s)",
                                  STR_ARG(found_version), STR_ARG(expected));
    if (str_equal(found_kind, kind)) return true;
    if (is_whole) {
        struct field_errors errors = {.arena = arena};
        struct refusal_subject subject = {.resource = found_kind, .group = group, .name = mut_text_at(mut_get(object, "metadata"), "name")};
        field_errors_add(&errors, FIELD_INVALID, STR("kind"), mut_get(object, "kind"), "must be %.*s", STR_ARG(kind));
        return refuse_invalid(arena, &request->refusal, &subject, &errors);
    }
    return refuse_bad_request(arena, &request->refusal,
                              "%.*s in version \"%.*s\" cannot be handled as a %.*s: no kind \"%.*s\" is registered for version \"%.*s\"",
                              STR_ARG(found_kind), STR_ARG(version), STR_ARG(kind), STR_ARG(found_kind), STR_ARG(expected));
}

bool body_settle_complaints(struct request *request, const struct complaints *complaints) {
    struct str directive = request->parameters.field_validation;
    if (!complaints->count || str_is(directive, "Ignore")) return true;
    if (!str_is(directive, "Strict")) {
        for (size_t i = 0; i < complaints->count; i++) request_warn(request, complaints->items[i]);
        return true;
    }
    struct str all = complaints->items[0];
    for (size_t i = 1; i < complaints->count; i++) all = arena_join(&request->arena, all, STR(", "), complaints->items[i]);
    return refuse_bad_request(&request->arena, &request->refusal,
                              "%.*s in version \"%.*s\" cannot be handled as a %.*s: strict decoding error: %.*s",
                              STR_ARG(request->kind->kind), STR_ARG(request->version->version), STR_ARG(request->kind->kind), STR_ARG(all));
}

bool body_check_options(struct request *request, const char *options_kind) {
    struct field_errors errors = {.arena = &request->arena};
    const struct parameters *parameters = &request->parameters;
    if (parameters->has_dry_run) {
        if (str_is(parameters->dry_run, "All"))
            request->is_dry_run = true;
        else {
            yyjson_mut_val *list = yyjson_mut_arr(request->doc);
            yyjson_mut_arr_append(list, mut_make_text(request->doc, parameters->dry_run));
            field_errors_add(&errors, FIELD_NOT_SUPPORTED, STR("dryRun"), list, "supported values: \"All\"");
        }
    }
    struct str manager = parameters->field_manager;
    if (manager.len > 128) field_errors_add(&errors, FIELD_TOO_LONG, STR("fieldManager"), NULL, "may not be more than 128 bytes");
    for (size_t i = 0; i < manager.len && manager.len <= 128; i++) {
        if ((unsigned char)manager.ptr[i] >= 0x20 && manager.ptr[i] != 0x7f) continue;
        field_errors_add(&errors, FIELD_INVALID, STR("fieldManager"), mut_make_text(request->doc, manager),
                         "should only contain printable characters");
        break;
    }
    struct str validation = parameters->field_validation;
    if (validation.len && !str_is(validation, "Ignore") && !str_is(validation, "Warn") && !str_is(validation, "Strict"))
        field_errors_add(&errors, FIELD_NOT_SUPPORTED, STR("fieldValidation"), mut_make_text(request->doc, validation),
                         "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
    if (!errors.count) return true;
    struct refusal_subject subject = {.resource = str_of(options_kind), .group = STR("meta.k8s.io")};
    return refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
}

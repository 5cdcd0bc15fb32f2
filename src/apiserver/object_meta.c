#include "apiserver/object_meta.h"

#include "apiserver/server.h"

enum field_type { META_TEXT, META_INT, META_BOOL, META_TEXT_MAP, META_TEXT_LIST, META_OBJECT_LIST, META_ANY };

struct meta_field {
    const char *name;
    enum field_type type;
    const char *go_type; /* as Go's decoder calls it in its error */
};

static const struct meta_field meta_fields[] = {
    {"name", META_TEXT, "string"},
    {"generateName", META_TEXT, "string"},
    {"namespace", META_TEXT, "string"},
    {"selfLink", META_TEXT, "string"},
    {"uid", META_TEXT, "types.UID"},
    {"resourceVersion", META_TEXT, "string"},
    {"generation", META_INT, "int64"},
    {"creationTimestamp", META_TEXT, "string"},
    {"deletionTimestamp", META_TEXT, "string"},
    {"deletionGracePeriodSeconds", META_INT, "int64"},
    {"labels", META_TEXT_MAP, "string"},
    {"annotations", META_TEXT_MAP, "string"},
    {"ownerReferences", META_OBJECT_LIST, "[]v1.OwnerReference"},
    {"finalizers", META_TEXT_LIST, "[]string"},
    {"managedFields", META_OBJECT_LIST, "[]v1.ManagedFieldsEntry"},
};

static const struct meta_field owner_fields[] = {
    {"apiVersion", META_TEXT, "string"}, {"kind", META_TEXT, "string"},     {"name", META_TEXT, "string"},
    {"uid", META_TEXT, "types.UID"},     {"controller", META_BOOL, "bool"}, {"blockOwnerDeletion", META_BOOL, "bool"},
};

static const char *json_type(yyjson_mut_val *value) {
    if (yyjson_mut_is_str(value)) return "string";
    if (yyjson_mut_is_num(value)) return "number";
    if (yyjson_mut_is_bool(value)) return "bool";
    return yyjson_mut_is_arr(value) ? "array" : "object";
}

static bool is_of_type(yyjson_mut_val *value, enum field_type type, yyjson_mut_val **out_wrong) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    *out_wrong = value;
    switch (type) {
    case META_TEXT: return yyjson_mut_is_str(value);
    case META_INT: {
        int64_t number;
        return mut_int64(value, &number);
    }
    case META_BOOL: return yyjson_mut_is_bool(value);
    case META_TEXT_MAP:
        if (!yyjson_mut_is_obj(value)) return false;
        yyjson_mut_obj_foreach(value, index, max, key, item) {
            *out_wrong = item;
            if (!yyjson_mut_is_str(item) && !yyjson_mut_is_null(item)) return false;
        }
        return true;
    case META_TEXT_LIST:
    case META_OBJECT_LIST:
        if (!yyjson_mut_is_arr(value)) return false;
        yyjson_mut_arr_foreach(value, index, max, item) {
            *out_wrong = item;
            if (type == META_TEXT_LIST ? !yyjson_mut_is_str(item) : !yyjson_mut_is_obj(item)) return false;
        }
        return true;
    case META_ANY: break;
    }
    return true;
}

static const struct meta_field *find_field(const struct meta_field *fields, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_is(name, fields[i].name)) return &fields[i];
    }
    return NULL;
}

static bool refuse_type(struct request *request, const char *struct_name, const char *path, struct str name, const struct meta_field *field,
                        yyjson_mut_val *wrong) {
    return refuse_bad_request(&request->arena, &request->refusal,
                              "%.*s in version \"%.*s\" cannot be handled as a %.*s: json: cannot unmarshal %s into Go struct field "
                              "%s%s%s%.*s of type %s",
                              STR_ARG(request->kind->kind), STR_ARG(request->version->version), STR_ARG(request->kind->kind),
                              json_type(wrong), struct_name, request->kind->is_defined ? "" : "metadata.", path, STR_ARG(name),
                              field->go_type);
}

/* Drops what is not known and what is null; false: a type is wrong. */
static bool shape_fields(struct request *request, yyjson_mut_val *object, const struct meta_field *fields, size_t count, struct str prefix,
                         struct complaints *complaints) {
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(object);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) {
        yyjson_mut_val *value = yyjson_mut_obj_iter_get_val(key), *wrong;
        struct str name = json_mut_text(key);
        const struct meta_field *field = find_field(fields, count, name);
        if (!field) {
            complain(&request->arena, complaints, "unknown", arena_join(&request->arena, prefix, name, STR_EMPTY));
            yyjson_mut_obj_iter_remove(&iterator);
        } else if (yyjson_mut_is_null(value)) {
            yyjson_mut_obj_iter_remove(&iterator);
        } else if (!is_of_type(value, field->type, &wrong)) {
            return refuse_type(request, fields == meta_fields ? "ObjectMeta." : "OwnerReference.",
                               fields == meta_fields ? "" : "ownerReferences.", name, field, wrong);
        }
    }
    return true;
}

static void drop_if_empty(yyjson_mut_val *metadata, const char *key) {
    yyjson_mut_val *value = mut_get(metadata, key);
    if (value && mut_is_empty(value)) mut_remove(metadata, key);
}

/* A null in a map of texts reads as the empty text. */
static void fill_nulls(struct request *request, yyjson_mut_val *map) {
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(map, index, max, key, value) {
        (void)key;
        if (yyjson_mut_is_null(value)) yyjson_mut_set_strn(value, "", 0);
    }
    (void)request;
}

/* The same owner twice counts once. */
static void drop_repeated_owners(struct request *request, yyjson_mut_val *references) {
    size_t index, max, count = yyjson_mut_arr_size(references), kept = 0;
    yyjson_mut_val *reference, **owners = count > 1 ? arena_array(&request->arena, count, sizeof *owners) : NULL;
    if (!owners) return;
    yyjson_mut_arr_foreach(references, index, max, reference) {
        bool is_repeated = false;
        for (size_t i = 0; i < kept && !is_repeated; i++) is_repeated = json_mut_equal(owners[i], reference);
        if (!is_repeated) owners[kept++] = reference;
    }
    if (kept == count) return;
    request_warn(request, STR(".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
                              "reject such requests as early as 1.24; please fix your requests"));
    yyjson_mut_arr_clear(references);
    for (size_t i = 0; i < kept; i++) yyjson_mut_arr_append(references, owners[i]);
}

bool meta_shape(struct request *request, yyjson_mut_val *object, struct complaints *complaints) {
    static const char *const omitted[] = {"labels", "annotations", "ownerReferences", "finalizers", "generateName", "selfLink"};
    yyjson_mut_val *metadata = mut_get(object, "metadata"), *reference;
    if (!metadata || yyjson_mut_is_null(metadata)) mut_set(request->doc, object, "metadata", metadata = yyjson_mut_obj(request->doc));
    if (!yyjson_mut_is_obj(metadata))
        return refuse_bad_request(
            &request->arena, &request->refusal,
            "%.*s in version \"%.*s\" cannot be handled as a %.*s: json: cannot unmarshal %s into Go %s of type v1.ObjectMeta",
            STR_ARG(request->kind->kind), STR_ARG(request->version->version), STR_ARG(request->kind->kind), json_type(metadata),
            request->kind->is_defined ? "value" : "struct field .metadata");
    if (!shape_fields(request, metadata, meta_fields, sizeof meta_fields / sizeof meta_fields[0], STR("metadata."), complaints))
        return false;
    size_t index, max;
    yyjson_mut_val *references = mut_get(metadata, "ownerReferences");
    yyjson_mut_arr_foreach(references, index, max, reference) {
        struct str prefix = arena_printf(&request->arena, "metadata.ownerReferences[%zu].", index);
        if (!shape_fields(request, reference, owner_fields, sizeof owner_fields / sizeof owner_fields[0], prefix, complaints)) return false;
    }
    if (references) drop_repeated_owners(request, references);
    fill_nulls(request, mut_get(metadata, "labels"));
    fill_nulls(request, mut_get(metadata, "annotations"));
    for (size_t i = 0; i < sizeof omitted / sizeof omitted[0]; i++) drop_if_empty(metadata, omitted[i]);
    return true;
}

bool meta_check_namespace(struct request *request, yyjson_mut_val *object) {
    yyjson_mut_val *metadata = mut_need_object(request->doc, object, "metadata");
    struct str namespace = mut_text_at(metadata, "namespace");
    if (!namespace.len && request->namespace.len) mut_set_text(request->doc, metadata, "namespace", request->namespace);
    if (!namespace.len) {
        if (!request->namespace.len) mut_remove(metadata, "namespace");
        return true;
    }
    if (str_equal(namespace, request->namespace)) return true;
    if (!request->kind->is_namespaced) {
        /* A namespace on an object that has none is dropped, as rest.EnsureObjectNamespaceMatchesRequestNamespace does. */
        mut_remove(metadata, "namespace");
        return true;
    }
    return refuse_bad_request(&request->arena, &request->refusal,
                              "the namespace of the provided object does not match the namespace sent on the request");
}

void meta_wipe(struct request *request, yyjson_mut_val *metadata) {
    static const char *const wiped[] = {"selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "generation"};
    for (size_t i = 0; i < sizeof wiped / sizeof wiped[0]; i++) mut_remove(metadata, wiped[i]);
    mut_set_text(request->doc, metadata, "uid", server_uuid(request->server, &request->arena));
    mut_set_text(request->doc, metadata, "creationTimestamp", request->now);
}

static void validate_labels(yyjson_mut_val *labels, struct field_errors *out) {
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(labels, index, max, key, value) {
        name_rule_check(NAME_QUALIFIED, json_mut_text(key), STR("metadata.labels"), out);
        name_rule_check(NAME_LABEL_VALUE, json_mut_text(value), STR("metadata.labels"), out);
    }
}

/* Keys of annotations may have capitals in their prefix. */
static void validate_annotations(struct arena *arena, yyjson_mut_val *annotations, struct field_errors *out) {
    enum { MAX_ANNOTATION_BYTES = 256 * 1024 };
    size_t index, max, size_bytes = 0;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(annotations, index, max, key, value) {
        struct str name = json_mut_text(key);
        size_bytes += name.len + json_mut_text(value).len;
        char *lower = arena_alloc(arena, name.len + 1);
        if (!lower) return;
        for (size_t i = 0; i < name.len; i++) lower[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
        name_rule_check(NAME_QUALIFIED, (struct str){lower, name.len}, STR("metadata.annotations"), out);
    }
    if (size_bytes > MAX_ANNOTATION_BYTES)
        field_errors_add(out, FIELD_TOO_LONG, STR("metadata.annotations"), NULL, "may not be more than %d bytes", MAX_ANNOTATION_BYTES);
}

static void validate_owner(struct arena *arena, yyjson_mut_val *reference, struct str path, struct field_errors *out) {
    struct str api_version = mut_text_at(reference, "apiVersion");
    size_t slash = str_find(api_version, STR("/"));
    struct str version = slash == SIZE_MAX ? api_version : str_from(api_version, slash + 1);
    static const char *const required[] = {"kind", "name", "uid"};
    if (!version.len || str_contains(version, STR("/")))
        field_errors_add_text(out, FIELD_INVALID, arena_join(arena, path, STR(".apiVersion"), STR_EMPTY),
                              field_error_quote(arena, api_version), STR("version must not be empty"));
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (mut_text_at(reference, required[i]).len) continue;
        field_errors_add_text(out, FIELD_INVALID, arena_printf(arena, "%.*s.%s", STR_ARG(path), required[i]), STR("\"\""),
                              STR("must not be empty"));
    }
    if (str_is(api_version, "v1") && str_is(mut_text_at(reference, "kind"), "Event"))
        field_errors_add(out, FIELD_INVALID, path, reference, "/v1, Kind=Event is disallowed from being an owner");
}

static void validate_owners(struct arena *arena, yyjson_mut_val *references, struct field_errors *out) {
    size_t index, max;
    yyjson_mut_val *reference;
    struct str controller = STR_EMPTY;
    yyjson_mut_arr_foreach(references, index, max, reference) {
        /* field.Path of the list itself: validateOwnerReference is given no index. */
        validate_owner(arena, reference, STR("metadata.ownerReferences"), out);
        if (!yyjson_mut_is_true(mut_get(reference, "controller"))) continue;
        struct str name = arena_join(arena, mut_text_at(reference, "kind"), STR("/"), mut_text_at(reference, "name"));
        if (controller.len)
            field_errors_add(out, FIELD_INVALID, STR("metadata.ownerReferences"), references,
                             "Only one reference can have Controller set to true. Found \"true\" in references for %.*s and %.*s",
                             STR_ARG(controller), STR_ARG(name));
        else
            controller = name;
    }
}

/* Of built-in kinds, as core's ValidateFinalizerName: names of Kubernetes' own, or with a domain. */
static void check_finalizer_is_known(struct arena *arena, struct str name, size_t index, struct field_errors *out) {
    if (str_contains(name, STR("/")) || str_is(name, "orphan") || str_is(name, "foregroundDeletion") || str_is(name, "kubernetes")) return;
    field_errors_add_text(out, FIELD_INVALID, arena_printf(arena, "metadata.finalizers[%zu]", index), field_error_quote(arena, name),
                          STR("name is neither a standard finalizer name nor is it fully qualified"));
}

static void validate_finalizers(struct request *request, const yyjson_mut_val *metadata, const yyjson_mut_val *old_metadata,
                                struct field_errors *out) {
    struct arena *arena = &request->arena;
    bool needs_domain = !request->kind->is_defined && !str_is(request->kind->group, "apiextensions.k8s.io");
    yyjson_mut_val *finalizers = mut_get(metadata, "finalizers"), *old = mut_get(old_metadata, "finalizers"), *finalizer;
    struct str field = STR("metadata.finalizers");
    size_t index, max;
    struct strbuf added = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_mut_arr_foreach(finalizers, index, max, finalizer) {
        name_rule_check(NAME_QUALIFIED, json_mut_text(finalizer), field, out);
        if (needs_domain) check_finalizer_is_known(arena, json_mut_text(finalizer), index, out);
        if (!mut_has_text(old, json_mut_text(finalizer))) {
            struct str quoted = field_error_quote(arena, json_mut_text(finalizer));
            strbuf_printf(&added, "%s%.*s", added.len ? ", " : "", STR_ARG(quoted));
        }
    }
    if (mut_has_text(finalizers, STR("orphan")) && mut_has_text(finalizers, STR("foregroundDeletion")))
        field_errors_add(out, FIELD_INVALID, field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set");
    if (added.len && mut_get(old_metadata, "deletionTimestamp"))
        field_errors_add(out, FIELD_FORBIDDEN, field, NULL,
                         "no new finalizers can be added if the object is being deleted, found new finalizers []string{%s}", added.ptr);
    strbuf_release(&added);
}

static void validate_managers(struct arena *arena, yyjson_mut_val *entries, struct field_errors *out) {
    size_t index, max;
    yyjson_mut_val *entry;
    yyjson_mut_arr_foreach(entries, index, max, entry) {
        struct str operation = mut_text_at(entry, "operation"), type = mut_text_at(entry, "fieldsType");
        struct str path = arena_printf(arena, "metadata.managedFields[%zu]", index);
        if (!str_is(operation, "Apply") && !str_is(operation, "Update"))
            field_errors_add_text(out, FIELD_INVALID, arena_join(arena, path, STR(".operation"), STR_EMPTY),
                                  field_error_quote(arena, operation), STR("must be `Apply` or `Update`"));
        if (type.len && !str_is(type, "FieldsV1"))
            field_errors_add_text(out, FIELD_INVALID, arena_join(arena, path, STR(".fieldsType"), STR_EMPTY),
                                  field_error_quote(arena, type), STR("must be `FieldsV1`"));
    }
}

/* Built-in kinds check names by their own rule, then by the general one; definitions' kinds take DNS subdomains. */
static void validate_name(const struct request *request, const yyjson_mut_val *metadata, bool is_new, struct field_errors *out) {
    struct str name = mut_text_at(metadata, "name"), prefix = mut_text_at(metadata, "generateName");
    enum name_rule rule = request->kind->builtin ? request->kind->builtin->name_rule : NAME_DNS1123_SUBDOMAIN;
    if (!is_new) rule = NAME_PATH_SEGMENT;
    if (prefix.len) name_rule_check_prefix(rule, prefix, STR("metadata.generateName"), out);
    if (!name.len)
        field_errors_add(out, FIELD_REQUIRED, STR("metadata.name"), NULL, "name or generateName is required");
    else
        name_rule_check(rule, name, STR("metadata.name"), out);
}

void meta_validate(struct request *request, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    struct arena *arena = &request->arena;
    const yyjson_mut_val *metadata = mut_get(object, "metadata"), *old_metadata = mut_get(old, "metadata");
    validate_name(request, metadata, !old, out);
    if (request->kind->is_namespaced && !old)
        name_rule_check(NAME_DNS1123_LABEL, mut_text_at(metadata, "namespace"), STR("metadata.namespace"), out);
    validate_labels(mut_get(metadata, "labels"), out);
    validate_annotations(arena, mut_get(metadata, "annotations"), out);
    validate_owners(arena, mut_get(metadata, "ownerReferences"), out);
    validate_finalizers(request, metadata, old_metadata, out);
    validate_managers(arena, mut_get(metadata, "managedFields"), out);
}

#include "base/limits.h"
#include "booster/checks.h"
#include "booster/names.h"

/* As apimachinery has it: TotalAnnotationSizeLimitB, of keys and values together. */
enum { ANNOTATIONS_BYTES = 256 * 1024 };

void check_label(struct findings *findings, enum rule rule, struct str path, const yyjson_val *key, yyjson_val *value) {
    struct str name = json_text(key), text = json_text(value);
    if (value && !yyjson_is_str(value))
        model_wrong_type(findings, path, value, "the label's value in quotes");
    else if (!name_is_qualified(name) || !name_is_label_value(text))
        findings_add(
            findings, rule, path, key,
            "%s: %s is no label; use at most 63 letters, digits, dashes, underscores and dots, the first and last a letter or digit",
            error_quote(name).text, error_quote(text).text);
}

void check_annotation(struct findings *findings, struct str path, yyjson_val *value) {
    if (value && !yyjson_is_str(value)) model_wrong_type(findings, path, value, "the annotation's value in quotes");
}

/* A null among texts is read as an empty text. */
static yyjson_val *text_or_null(yyjson_val *value) {
    return yyjson_is_null(value) ? NULL : value;
}

static void check_labels(struct findings *findings, const yyjson_val *metadata) {
    yyjson_val *labels = check_object(findings, metadata, STR("metadata"), "labels");
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(labels, index, max, key, value) {
        struct str at = model_key_path(findings->arena, STR("metadata.labels"), json_text(key));
        check_label(findings, RULE_METADATA, at, key, text_or_null(value));
    }
}

/* The prefix of an annotation's key, unlike that of a label's, may have capitals. */
static struct str lowered(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy) return STR_EMPTY;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] - 'A' + 'a') : text.ptr[i];
    return (struct str){copy, text.len};
}

/* That it is a map has been seen to where the model was read. */
static void check_annotations(struct findings *findings, const yyjson_val *metadata) {
    yyjson_val *annotations = model_field(metadata, "annotations"), *key, *value;
    struct str path = STR("metadata.annotations");
    size_t index, max, size_bytes = 0;
    yyjson_obj_foreach(annotations, index, max, key, value) {
        struct str at = model_key_path(findings->arena, path, json_text(key));
        check_annotation(findings, at, text_or_null(value));
        if (!name_is_qualified(lowered(findings->arena, json_text(key))))
            findings_add(findings, RULE_METADATA, at, key,
                         "%s is no key of an annotation; use at most 63 letters, digits, dashes, underscores and dots, the first and last "
                         "a letter or digit, after a domain and a slash or without",
                         QUOTE(json_text(key)));
        size_bytes += json_text(key).len + json_text(value).len;
    }
    if (size_bytes > ANNOTATIONS_BYTES)
        findings_add(findings, RULE_METADATA, path, annotations, "%zu bytes in all, more than %d; remove some", size_bytes,
                     ANNOTATIONS_BYTES);
}

static void check_finalizers(struct findings *findings, const yyjson_val *metadata) {
    yyjson_val *finalizers = check_list(findings, metadata, STR("metadata"), "finalizers"), *item;
    size_t index, max;
    yyjson_arr_foreach(finalizers, index, max, item) {
        struct str at = model_index_path(findings->arena, STR("metadata.finalizers"), index);
        if (!yyjson_is_str(item))
            model_wrong_type(findings, at, item, "a text in quotes");
        else if (!name_is_qualified(json_text(item)))
            findings_add(findings, RULE_METADATA, at, item, "%s is no finalizer; write a domain, a slash and a name",
                         QUOTE(json_text(item)));
    }
}

static void check_owner(struct findings *findings, const yyjson_val *owner, struct str path) {
    static const char *const texts[] = {"apiVersion", "kind", "name", "uid"}, *const switches[] = {"controller", "blockOwnerDeletion"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_required_text(findings, owner, path, texts[i], "that of the owner");
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        yyjson_val *value = model_field(owner, switches[i]);
        if (value && !yyjson_is_bool(value))
            model_wrong_type(findings, model_path(findings->arena, path, switches[i]), value, "true or false");
    }
}

static void check_owners(struct findings *findings, const yyjson_val *metadata) {
    yyjson_val *owners = check_list(findings, metadata, STR("metadata"), "ownerReferences"), *item;
    size_t index, max;
    yyjson_arr_foreach(owners, index, max, item) {
        struct str at = model_index_path(findings->arena, STR("metadata.ownerReferences"), index);
        if (yyjson_is_obj(item))
            check_owner(findings, item, at);
        else
            model_wrong_type(findings, at, item, "an object");
    }
}

static void check_namespace(struct findings *findings, const struct booster *booster, const yyjson_val *metadata) {
    struct str namespace = booster->namespace;
    if (namespace.len == 0 || (name_is_lower_alnum_dash(namespace) && namespace.len <= LIMIT_NAME_BYTES)) return;
    findings_add(findings, RULE_NAME, STR("metadata.namespace"), json_get(metadata, "namespace"),
                 "%s is no name of a namespace; use at most %d lower-case letters, digits and dashes, no dash first or last",
                 QUOTE(namespace), LIMIT_NAME_BYTES);
}

/* What servers set, and manifests that were read from one still have. */
static void check_set_by_servers(struct findings *findings, const yyjson_val *metadata) {
    static const char *const texts[] = {"generateName", "selfLink", "creationTimestamp", "deletionTimestamp"};
    static const char *const numbers[] = {"generation", "deletionGracePeriodSeconds"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        yyjson_val *value = model_field(metadata, texts[i]);
        if (value && !yyjson_is_str(value))
            model_wrong_type(findings, model_path(findings->arena, STR("metadata"), texts[i]), value, "a text in quotes");
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t ignored;
        check_int64(findings, metadata, STR("metadata"), numbers[i], INT64_MIN, INT64_MAX, &ignored);
    }
    check_list(findings, metadata, STR("metadata"), "managedFields");
}

void check_object_metadata(const struct booster *booster, struct findings *findings) {
    yyjson_val *metadata = json_get(booster->object, "metadata");
    check_namespace(findings, booster, metadata);
    check_labels(findings, metadata);
    check_annotations(findings, metadata);
    check_finalizers(findings, metadata);
    check_owners(findings, metadata);
    check_set_by_servers(findings, metadata);
}

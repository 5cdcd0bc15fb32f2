#include "apiserver/base64.h"
#include "apiserver/builtin_kinds.h"
#include "apiserver/mut.h"

/* Namespaces, ConfigMaps, Secrets, Events, Leases: pkg/apis/core/validation, pkg/apis/coordination/validation, and their strategies. */

enum { MAX_SECRET_BYTES = 1024 * 1024 };

static struct str keyed(struct arena *arena, const char *path, struct str key) {
    return arena_printf(arena, "%s[%.*s]", path, STR_ARG(key));
}

void prepare_namespace(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)arena, (void)now;
    yyjson_mut_val *metadata = mut_get(object, "metadata"), *spec = mut_need_object(doc, object, "spec");
    struct str name = mut_text_at(metadata, "name");
    if (name.len) mut_set_text(doc, mut_need_object(doc, metadata, "labels"), "kubernetes.io/metadata.name", name);
    if (old) {
        mut_take(doc, spec, "finalizers", mut_get(old, "spec"));
        return;
    }
    yyjson_mut_val *finalizers = mut_get(spec, "finalizers"), *status = yyjson_mut_obj(doc);
    if (!yyjson_mut_is_arr(finalizers)) mut_set(doc, spec, "finalizers", finalizers = yyjson_mut_arr(doc));
    if (!mut_has_text(finalizers, STR("kubernetes"))) yyjson_mut_arr_append(finalizers, mut_make_text(doc, STR("kubernetes")));
    mut_set_text(doc, status, "phase", STR("Active"));
    mut_set(doc, object, "status", status);
}

void validate_namespace(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    yyjson_mut_val *finalizers = mut_path(object, "spec", "finalizers", NULL), *finalizer;
    size_t index, max;
    (void)old;
    yyjson_mut_arr_foreach(finalizers, index, max, finalizer) {
        struct str name = json_mut_text(finalizer);
        name_rule_check(NAME_QUALIFIED, name, STR("spec.finalizers"), out);
        if (!str_contains(name, STR("/")) && !str_is(name, "kubernetes"))
            field_errors_add_text(out, FIELD_INVALID, STR("spec.finalizers"), field_error_quote(arena, name),
                                  STR("name is neither a standard finalizer name nor is it fully qualified"));
    }
}

static void check_immutable(const yyjson_mut_val *object, const yyjson_mut_val *old, const char *const *fields, size_t count,
                            struct field_errors *out) {
    if (!old || !yyjson_mut_is_true(mut_get(old, "immutable"))) return;
    if (!yyjson_mut_is_true(mut_get(object, "immutable")))
        field_errors_add(out, FIELD_FORBIDDEN, STR("immutable"), NULL, "field is immutable when `immutable` is set");
    for (size_t i = 0; i < count; i++) {
        if (!json_mut_equal(mut_get(object, fields[i]), mut_get(old, fields[i])))
            field_errors_add(out, FIELD_FORBIDDEN, str_of(fields[i]), NULL, "field is immutable when `immutable` is set");
    }
}

/* Bytes of the values; base64 ones count decoded. */
static size_t check_keys(struct arena *arena, const yyjson_mut_val *object, const char *field, bool is_base64, struct field_errors *out) {
    yyjson_mut_val *key, *value, *map = mut_get(object, field);
    size_t index, max, size_bytes = 0;
    yyjson_mut_obj_foreach(map, index, max, key, value) {
        struct str name = json_mut_text(key);
        name_rule_check(NAME_CONFIG_KEY, name, keyed(arena, field, name), out);
        size_bytes += is_base64 ? json_mut_text(value).len / 4 * 3 : json_mut_text(value).len;
    }
    return size_bytes;
}

void validate_config_map(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const fields[] = {"data", "binaryData"};
    check_immutable(object, old, fields, 2, out);
    size_t size_bytes = check_keys(arena, object, "data", false, out);
    yyjson_mut_val *key, *value, *data = mut_get(object, "data");
    size_t index, max;
    yyjson_mut_obj_foreach(data, index, max, key, value) {
        (void)value;
        if (mut_get_str(mut_get(object, "binaryData"), json_mut_text(key)))
            field_errors_add_text(out, FIELD_INVALID, keyed(arena, "data", json_mut_text(key)),
                                  field_error_quote(arena, json_mut_text(key)), STR("duplicate of key present in binaryData"));
    }
    size_bytes += check_keys(arena, object, "binaryData", true, out);
    if (size_bytes > MAX_SECRET_BYTES)
        field_errors_add(out, FIELD_TOO_LONG, STR("[]"), NULL, "may not be more than %d bytes", MAX_SECRET_BYTES);
}

/* stringData is written only: it becomes data. */
void complete_secret(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)old, (void)now;
    yyjson_mut_val *texts = mut_get(object, "stringData"), *key, *value;
    if (!texts) return;
    yyjson_mut_val *data = mut_need_object(doc, object, "data");
    size_t index, max;
    yyjson_mut_obj_foreach(texts, index, max, key, value) {
        struct str name = arena_copy(arena, json_mut_text(key));
        mut_set_text(doc, data, name.ptr, base64_encode(arena, json_mut_text(value)));
    }
    mut_remove(object, "stringData");
}

/* type, keys that it needs; `any`: one of them is enough */
static const struct {
    const char *type, *keys[2];
    bool any;
} secret_types[] = {
    {"kubernetes.io/dockercfg", {".dockercfg", NULL}, false},     {"kubernetes.io/dockerconfigjson", {".dockerconfigjson", NULL}, false},
    {"kubernetes.io/basic-auth", {"username", "password"}, true}, {"kubernetes.io/ssh-auth", {"ssh-privatekey", NULL}, false},
    {"kubernetes.io/tls", {"tls.crt", "tls.key"}, false},
};

void validate_secret(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const fields[] = {"data"};
    struct str type = mut_text_at(object, "type");
    if (old && !str_equal(type, mut_text_at(old, "type")))
        field_errors_add(out, FIELD_INVALID, STR("type"), mut_get(object, "type"), "field is immutable");
    check_immutable(object, old, fields, 1, out);
    if (check_keys(arena, object, "data", true, out) > MAX_SECRET_BYTES)
        field_errors_add(out, FIELD_TOO_LONG, STR("data"), NULL, "may not be more than %d bytes", MAX_SECRET_BYTES);
    for (size_t i = 0; i < sizeof secret_types / sizeof secret_types[0]; i++) {
        if (!str_is(type, secret_types[i].type)) continue;
        size_t present = 0, wanted = secret_types[i].keys[1] ? 2 : 1;
        for (size_t key = 0; key < wanted; key++) present += mut_get(mut_get(object, "data"), secret_types[i].keys[key]) != NULL;
        if (secret_types[i].any && present) continue;
        for (size_t key = 0; key < wanted; key++) {
            if (!mut_get(mut_get(object, "data"), secret_types[i].keys[key]))
                field_errors_add(out, FIELD_REQUIRED, keyed(arena, "data", str_of(secret_types[i].keys[key])), NULL, "%s", "");
        }
    }
    if (str_is(type, "kubernetes.io/service-account-token") &&
        !json_mut_text(mut_path(object, "metadata", "annotations", "kubernetes.io/service-account.name", NULL)).len)
        field_errors_add(out, FIELD_REQUIRED, STR("metadata.annotations[kubernetes.io/service-account.name]"), NULL, "%s", "");
}

void validate_lease(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    const yyjson_mut_val *spec = mut_get(object, "spec");
    int64_t number;
    (void)arena, (void)old;
    if (mut_int64(mut_get(spec, "leaseDurationSeconds"), &number) && number <= 0)
        field_errors_add(out, FIELD_INVALID, STR("spec.leaseDurationSeconds"), mut_get(spec, "leaseDurationSeconds"),
                         "must be greater than 0");
    if (mut_int64(mut_get(spec, "leaseTransitions"), &number) && number < 0)
        field_errors_add(out, FIELD_INVALID, STR("spec.leaseTransitions"), mut_get(spec, "leaseTransitions"),
                         "must be greater than or equal to 0");
    if (mut_text_at(spec, "preferredHolder").len && !mut_text_at(spec, "strategy").len)
        field_errors_add(out, FIELD_FORBIDDEN, STR("spec.preferredHolder"), NULL, "may only be specified if `strategy` is defined");
}

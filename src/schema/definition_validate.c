#include "schema/definition.h"
#include "schema/definition_inner.h"
#include "schema/name_rules.h"

/* apiextensions-apiserver's pkg/apis/apiextensions/validation: the definition around its schemas. */

yyjson_mut_val *definition_get(const yyjson_mut_val *object, const char *key) {
    return yyjson_mut_obj_get((yyjson_mut_val *)(uintptr_t)object, key);
}

struct str definition_text(const yyjson_mut_val *object, const char *key) {
    yyjson_mut_val *value = definition_get(object, key);
    return yyjson_mut_is_str(value) ? (struct str){yyjson_mut_get_str(value), yyjson_mut_get_len(value)} : STR_EMPTY;
}

struct str definition_child(struct arena *arena, struct str path, const char *name) {
    return arena_join(arena, path, STR("."), str_of(name));
}

void definition_require(struct str path, const char *words, struct field_errors *out) {
    field_errors_add_text(out, FIELD_REQUIRED, path, STR_EMPTY, str_of(words));
}

void definition_check_choice(struct arena *arena, struct str found, struct str path, const char *const *choices, size_t count,
                             struct field_errors *out) {
    for (size_t i = 0; i < count; i++) {
        if (str_is(found, choices[i])) return;
    }
    struct str words = STR("supported values: ");
    for (size_t i = 0; i < count; i++) words = arena_printf(arena, "%.*s%s\"%s\"", STR_ARG(words), i ? ", " : "", choices[i]);
    field_errors_add_text(out, FIELD_NOT_SUPPORTED, path, field_error_quote(arena, found), words);
}

static void add_invalid(struct arena *arena, struct str path, struct str value, const char *words, struct field_errors *out) {
    field_errors_add_text(out, FIELD_INVALID, path, field_error_quote(arena, value), str_of(words));
}

/* The rule's complaints as one error, joined by commas, with `before` in front. */
static void check_joined(struct arena *arena, enum name_rule rule, struct str checked, struct str shown, struct str path, const char *before,
                         struct field_errors *out) {
    struct field_errors complaints = {.arena = arena};
    name_rule_check(rule, checked, path, &complaints);
    if (!complaints.count) return;
    struct str words = str_of(before);
    for (size_t i = 0; i < complaints.count; i++) words = arena_join(arena, words, i ? STR(",") : STR_EMPTY, complaints.items[i].detail);
    field_errors_add_text(out, FIELD_INVALID, path, field_error_quote(arena, shown), words);
}

static struct str lowered(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy) return STR_EMPTY;
    for (size_t i = 0; i < text.len; i++) copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    return (struct str){copy, text.len};
}

static void check_name_list(struct arena *arena, const yyjson_mut_val *names, const char *list, struct field_errors *out) {
    yyjson_mut_val *items = definition_get(names, list), *item;
    size_t index, max;
    yyjson_mut_arr_foreach(items, index, max, item) {
        struct str name = {yyjson_mut_get_str(item), yyjson_mut_get_len(item)};
        check_joined(arena, NAME_DNS1035_LABEL, name, name, arena_printf(arena, "spec.names.%s[%zu]", list, index), "", out);
    }
}

static void check_names(struct arena *arena, const yyjson_mut_val *names, struct field_errors *out) {
    static const char *const required[] = {"plural", "singular", "kind", "listKind"};
    static const char mixed[] = "may have mixed case, but should otherwise match: ";
    for (size_t i = 0; i < 4; i++) {
        if (!definition_text(names, required[i]).len) definition_require(arena_printf(arena, "spec.names.%s", required[i]), "", out);
    }
    for (size_t i = 0; i < 4; i++) {
        struct str name = definition_text(names, required[i]);
        if (!name.len) continue;
        check_joined(arena, NAME_DNS1035_LABEL, i < 2 ? name : lowered(arena, name), name, arena_printf(arena, "spec.names.%s", required[i]),
                     i < 2 ? "" : mixed, out);
    }
    check_name_list(arena, names, "shortNames", out);
    if (definition_text(names, "kind").len && str_equal(definition_text(names, "kind"), definition_text(names, "listKind")))
        add_invalid(arena, STR("spec.names.listKind"), definition_text(names, "listKind"), "kind and listKind may not be the same", out);
    check_name_list(arena, names, "categories", out);
}

static bool is_simple_path(struct arena *arena, struct str text, struct str path, struct field_errors *out) {
    if (text.len && text.ptr[0] == '.') return true;
    add_invalid(arena, path, text, text.len ? "must be a simple json path starting with ." : "must not be empty", out);
    return false;
}

static void check_scale_path(struct arena *arena, const yyjson_mut_val *scale, const char *key, const char *const *roots, size_t root_count,
                             const char *words, bool is_required, struct str path, struct field_errors *out) {
    struct str text = definition_text(scale, key), place = arena_printf(arena, "%.*s.scale.%s", STR_ARG(path), key);
    if (!text.len) {
        if (is_required) definition_require(place, "", out);
        return;
    }
    if (!is_simple_path(arena, text, place, out)) return;
    for (size_t i = 0; i < root_count; i++) {
        if (str_starts_with(text, str_of(roots[i]))) return;
    }
    add_invalid(arena, place, text, words, out);
}

static void check_subresources(struct arena *arena, const yyjson_mut_val *subresources, struct str path, struct field_errors *out) {
    static const char *const spec[] = {".spec."}, *const status[] = {".status."}, *const both[] = {".spec.", ".status."};
    const yyjson_mut_val *scale = definition_get(subresources, "scale");
    if (!scale) return;
    check_scale_path(arena, scale, "specReplicasPath", spec, 1, "should be a json path under .spec", true, path, out);
    check_scale_path(arena, scale, "statusReplicasPath", status, 1, "should be a json path under .status", true, path, out);
    check_scale_path(arena, scale, "labelSelectorPath", both, 2, "should be a json path under either .spec or .status", false, path, out);
}

static void check_column(struct arena *arena, const yyjson_mut_val *column, struct str path, struct field_errors *out) {
    static const char *const types[] = {"boolean", "date", "integer", "number", "string"};
    static const char type_words[] = "must be one of boolean,date,integer,number,string";
    static const char *const formats[] = {"byte", "date", "date-time", "double", "float", "int32", "int64", "password"};
    struct str type = definition_text(column, "type"), format = definition_text(column, "format"), json_path = definition_text(column, "jsonPath");
    bool is_type = false, is_format = !format.len;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) is_type = is_type || str_is(type, types[i]);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) is_format = is_format || str_is(format, formats[i]);
    if (!definition_text(column, "name").len) definition_require(definition_child(arena, path, "name"), "", out);
    if (!type.len) definition_require(definition_child(arena, path, "type"), type_words, out);
    else if (!is_type) add_invalid(arena, definition_child(arena, path, "type"), type, type_words, out);
    if (!is_format)
        add_invalid(arena, definition_child(arena, path, "format"), format,
                    "must be one of byte,date,date-time,double,float,int32,int64,password", out);
    if (!json_path.len) definition_require(definition_child(arena, path, "JSONPath"), "", out);
    else is_simple_path(arena, json_path, definition_child(arena, path, "JSONPath"), out);
}

static void check_deprecation(struct arena *arena, const yyjson_mut_val *version, struct str path, struct field_errors *out) {
    const yyjson_mut_val *warning = definition_get(version, "deprecationWarning");
    struct str text = definition_text(version, "deprecationWarning"), place = definition_child(arena, path, "deprecationWarning");
    if (!warning) return;
    if (!yyjson_mut_is_true(definition_get(version, "deprecated"))) {
        add_invalid(arena, place, text, "can only be set for deprecated versions", out);
        return;
    }
    if (text.len > 256) add_invalid(arena, place, text, "must be <= 256 characters long", out);
    if (!text.len) add_invalid(arena, place, text, "must not be an empty string", out);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f) continue;
        struct str words = arena_printf(arena, "must only contain printable UTF-8 characters; non-printable character found at index %zu", i);
        field_errors_add_text(out, FIELD_INVALID, place, field_error_quote(arena, text), words);
        return;
    }
}

/* The field that a path of plain names leads to; NULL, else what is wrong with it. */
static const char *find_field(struct str path, const yyjson_mut_val **schema) {
    while (path.len) {
        if (path.ptr[0] == '[') return "array notation is not allowed";
        if (path.ptr[0] != '.') return "expected [ or . but got: ";
        if (path.len == 1) return "unexpected end of JSON path";
        size_t end = 1;
        while (end < path.len && path.ptr[end] != '.' && path.ptr[end] != '[' && path.ptr[end] != ']') end++;
        yyjson_mut_val *properties = definition_get(*schema, "properties");
        const yyjson_mut_val *additional = definition_get(*schema, "additionalProperties");
        *schema = properties ? yyjson_mut_obj_getn(properties, path.ptr + 1, end - 1) : additional;
        if (!*schema) return "does not refer to a valid field";
        path = str_from(path, end);
    }
    return NULL;
}

static bool is_selectable(const yyjson_mut_val *schema) {
    struct str type = definition_text(schema, "type");
    return str_is(type, "string") || str_is(type, "boolean") || str_is(type, "integer");
}

/* What was not met before among the first `count` fields. */
static bool is_new_field(yyjson_mut_val *fields, size_t count, struct str path) {
    size_t index, max;
    yyjson_mut_val *field;
    yyjson_mut_arr_foreach(fields, index, max, field) {
        if (index >= count) break;
        if (str_equal(definition_text(field, "jsonPath"), path)) return false;
    }
    return true;
}

static void check_selectable_field(struct arena *arena, const yyjson_mut_val *schema, struct str text, struct str place, struct field_errors *out) {
    const char *complaint = find_field(text, &schema);
    if (complaint) {
        struct str got = str_ends_with(str_of(complaint), STR(": ")) ? text : STR_EMPTY;
        add_invalid(arena, place, text, arena_printf(arena, "is an invalid path: %s%.*s", complaint, STR_ARG(got)).ptr, out);
        return;
    }
    if (str_is(text, ".metadata") || str_starts_with(text, STR(".metadata."))) add_invalid(arena, place, text, "must not point to fields in metadata", out);
    if (!is_selectable(schema))
        add_invalid(arena, place, text, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.", out);
}

enum { MOST_SELECTABLE_FIELDS = 8 };

static void check_selectable(struct arena *arena, const yyjson_mut_val *version, struct str path, struct field_errors *out) {
    yyjson_mut_val *fields = definition_get(version, "selectableFields"), *field;
    const yyjson_mut_val *schema = definition_get(definition_get(version, "schema"), "openAPIV3Schema");
    size_t index, max, count = 0;
    yyjson_mut_arr_foreach(fields, index, max, field) {
        struct str place = arena_printf(arena, "%.*s.selectableFields[%zu].jsonPath", STR_ARG(path), index), text = definition_text(field, "jsonPath");
        if (!text.len) {
            definition_require(place, "", out);
            continue;
        }
        size_t before = out->count;
        check_selectable_field(arena, schema, text, place, out);
        bool is_new = is_new_field(fields, index, text);
        count += is_new;
        if (!is_new && out->count == before) field_errors_add_text(out, FIELD_DUPLICATE, place, field_error_quote(arena, text), STR_EMPTY);
    }
    if (count > MOST_SELECTABLE_FIELDS)
        field_errors_add_text(out, FIELD_TOO_MANY, definition_child(arena, path, "selectableFields"), arena_printf(arena, "%zu", count),
                              STR("must have at most 8 items"));
}

static void check_version(struct arena *arena, const yyjson_mut_val *version, size_t index, struct field_errors *out) {
    struct str path = arena_printf(arena, "spec.versions[%zu]", index), name = definition_text(version, "name");
    check_joined(arena, NAME_DNS1035_LABEL, name, name, definition_child(arena, path, "name"), "", out);
    check_deprecation(arena, version, path, out);
    const yyjson_mut_val *schema = definition_get(definition_get(version, "schema"), "openAPIV3Schema"), *subresources = definition_get(version, "subresources");
    if (schema)
        definition_check_schema(arena, schema, definition_child(arena, path, "schema.openAPIV3Schema"), out);
    check_subresources(arena, subresources, definition_child(arena, path, "subresources"), out);
    yyjson_mut_val *columns = definition_get(version, "additionalPrinterColumns"), *column;
    size_t at, max;
    yyjson_mut_arr_foreach(columns, at, max, column)
        check_column(arena, column, arena_printf(arena, "%.*s.additionalPrinterColumns[%zu]", STR_ARG(path), at), out);
    check_selectable(arena, version, path, out);
}

static void check_versions(struct arena *arena, yyjson_mut_val *versions, struct field_errors *out) {
    yyjson_mut_val *version, *other;
    size_t index, max, before, other_max, storage_count = 0;
    bool is_unique = true;
    yyjson_mut_arr_foreach(versions, index, max, version) {
        if (!definition_get(definition_get(version, "schema"), "openAPIV3Schema"))
            definition_require(arena_printf(arena, "spec.versions[%zu].schema.openAPIV3Schema", index), "", out);
    }
    yyjson_mut_arr_foreach(versions, index, max, version) {
        storage_count += yyjson_mut_is_true(definition_get(version, "storage"));
        yyjson_mut_arr_foreach(versions, before, other_max, other) {
            if (before >= index) break;
            is_unique = is_unique && !str_equal(definition_text(version, "name"), definition_text(other, "name"));
        }
        check_version(arena, version, index, out);
    }
    if (!is_unique) field_errors_add(out, FIELD_INVALID, STR("spec.versions"), versions, "must contain unique version names");
    if (storage_count != 1)
        field_errors_add(out, FIELD_INVALID, STR("spec.versions"), versions, "must have exactly one version marked as storage version");
}

static void check_conversion(struct arena *arena, const yyjson_mut_val *conversion, struct field_errors *out) {
    static const char *const strategies[] = {"None", "Webhook"};
    struct str strategy = definition_text(conversion, "strategy");
    if (!strategy.len) definition_require(STR("spec.conversion.strategy"), "", out);
    else if (str_is(strategy, "Webhook"))
        add_invalid(arena, STR("spec.conversion.strategy"), strategy,
                    "conversion by webhook is not supported by this server; use None", out);
    else definition_check_choice(arena, strategy, STR("spec.conversion.strategy"), strategies, 2, out);
}

static struct str approval_of(const yyjson_mut_val *object) {
    return definition_text(definition_get(definition_get(object, "metadata"), "annotations"), "api-approved.kubernetes.io");
}

enum approval { APPROVAL_MISSING, APPROVAL_BYPASSED, APPROVAL_GIVEN, APPROVAL_INVALID };

static enum approval approval_state(struct str text) {
    size_t scheme = str_find(text, STR("://"));
    if (!text.len) return APPROVAL_MISSING;
    if (str_starts_with(text, STR("unapproved"))) return APPROVAL_BYPASSED;
    bool is_url = scheme != SIZE_MAX && scheme > 0 && text.len > scheme + 3 && text.ptr[scheme + 3] != '/' && !str_contains(text, STR(" "));
    return is_url ? APPROVAL_GIVEN : APPROVAL_INVALID;
}

/* The groups of the community ask for an annotation that says who approved; a state that was let in before may stay. */
static void check_approval(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct str group, struct field_errors *out) {
    static const char *const suffixes[] = {"k8s.io", "kubernetes.io"};
    bool is_protected = false;
    for (size_t i = 0; i < 2; i++)
        is_protected = is_protected || str_is(group, suffixes[i]) || str_ends_with(group, arena_join(arena, STR("."), str_of(suffixes[i]), STR_EMPTY));
    struct str approval = approval_of(object), path = STR("metadata.annotations[api-approved.kubernetes.io]");
    enum approval state = approval_state(approval);
    if (!is_protected || (old && approval_state(approval_of(old)) == state)) return;
    if (state == APPROVAL_MISSING)
        definition_require(path, "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111", out);
    else if (state == APPROVAL_INVALID)
        add_invalid(arena, path, approval,
                    "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a reason starting with \"unapproved\", see "
                    "https://github.com/kubernetes/enhancements/pull/1111",
                    out);
}

static void check_unchanged(const yyjson_mut_val *now, const yyjson_mut_val *before, const char *key, struct str path, struct field_errors *out) {
    if (!str_equal(definition_text(now, key), definition_text(before, key)))
        field_errors_add(out, FIELD_INVALID, path, definition_get(now, key), "field is immutable");
}

/* Objects may be stored from then on. */
static bool is_established(const yyjson_mut_val *old) {
    yyjson_mut_val *conditions = definition_get(definition_get(old, "status"), "conditions"), *condition;
    size_t index, max;
    yyjson_mut_arr_foreach(conditions, index, max, condition) {
        if (str_is(definition_text(condition, "type"), "Established")) return str_is(definition_text(condition, "status"), "True");
    }
    return false;
}

static void check_stored_versions(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    yyjson_mut_val *stored = definition_get(definition_get(old, "status"), "storedVersions"), *name, *version;
    yyjson_mut_val *versions = definition_get(definition_get(object, "spec"), "versions");
    size_t index, max, at, version_max;
    yyjson_mut_arr_foreach(stored, index, max, name) {
        struct str wanted = {yyjson_mut_get_str(name), yyjson_mut_get_len(name)};
        bool is_there = false;
        yyjson_mut_arr_foreach(versions, at, version_max, version) is_there = is_there || str_equal(definition_text(version, "name"), wanted);
        if (!is_there)
            field_errors_add_text(out, FIELD_INVALID, arena_printf(arena, "status.storedVersions[%zu]", index), field_error_quote(arena, wanted),
                                  arena_printf(arena,
                                               "missing from spec.versions; %.*s was previously a storage version, and must remain in spec.versions until a "
                                               "storage migration ensures no data remains persisted in %.*s and removes %.*s from status.storedVersions",
                                               STR_ARG(wanted), STR_ARG(wanted), STR_ARG(wanted)));
    }
}

void definition_validate(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const scopes[] = {"Cluster", "Namespaced"};
    const yyjson_mut_val *spec = definition_get(object, "spec"), *names = definition_get(spec, "names"), *old_spec = definition_get(old, "spec");
    struct str name = definition_text(definition_get(object, "metadata"), "name"), group = definition_text(spec, "group");
    struct str scope = definition_text(spec, "scope");
    if (!str_equal(name, arena_join(arena, definition_text(names, "plural"), STR("."), group)))
        add_invalid(arena, STR("metadata.name"), name, "must be spec.names.plural+\".\"+spec.group", out);
    if (!group.len) definition_require(STR("spec.group"), "", out);
    else if (!name_rule_holds(NAME_DNS1123_SUBDOMAIN, group)) check_joined(arena, NAME_DNS1123_SUBDOMAIN, group, group, STR("spec.group"), "", out);
    else if (!str_contains(group, STR("."))) add_invalid(arena, STR("spec.group"), group, "should be a domain with at least one dot", out);
    if (!scope.len) definition_require(STR("spec.scope"), "", out);
    else definition_check_choice(arena, scope, STR("spec.scope"), scopes, 2, out);
    check_versions(arena, definition_get(spec, "versions"), out);
    check_names(arena, names, out);
    check_conversion(arena, definition_get(spec, "conversion"), out);
    check_approval(arena, object, old, group, out);
    if (yyjson_mut_is_true(definition_get(spec, "preserveUnknownFields")))
        field_errors_add(out, FIELD_INVALID, STR("spec.preserveUnknownFields"), definition_get(spec, "preserveUnknownFields"),
                         "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
    if (!old) return;
    if (is_established(old)) check_unchanged(spec, old_spec, "scope", STR("spec.scope"), out);
    if (is_established(old)) check_unchanged(names, definition_get(old_spec, "names"), "kind", STR("spec.names.kind"), out);
    check_unchanged(spec, old_spec, "group", STR("spec.group"), out);
    check_unchanged(names, definition_get(old_spec, "names"), "plural", STR("spec.names.plural"), out);
    check_stored_versions(arena, object, old, out);
}

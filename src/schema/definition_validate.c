#include "schema/definition.h"
#include "schema/definition_inner.h"
#include "schema/name_rules.h"

/* apiextensions-apiserver's pkg/apis/apiextensions/validation: the definition around its schemas. */

yyjson_mut_val *definition_get(const yyjson_mut_val *object, const char *key) {
    return yyjson_mut_obj_get(json_mut_loose(object), key);
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

void definition_add_invalid(struct arena *arena, struct str path, struct str value, const char *words, struct field_errors *out) {
    field_errors_add_text(out, FIELD_INVALID, path, field_error_quote(arena, value), str_of(words));
}

/* The rule's complaints as one error, joined by commas, with `before` in front. */
void definition_check_name(struct arena *arena, enum name_rule rule, struct str checked, struct str shown, struct str path,
                           const char *before, struct field_errors *out) {
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
        definition_check_name(arena, NAME_DNS1035_LABEL, name, name, arena_printf(arena, "spec.names.%s[%zu]", list, index), "", out);
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
        definition_check_name(arena, NAME_DNS1035_LABEL, i < 2 ? name : lowered(arena, name), name,
                              arena_printf(arena, "spec.names.%s", required[i]), i < 2 ? "" : mixed, out);
    }
    check_name_list(arena, names, "shortNames", out);
    if (definition_text(names, "kind").len && str_equal(definition_text(names, "kind"), definition_text(names, "listKind")))
        definition_add_invalid(arena, STR("spec.names.listKind"), definition_text(names, "listKind"),
                               "kind and listKind may not be the same", out);
    check_name_list(arena, names, "categories", out);
}

static void check_conversion(struct arena *arena, const yyjson_mut_val *conversion, struct field_errors *out) {
    static const char *const strategies[] = {"None", "Webhook"};
    struct str strategy = definition_text(conversion, "strategy");
    if (!conversion) return; /* None, then */
    if (!strategy.len)
        definition_require(STR("spec.conversion.strategy"), "", out);
    else if (str_is(strategy, "Webhook"))
        definition_add_invalid(arena, STR("spec.conversion.strategy"), strategy,
                               "conversion by webhook is not supported by this server; use None", out);
    else
        definition_check_choice(arena, strategy, STR("spec.conversion.strategy"), strategies, 2, out);
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
static void check_approval(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct str group,
                           struct field_errors *out) {
    static const char *const suffixes[] = {"k8s.io", "kubernetes.io"};
    bool is_protected = false;
    for (size_t i = 0; i < 2; i++)
        is_protected =
            is_protected || str_is(group, suffixes[i]) || str_ends_with(group, arena_join(arena, STR("."), str_of(suffixes[i]), STR_EMPTY));
    struct str approval = approval_of(object), path = STR("metadata.annotations[api-approved.kubernetes.io]");
    enum approval state = approval_state(approval);
    if (!is_protected || (old && approval_state(approval_of(old)) == state)) return;
    if (state == APPROVAL_MISSING)
        definition_require(path,
                           "protected groups must have approval annotation \"api-approved.kubernetes.io\", see "
                           "https://github.com/kubernetes/enhancements/pull/1111",
                           out);
    else if (state == APPROVAL_INVALID)
        definition_add_invalid(arena, path, approval,
                               "protected groups must have approval annotation \"api-approved.kubernetes.io\" with either a URL or a "
                               "reason starting with \"unapproved\", see "
                               "https://github.com/kubernetes/enhancements/pull/1111",
                               out);
}

static void check_unchanged(const yyjson_mut_val *now, const yyjson_mut_val *before, const char *key, struct str path,
                            struct field_errors *out) {
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

/* Whether a list has the text, under `key` of its items, or, NULL, as an item. */
static bool has_name(yyjson_mut_val *list, const char *key, struct str name) {
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(list, index, max, item) {
        if (str_equal(key ? definition_text(item, key) : definition_key(item), name)) return true;
    }
    return false;
}

/* As they will be: the server itself adds the version that is stored from now on. */
static void check_stored_versions(struct arena *arena, const yyjson_mut_val *object, struct field_errors *out) {
    const yyjson_mut_val *status = definition_get(object, "status");
    yyjson_mut_val *stored = definition_get(status, "storedVersions"),
                   *versions = definition_get(definition_get(object, "spec"), "versions"), *name, *version;
    size_t index, max;
    if (!status) return; /* not filled in yet */
    if (!yyjson_mut_arr_size(stored)) {
        field_errors_add_text(out, FIELD_INVALID, STR("status.storedVersions"), STR("null"), STR("must have at least one stored version"));
        return;
    }
    yyjson_mut_arr_foreach(versions, index, max, version) {
        struct str wanted = definition_text(version, "name");
        if (definition_flag(version, "storage") && !has_name(stored, NULL, wanted))
            field_errors_add(out, FIELD_INVALID, STR("status.storedVersions"), stored, "must have the storage version %.*s",
                             STR_ARG(wanted));
    }
    yyjson_mut_arr_foreach(stored, index, max, name) {
        struct str gone = definition_key(name);
        if (has_name(versions, "name", gone)) continue;
        field_errors_add_text(
            out, FIELD_INVALID, arena_printf(arena, "status.storedVersions[%zu]", index), field_error_quote(arena, gone),
            arena_printf(arena,
                         "missing from spec.versions; %.*s was previously a storage version, and must remain in spec.versions until a "
                         "storage migration ensures no data remains persisted in %.*s and removes %.*s from status.storedVersions",
                         STR_ARG(gone), STR_ARG(gone), STR_ARG(gone)));
    }
}

static void check_group_and_scope(struct arena *arena, const yyjson_mut_val *spec, struct field_errors *out) {
    static const char *const scopes[] = {"Cluster", "Namespaced"};
    struct str group = definition_text(spec, "group"), scope = definition_text(spec, "scope");
    if (!group.len)
        definition_require(STR("spec.group"), "", out);
    else if (!name_rule_holds(NAME_DNS1123_SUBDOMAIN, group))
        definition_check_name(arena, NAME_DNS1123_SUBDOMAIN, group, group, STR("spec.group"), "", out);
    else if (!str_contains(group, STR(".")))
        definition_add_invalid(arena, STR("spec.group"), group, "should be a domain with at least one dot", out);
    if (!scope.len)
        definition_require(STR("spec.scope"), "", out);
    else
        definition_check_choice(arena, scope, STR("spec.scope"), scopes, 2, out);
}

static void check_change(const yyjson_mut_val *spec, const yyjson_mut_val *old, struct field_errors *out) {
    const yyjson_mut_val *before = definition_get(old, "spec"), *names = definition_get(spec, "names"),
                         *names_before = definition_get(before, "names");
    if (is_established(old)) check_unchanged(spec, before, "scope", STR("spec.scope"), out);
    if (is_established(old)) check_unchanged(names, names_before, "kind", STR("spec.names.kind"), out);
    check_unchanged(spec, before, "group", STR("spec.group"), out);
    check_unchanged(names, names_before, "plural", STR("spec.names.plural"), out);
}

void definition_validate(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    const yyjson_mut_val *spec = definition_get(object, "spec"), *names = definition_get(spec, "names");
    struct str name = definition_text(definition_get(object, "metadata"), "name"), group = definition_text(spec, "group");
    if (!old && !str_equal(name, arena_join(arena, definition_text(names, "plural"), STR("."), group)))
        definition_add_invalid(arena, STR("metadata.name"), name, "must be spec.names.plural+\".\"+spec.group", out);
    check_group_and_scope(arena, spec, out);
    definition_check_versions(arena, spec, out);
    check_names(arena, names, out);
    definition_check_shared(arena, spec, out);
    check_conversion(arena, definition_get(spec, "conversion"), out);
    if (old) check_change(spec, old, out);
    check_stored_versions(arena, object, out);
    check_approval(arena, object, old, group, out);
    if (yyjson_mut_is_true(definition_get(spec, "preserveUnknownFields")))
        field_errors_add(out, FIELD_INVALID, STR("spec.preserveUnknownFields"), definition_get(spec, "preserveUnknownFields"),
                         "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
}

#include "apiserver/filter.h"

#include <stdio.h>

#include "apiserver/builtin_kinds.h"

enum { MAX_TERMS = 32 };

/* group, plural, field: what built-in kinds can be selected by beside metadata.name and metadata.namespace. */
static const struct {
    const char *plural, *field;
} builtin_fields[] = {
    {"events", "involvedObject.kind"},
    {"events", "involvedObject.namespace"},
    {"events", "involvedObject.name"},
    {"events", "involvedObject.uid"},
    {"events", "involvedObject.apiVersion"},
    {"events", "involvedObject.resourceVersion"},
    {"events", "involvedObject.fieldPath"},
    {"events", "reason"},
    {"events", "reportingComponent"},
    {"events", "source"},
    {"events", "type"},
    {"namespaces", "status.phase"},
    {"pods", "spec.nodeName"},
    {"pods", "spec.restartPolicy"},
    {"pods", "spec.schedulerName"},
    {"pods", "spec.serviceAccountName"},
    {"pods", "spec.hostNetwork"},
    {"pods", "status.phase"},
    {"pods", "status.podIP"},
    {"pods", "status.nominatedNodeName"},
    {"secrets", "type"},
    {"services", "spec.clusterIP"},
    {"services", "spec.type"},
};

static bool is_known_field(const struct kind *kind, const struct kind_version *version, struct str field) {
    if (str_is(field, "metadata.name") || (str_is(field, "metadata.namespace") && (kind->is_namespaced || kind->builtin))) return true;
    for (size_t i = 0; i < version->selectable_field_count; i++) {
        if (str_equal(version->selectable_fields[i], field)) return true;
    }
    for (size_t i = 0; kind->builtin && i < sizeof builtin_fields / sizeof builtin_fields[0]; i++) {
        if (str_is(kind->plural, builtin_fields[i].plural) && str_is(field, builtin_fields[i].field)) return true;
    }
    return false;
}

/* "a=b", "a==b", "a!=b"; values may escape '\\', ',' and '='. */
static bool read_term(struct arena *arena, struct str text, struct filter_term *out) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\') {
            i++;
            continue;
        }
        bool is_negative = text.ptr[i] == '!' && i + 1 < text.len && text.ptr[i + 1] == '=';
        if (!is_negative && text.ptr[i] != '=') continue;
        size_t end = i + 1;
        if (is_negative || (end < text.len && text.ptr[end] == '=')) end++;
        struct str raw = str_from(text, end);
        char *value = arena_alloc(arena, raw.len + 1);
        if (!value) return false;
        size_t len = 0;
        for (size_t at = 0; at < raw.len; at++) {
            if (raw.ptr[at] == '\\' && at + 1 < raw.len) at++;
            value[len++] = raw.ptr[at];
        }
        *out = (struct filter_term){.field = str_trim(str_first(text, i)), .value = {value, len}, .is_negative = is_negative};
        return true;
    }
    return false;
}

static size_t term_end(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == ',')
            return i;
    }
    return text.len;
}

/* Of an event, whichever form its reporter has given it. */
static void name_source(const struct kind *kind, struct filter_term *term) {
    if (!kind->builtin || !str_is(kind->plural, "events") || !str_is(term->field, "source")) return;
    term->field = STR("source.component");
    term->otherwise = STR("reportingComponent");
}

static bool add_term(struct filter *filter, struct filter_term *terms, struct filter_term term) {
    bool is_name = str_is(term.field, "metadata.name"), is_namespace = str_is(term.field, "metadata.namespace");
    if (term.is_negative || (!is_name && !is_namespace)) {
        if (filter->term_count == MAX_TERMS) return false;
        terms[filter->term_count++] = term;
        filter->needs_body = filter->needs_body || (!is_name && !is_namespace);
        return true;
    }
    struct str *field = is_name ? &filter->name : &filter->namespace;
    if ((field->len && !str_equal(*field, term.value)) || !term.value.len) filter->selects_nothing = true;
    *field = term.value;
    return true;
}

static bool read_fields(struct arena *arena, const struct kind *kind, const struct kind_version *version, struct str text,
                        struct filter *out, struct refusal *refusal) {
    struct filter_term *terms = arena_array(arena, MAX_TERMS, sizeof *terms);
    if (!terms) return refuse_internal(arena, refusal, "memory is out");
    out->terms = terms;
    struct str whole = text;
    while (text.len) {
        size_t end = term_end(text);
        struct str part = str_first(text, end);
        text = str_from(text, end + 1);
        if (!part.len) continue;
        struct filter_term term;
        if (!read_term(arena, part, &term))
            return refuse_bad_request(arena, refusal, "unable to parse field selector: invalid selector: '%.*s'; can't understand '%.*s'",
                                      STR_ARG(whole), STR_ARG(part));
        if (!is_known_field(kind, version, term.field)) {
            if (kind->is_defined || version->selectable_field_count)
                return refuse_bad_request(arena, refusal, "field label not supported: %.*s", STR_ARG(term.field));
            return refuse_bad_request(arena, refusal,
                                      "\"%.*s\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                                      STR_ARG(term.field));
        }
        name_source(kind, &term);
        if (!add_term(out, terms, term)) return refuse_bad_request(arena, refusal, "the field selector has more than %d terms", MAX_TERMS);
    }
    return true;
}

bool filter_read(struct arena *arena, const struct kind *kind, const struct kind_version *version, struct str namespace,
                 struct str label_selector, struct str field_selector, struct filter *out, struct refusal *refusal) {
    *out = (struct filter){.namespace = namespace, .is_everything = !label_selector.len && !field_selector.len};
    struct error error;
    if (!selector_parse(arena, label_selector, &out->labels, &error))
        return refuse_bad_request(arena, refusal, "unable to parse requirement: %s", error.message);
    out->needs_body = out->labels.count > 0;
    return read_fields(arena, kind, version, field_selector, out, refusal);
}

struct str filter_required_name(struct arena *arena, struct str field_selector) {
    struct str text = field_selector;
    while (text.len) {
        size_t end = term_end(text);
        struct filter_term term;
        if (read_term(arena, str_first(text, end), &term) && !term.is_negative && str_is(term.field, "metadata.name")) return term.value;
        text = str_from(text, end + 1);
    }
    return STR_EMPTY;
}

static const yyjson_val *at_path(const yyjson_val *object, struct str path) {
    const yyjson_val *value = object;
    for (struct str rest = path; rest.len && value;) {
        size_t dot = str_find(rest, STR("."));
        value = json_get_str(value, dot == SIZE_MAX ? rest : str_first(rest, dot));
        rest = dot == SIZE_MAX ? STR_EMPTY : str_from(rest, dot + 1);
    }
    return value;
}

static bool term_matches(const struct filter_term *term, struct str namespace, struct str name, const yyjson_val *object) {
    struct str found;
    if (str_is(term->field, "metadata.name")) {
        found = name;
    } else if (str_is(term->field, "metadata.namespace")) {
        found = namespace;
    } else {
        const yyjson_val *value = at_path(object, term->field);
        if (term->otherwise.len && !json_text(value).len) value = at_path(object, term->otherwise);
        char number[32];
        found = json_text(value);
        int64_t integer;
        if (yyjson_is_bool(json_loose(value)))
            found = yyjson_get_bool(json_loose(value)) ? STR("true") : STR("false");
        else if (json_int64(value, &integer)) {
            int len = snprintf(number, sizeof number, "%lld", (long long)integer);
            found = (struct str){number, (size_t)len};
        }
        return str_equal(found, term->value) != term->is_negative;
    }
    return str_equal(found, term->value) != term->is_negative;
}

bool filter_matches(const struct filter *filter, struct str namespace, struct str name, const yyjson_val *object) {
    if (filter->selects_nothing || (filter->namespace.len && !str_equal(filter->namespace, namespace)) ||
        (filter->name.len && !str_equal(filter->name, name)))
        return false;
    if (filter->labels.count && !selector_matches(&filter->labels, json_path(object, "metadata", "labels", NULL))) return false;
    for (size_t i = 0; i < filter->term_count; i++) {
        if (!term_matches(&filter->terms[i], namespace, name, object)) return false;
    }
    return true;
}

#include "apiserver/openapi.h"

#include "apiserver/discovery.h"
#include "base/hash.h"
#include "schema/builtin.h"

enum { MAX_VERSIONS = 16, DOCUMENT_ARENA_BYTES = 256 * 1024 * 1024, MAX_SCHEMAS = 1024 };

#define OBJECT_META "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
#define LIST_META   "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"

/* A document being written. References are "#/components/schemas/" in OpenAPI 3, "#/definitions/" in Swagger. */
struct document {
    struct arena arena;
    struct strbuf *out;
    const struct registry *registry;
    const char *references;
    bool is_v2;
    struct str written[MAX_SCHEMAS]; /* names, each schema once */
    size_t written_count;
};

static void comma(struct document *document, bool *is_first) {
    if (!*is_first) strbuf_append_char(document->out, ',');
    *is_first = false;
}

/* "workload.serving.volcano.sh" -> "sh.volcano.serving.workload" */
static struct str reversed(struct arena *arena, struct str group) {
    struct str out = STR_EMPTY;
    for (struct str rest = group; rest.len;) {
        size_t dot = str_find(rest, STR("."));
        struct str part = dot == SIZE_MAX ? rest : str_first(rest, dot);
        out = out.len ? arena_join(arena, part, STR("."), out) : part;
        rest = dot == SIZE_MAX ? STR_EMPTY : str_from(rest, dot + 1);
    }
    return out;
}

/* Names of built-in kinds are those of their Go packages; of others, the group backwards. */
static struct str schema_name(struct document *document, const struct kind *kind, const struct kind_version *version) {
    struct arena *arena = &document->arena;
    if (!kind->builtin)
        return arena_printf(arena, "%.*s.%.*s.%.*s", STR_ARG(reversed(arena, kind->group)), STR_ARG(version->version), STR_ARG(kind->kind));
    const yyjson_val *components = builtin_components(arena, kind->group, version->version, kind->kind);
    yyjson_obj_iter iterator = yyjson_obj_iter_with(json_loose(components));
    return json_text(yyjson_obj_iter_next(&iterator));
}

/* Appends JSON, its references as this document has them. */
static void write_value(struct document *document, const yyjson_val *value) {
    struct str from = STR("#/components/schemas/");
    if (!document->is_v2) {
        json_write(document->out, value);
        return;
    }
    struct strbuf text = strbuf_with_max(LIMIT_OUTPUT_BYTES);
    json_write(&text, value);
    for (struct str rest = strbuf_view(&text); rest.len;) {
        size_t at = str_find(rest, from);
        strbuf_append(document->out, at == SIZE_MAX ? rest : str_first(rest, at));
        if (at == SIZE_MAX) break;
        strbuf_append(document->out, STR("#/definitions/"));
        rest = str_from(rest, at + from.len);
    }
    strbuf_release(&text);
}

static bool is_new(struct document *document, struct str name) {
    for (size_t i = 0; i < document->written_count; i++) {
        if (str_equal(document->written[i], name)) return false;
    }
    if (document->written_count < MAX_SCHEMAS) document->written[document->written_count++] = name;
    return true;
}

static void write_components(struct document *document, const yyjson_val *components, bool *is_first) {
    size_t index, max;
    yyjson_val *key, *schema;
    yyjson_obj_foreach(json_loose(components), index, max, key, schema) {
        if (!is_new(document, json_text(key))) continue;
        comma(document, is_first);
        json_write_text(document->out, json_text(key));
        strbuf_append_char(document->out, ':');
        write_value(document, schema);
    }
}

static void write_kind_mark(struct document *document, struct str group, struct str version, struct str kind) {
    strbuf_printf(document->out, "\"x-kubernetes-group-version-kind\":[{\"group\":\"%.*s\",\"version\":\"%.*s\",\"kind\":\"%.*s\"}]",
                  STR_ARG(group), STR_ARG(version), STR_ARG(kind));
}

/* The properties of a defined kind, with those that every object has. */
static void write_defined_properties(struct document *document, const yyjson_val *source) {
    struct strbuf *out = document->out;
    strbuf_printf(
        out,
        "{\"apiVersion\":{\"type\":\"string\",\"description\":\"APIVersion defines the versioned schema of this representation of an "
        "object.\"},"
        "\"kind\":{\"type\":\"string\",\"description\":\"Kind is a string value representing the REST resource this object represents.\"},"
        "\"metadata\":{\"description\":\"Standard object's metadata.\",\"allOf\":[{\"$ref\":\"%s" OBJECT_META "\"}]}",
        document->references);
    size_t index, max;
    yyjson_val *key, *property;
    yyjson_obj_foreach(json_get(source, "properties"), index, max, key, property) {
        struct str name = json_text(key);
        if (str_is(name, "apiVersion") || str_is(name, "kind") || str_is(name, "metadata")) continue;
        strbuf_append_char(out, ',');
        json_write_text(out, name);
        strbuf_append_char(out, ':');
        write_value(document, property);
    }
    strbuf_append_char(out, '}');
}

static void write_defined_kind(struct document *document, const struct kind *kind, const struct kind_version *version, bool *is_first) {
    struct strbuf *out = document->out;
    struct str name = schema_name(document, kind, version);
    const yyjson_val *source = schema_source(version->schema);
    comma(document, is_first);
    json_write_text(out, name);
    strbuf_append(out, STR(":{"));
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(json_loose(source), index, max, key, value) {
        if (json_is_text(key, "properties")) continue;
        json_write_text(out, json_text(key));
        strbuf_append_char(out, ':');
        write_value(document, value);
        strbuf_append_char(out, ',');
    }
    strbuf_append(out, STR("\"properties\":"));
    write_defined_properties(document, source);
    strbuf_append_char(out, ',');
    write_kind_mark(document, kind->group, version->version, kind->kind);
    strbuf_append_char(out, '}');
}

/* A list of a kind, which no schema of the built-in ones says. */
static void write_list_kind(struct document *document, const struct kind *kind, const struct kind_version *version, bool *is_first) {
    struct str name = schema_name(document, kind, version);
    struct strbuf *out = document->out;
    comma(document, is_first);
    strbuf_printf(out,
                  "\"%.*sList\":{\"type\":\"object\",\"description\":\"%.*s is a list of "
                  "%.*s\",\"required\":[\"items\"],\"properties\":{\"apiVersion\":{\"type\":"
                  "\"string\"},\"kind\":{\"type\":\"string\"},\"metadata\":{\"allOf\":[{\"$ref\":\"%s" LIST_META
                  "\"}]},\"items\":{\"type\":\"array\",\"items\":{"
                  "\"allOf\":[{\"$ref\":\"%s%.*s\"}]}}},",
                  STR_ARG(name), STR_ARG(kind->list_kind), STR_ARG(kind->kind), document->references, document->references, STR_ARG(name));
    write_kind_mark(document, kind->group, version->version, kind->list_kind);
    strbuf_append_char(out, '}');
}

static void write_kind(struct document *document, const struct kind *kind, const struct kind_version *version, bool *is_first) {
    if (kind->builtin)
        write_components(document, builtin_components(&document->arena, kind->group, version->version, kind->kind), is_first);
    else
        write_defined_kind(document, kind, version, is_first);
    if (kind->verbs & VERB_LIST) write_list_kind(document, kind, version, is_first);
}

struct operation {
    const char *method, *action;
    unsigned verb;
    bool has_write_parameters;
};

static const struct operation collection_operations[] = {
    {"get", "list", VERB_LIST, false},
    {"post", "post", VERB_CREATE, true},
    {"delete", "deletecollection", VERB_DELETE_COLLECTION, false},
};
static const struct operation object_operations[] = {
    {"get", "get", VERB_GET, false},
    {"put", "put", VERB_UPDATE, true},
    {"patch", "patch", VERB_PATCH, true},
    {"delete", "delete", VERB_DELETE, false},
};

static void write_parameters(struct document *document, bool has_write_parameters) {
    static const char *const names[] = {"dryRun", "fieldManager", "fieldValidation", "pretty"};
    strbuf_append(document->out, STR("\"parameters\":["));
    for (size_t i = has_write_parameters ? 0 : 3; i < 4; i++) {
        strbuf_printf(document->out,
                      document->is_v2 ? "{\"name\":\"%s\",\"in\":\"query\",\"type\":\"string\",\"uniqueItems\":true}%s"
                                      : "{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"string\",\"uniqueItems\":true}}%s",
                      names[i], i == 3 ? "]" : ",");
    }
}

static void write_operations(struct document *document, const struct kind *kind, const struct kind_version *version, struct str name,
                             const struct operation *operations, size_t count) {
    struct strbuf *out = document->out;
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        if (!(kind->verbs & operations[i].verb)) continue;
        const char *suffix = operations[i].verb == VERB_LIST ? "List" : "";
        comma(document, &is_first);
        strbuf_printf(out, "\"%s\":{", operations[i].method);
        write_parameters(document, operations[i].has_write_parameters);
        strbuf_append(out, STR(",\"responses\":{\"200\":{\"description\":\"OK\","));
        if (document->is_v2)
            strbuf_printf(out, "\"schema\":{\"$ref\":\"%s%.*s%s\"}", document->references, STR_ARG(name), suffix);
        else
            strbuf_printf(out, "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"%s%.*s%s\"}}}", document->references,
                          STR_ARG(name), suffix);
        strbuf_printf(out,
                      "}},\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":{\"group\":\"%.*s\",\"version\":\"%.*s\","
                      "\"kind\":\"%.*s\"}}",
                      operations[i].action, STR_ARG(kind->group), STR_ARG(version->version), STR_ARG(kind->kind));
    }
}

static void write_path(struct document *document, const struct kind *kind, const struct kind_version *version, struct str name,
                       const char *place, const struct operation *operations, size_t count, bool *is_first) {
    struct strbuf *out = document->out;
    comma(document, is_first);
    strbuf_printf(out, "\"%s%.*s%s%.*s%s%.*s%s\":{", kind->group.len ? "/apis/" : "/api", STR_ARG(kind->group), "/",
                  STR_ARG(version->version), kind->is_namespaced ? "/namespaces/{namespace}/" : "/", STR_ARG(kind->plural), place);
    write_operations(document, kind, version, name, operations, count);
    strbuf_append_char(out, '}');
}

static void write_paths(struct document *document, const struct kind *kind, const struct kind_version *version, bool *is_first) {
    struct str name = schema_name(document, kind, version);
    write_path(document, kind, version, name, "", collection_operations, 3, is_first);
    if (kind->verbs & VERB_GET) write_path(document, kind, version, name, "/{name}", object_operations, 4, is_first);
}

/* Each kind's version that is served, in the group and version given (both NULL: all). */
static size_t each_version(struct document *document, const struct str *group, const struct str *version,
                           void (*write)(struct document *document, const struct kind *kind, const struct kind_version *version,
                                         bool *is_first),
                           bool *is_first) {
    size_t count, written = 0;
    const struct kind *const *kinds = registry_kinds(document->registry, &count);
    for (size_t i = 0; i < count; i++) {
        if (group && !str_equal(kinds[i]->group, *group)) continue;
        for (size_t at = 0; at < kinds[i]->version_count; at++) {
            const struct kind_version *served = &kinds[i]->versions[at];
            if (!served->is_served || (version && !str_equal(served->version, *version))) continue;
            write(document, kinds[i], served, is_first);
            written++;
        }
    }
    return written;
}

static void document_start(struct document *document, struct strbuf *out, const struct registry *registry, bool is_v2) {
    document->out = out;
    document->registry = registry;
    document->is_v2 = is_v2;
    document->references = is_v2 ? "#/definitions/" : "#/components/schemas/";
    document->written_count = 0;
    arena_init(&document->arena, DOCUMENT_ARENA_BYTES);
}

#define INFO "\"info\":{\"title\":\"Kubernetes\",\"version\":\"v1.34.4\"}"

static bool write_document(struct document *document, const struct str *group, const struct str *version) {
    struct strbuf *out = document->out;
    bool is_first = true;
    strbuf_append(out,
                  document->is_v2 ? STR("{\"swagger\":\"2.0\"," INFO ",\"paths\":{") : STR("{\"openapi\":\"3.0.0\"," INFO ",\"paths\":{"));
    size_t count = each_version(document, group, version, write_paths, &is_first);
    strbuf_append(out, document->is_v2 ? STR("},\"definitions\":{") : STR("},\"components\":{\"schemas\":{"));
    is_first = true;
    write_components(document, builtin_components(&document->arena, STR_EMPTY, STR("v1"), STR("ObjectMeta")), &is_first);
    write_components(document, builtin_components(&document->arena, STR_EMPTY, STR("v1"), STR("ListMeta")), &is_first);
    each_version(document, group, version, write_kind, &is_first);
    strbuf_append(out, document->is_v2 ? STR("}}") : STR("}}}"));
    return count;
}

bool openapi_write_version(struct strbuf *out, const struct registry *registry, struct str group, struct str version) {
    struct document document;
    document_start(&document, out, registry, false);
    bool is_served = write_document(&document, &group, &version);
    arena_release(&document.arena);
    return is_served;
}

void openapi_write_v2(struct strbuf *out, const struct registry *registry) {
    struct document document;
    document_start(&document, out, registry, true);
    write_document(&document, NULL, NULL);
    arena_release(&document.arena);
}

/* Of what the document is made from: built-in kinds never change, definitions have a revision. */
static uint64_t hash_of(const struct registry *registry, struct str group, struct str version) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    strbuf_printf(&text, "%s %.*s", MODEL_BOOSTER_VERSION, STR_ARG(version));
    for (size_t i = 0; i < count; i++) {
        if (str_equal(kinds[i]->group, group)) strbuf_printf(&text, " %.*s %lld", STR_ARG(kinds[i]->plural), (long long)kinds[i]->revision);
    }
    uint64_t hash = hash_xxh3(strbuf_view(&text));
    strbuf_release(&text);
    return hash;
}

static void write_root_entry(struct strbuf *out, const struct registry *registry, struct str group, struct str version, bool *is_first) {
    struct str prefix = group.len ? STR("apis/") : STR("api");
    strbuf_printf(out, "%s\"%.*s%.*s/%.*s\":{\"serverRelativeURL\":\"/openapi/v3/%.*s%.*s/%.*s?hash=%016llX\"}", *is_first ? "" : ",",
                  STR_ARG(prefix), STR_ARG(group), STR_ARG(version), STR_ARG(prefix), STR_ARG(group), STR_ARG(version),
                  (unsigned long long)hash_of(registry, group, version));
    *is_first = false;
}

void openapi_write_root(struct strbuf *out, const struct registry *registry) {
    size_t count;
    bool is_first = true;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    strbuf_append(out, STR("{\"paths\":{"));
    for (size_t i = 0; i < count; i++) {
        if (i && str_equal(kinds[i]->group, kinds[i - 1]->group)) continue;
        struct str versions[MAX_VERSIONS];
        size_t version_count = discovery_versions_of(registry, kinds[i]->group, versions, MAX_VERSIONS);
        for (size_t at = 0; at < version_count; at++) write_root_entry(out, registry, kinds[i]->group, versions[at], &is_first);
    }
    strbuf_append(out, STR("}}"));
}

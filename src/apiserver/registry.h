/*
 * Every kind that is served: the built-in ones (builtin_kinds.c, a table) and those of the definitions that live in the store.
 *
 *   struct registry -> struct kind (one a group and plural) -> struct kind_version (one a served version)
 *
 * Kinds are immutable and counted: a changed definition makes a new struct kind and drops the old one, which lives on while requests use
 * it.
 */
#ifndef MB_APISERVER_REGISTRY_H
#define MB_APISERVER_REGISTRY_H

#include "schema/definition.h"

/* Verbs as discovery spells them, as bits. */
#define KIND_VERBS(X)                                                                                                                      \
    X(VERB_CREATE, 0, "create")                                                                                                            \
    X(VERB_DELETE, 1, "delete")                                                                                                            \
    X(VERB_DELETE_COLLECTION, 2, "deletecollection")                                                                                       \
    X(VERB_GET, 3, "get")                                                                                                                  \
    X(VERB_LIST, 4, "list")                                                                                                                \
    X(VERB_PATCH, 5, "patch")                                                                                                              \
    X(VERB_UPDATE, 6, "update")                                                                                                            \
    X(VERB_WATCH, 7, "watch")
enum kind_verb {
#define VERB_ENUM(id, bit, word) id = 1u << bit,
    KIND_VERBS(VERB_ENUM)
#undef VERB_ENUM
};
enum { VERBS_ALL = 0xff };

struct kind;
struct kind_version;

/* "status", "scale", "token", "finalize", "eviction" ... of one version of a kind. */
struct kind_subresource {
    struct str name;
    unsigned verbs;
    struct str group, version, kind; /* of the object that it reads and writes; group and version empty: the kind's own */
};

struct kind_version {
    struct str version;
    bool is_served, is_storage, is_deprecated;
    struct str deprecation_warning;          /* the whole Warning text; empty: not deprecated */
    const struct schema *schema;             /* NULL for virtual kinds (reviews), whose objects are not stored */
    const struct definition_column *columns; /* of tables, beside Name; "Age" is among them where it is shown */
    size_t column_count;
    const struct str *selectable_fields; /* beside metadata.name and metadata.namespace: "spec.x", without the leading dot */
    size_t selectable_field_count;
    const struct kind_subresource *subresources;
    size_t subresource_count;
    const struct definition_version *definition; /* NULL: built in */
};

struct kind {
    size_t references;
    struct arena arena; /* of everything in it */
    struct str group, plural, singular, kind, list_kind;
    const struct str *short_names;
    size_t short_name_count;
    const struct str *categories;
    size_t category_count;
    bool is_namespaced;
    unsigned verbs;
    const struct kind_version *versions; /* served or not, best first as discovery orders them (v1 before v1beta1 before v1alpha1) */
    size_t version_count;
    const struct kind_version *storage_version;
    struct str storage_key;             /* "workload.serving.volcano.sh/modelboosters"; kinds of several groups may share one (events) */
    struct str storage_version_hash;    /* as discovery shows it; may be empty */
    bool is_defined;                    /* by a CustomResourceDefinition */
    struct str definition_uid;          /* then: of that */
    int64_t revision;                   /* of the definition; objects older than it may need pruning and defaults anew; 0: built in */
    bool is_terminating;                /* its definition is being deleted: no creates */
    const struct builtin_kind *builtin; /* NULL: defined; its rules (builtin_kinds.h) */
};

struct registry;

struct registry *registry_new(void);
void registry_free(struct registry *registry);

/* Every kind, ordered by group (core first, then bytewise) and plural. The array lives until the next change. */
const struct kind *const *registry_kinds(const struct registry *registry, size_t *out_count);
/* NULL: no such kind. Any version; look at its versions. */
const struct kind *registry_find(const struct registry *registry, struct str group, struct str plural);
const struct kind *registry_find_kind(const struct registry *registry, struct str group, struct str kind);
/* Whether a version of that group serves built-in kinds, as /api/v1 does. */
bool registry_has_builtin_version(const struct registry *registry, struct str group, struct str version);
const struct kind_version *kind_find_version(const struct kind *kind, struct str version);
/* Compiles a built-in kind's schema (a millisecond) unless it is there: only what is used costs memory and time at the start. */
void kind_need_schema(const struct kind *kind);
/* Best first: v1 before v1beta1 before v1alpha1, newest first, then other names bytewise; as qsort wants it. */
int kind_compare_versions(struct str a, struct str b);
/* Rises with every change: what was made from the registry (discovery, OpenAPI) is made anew then. */
uint64_t registry_epoch(const struct registry *registry);

/* Adds or replaces the kind of a definition; `object` is the stored CustomResourceDefinition and is copied. */
bool registry_define(struct registry *registry, const yyjson_val *object, struct error *error);
void registry_undefine(struct registry *registry, struct str group, struct str plural);
const struct kind *kind_keep(const struct kind *kind);
void kind_drop(const struct kind *kind);

#endif

/*
 * The kinds that every server has, as a table, and what is particular to each.
 */
#ifndef MB_APISERVER_BUILTIN_KINDS_H
#define MB_APISERVER_BUILTIN_KINDS_H

#include "schema/name_rules.h"

enum builtin_flag {
    BUILTIN_IS_NAMESPACED = 1 << 0,
    BUILTIN_CREATES_ON_UPDATE = 1 << 1,       /* PUT of an object that is not there creates it */
    BUILTIN_UPDATES_UNCONDITIONALLY = 1 << 2, /* an update may leave out resourceVersion */
    BUILTIN_RETURNS_DELETED = 1 << 3,         /* DELETE answers with the object rather than with a Status */
    BUILTIN_HAS_GENERATION = 1 << 4,
    BUILTIN_HAS_STATUS = 1 << 5, /* a status subresource: the main resource leaves status alone */
    BUILTIN_IS_VIRTUAL = 1 << 6, /* answered, not stored: reviews */
};

/* In place, before defaults are validated: what the kind's strategy does. `old` NULL: a create. `now`: RFC 3339. */
typedef void builtin_prepare(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now);
typedef void builtin_validate(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out);

struct builtin_kind {
    const char *group, *version, *kind, *plural, *singular;
    const char *short_names, *categories; /* comma-separated; "": none */
    unsigned flags;
    unsigned verbs;           /* enum kind_verb */
    const char *subresources; /* comma-separated, of the table in registry.c */
    const char *storage_key;  /* NULL: group/plural */
    enum name_rule name_rule;
    builtin_prepare *complete;  /* what belongs to reading it: before its fields get owners; NULL: nothing */
    builtin_prepare *prepare;   /* what its strategy does, afterwards; NULL: nothing */
    builtin_validate *validate; /* NULL: the schema says it all */
};

extern const struct builtin_kind builtin_kinds[];
extern const size_t builtin_kind_count;

/* builtin_rules*.c */
builtin_prepare complete_secret, complete_definition, complete_pod;
builtin_prepare prepare_namespace, prepare_definition, prepare_service, prepare_pod;
builtin_validate validate_namespace, validate_config_map, validate_secret, validate_event, validate_lease, validate_service, validate_pod,
    validate_role, validate_role_binding, validate_definition;

#endif

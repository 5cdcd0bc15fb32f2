/* What names, labels and keys may look like, with apimachinery's words for what is wrong (k8s.io/apimachinery/pkg/util/validation). */
#ifndef MB_SCHEMA_NAME_RULES_H
#define MB_SCHEMA_NAME_RULES_H

#include "schema/field_error.h"

enum name_rule {
    NAME_DNS1123_LABEL,
    NAME_DNS1123_SUBDOMAIN,
    NAME_DNS1035_LABEL,
    NAME_QUALIFIED,     /* [prefix/]name: label keys, finalizers, annotation keys once lowered */
    NAME_LABEL_VALUE,
    NAME_CONFIG_KEY,    /* keys of ConfigMaps and Secrets */
    NAME_PATH_SEGMENT,  /* anything but ".", "..", '/' and '%' */
};

/* Adds an "Invalid value" for each of the rule's complaints about `name`. */
void name_rule_check(enum name_rule rule, struct str name, struct str field, struct field_errors *out);
/* A prefix of names to generate: a trailing '-' is good there. */
void name_rule_check_prefix(enum name_rule rule, struct str prefix, struct str field, struct field_errors *out);
bool name_rule_holds(enum name_rule rule, struct str name);

#endif

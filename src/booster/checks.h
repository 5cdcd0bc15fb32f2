/*
 * The rules of validate.h by subject: one function each, one file each (validate_<subject>.c). Every function adds to the findings and
 * looks at nothing that another has to have checked first; what is missing or of the wrong type is passed over, since
 * there is a finding for it already.
 */
#ifndef MB_BOOSTER_CHECKS_H
#define MB_BOOSTER_CHECKS_H

#include "booster/model.h"
#include "data/quantity.h"

/* validate_names.c: names given, and those of children and pods that they lead to. */
void check_names(const struct booster *booster, struct findings *findings);
/* validate_sources.c: modelURI and cacheURI. */
void check_sources(const struct backend *backend, struct findings *findings);
/* A model's or adapter's URI that is present and not empty. `cache_uri` is the backend's: what is inside needs no claim. */
void check_source_uri(struct findings *findings, struct str path, const yyjson_val *value, struct str uri, struct str cache_uri);
/* validate_env.c: env, envFrom, and the ports of one pod. */
void check_env(const struct backend *backend, struct findings *findings);
/* validate_workers.c: types, images, resources. */
void check_workers(const struct backend *backend, struct findings *findings);
/* validate_config.c: engine arguments. */
void check_config(const struct backend *backend, struct findings *findings);
/* validate_route.c: weights, adapters, modelMatch, and the ModelRoute's limits. */
void check_route(const struct booster *booster, struct findings *findings);
/* validate_policy.c: policies and the fields around them. */
void check_policies(const struct booster *booster, struct findings *findings);
/* validate_placement.c: gangPolicy, networkTopology, topologySpread. */
void check_placement(const struct backend *backend, struct findings *findings);
/* validate_pod_template.c */
void check_pod_template(const struct backend *backend, struct findings *findings);
/* validate_fields.c: fields that no version has. */
void check_unknown_fields(const struct booster *booster, struct findings *findings);
/* validate_metadata.c: what no API server takes as the metadata of any object. */
void check_object_metadata(const struct booster *booster, struct findings *findings);
/* One label, and one annotation's value; a `value` of NULL is an empty one. `rule` is what a label that is none breaks. */
void check_label(struct findings *findings, enum rule rule, struct str path, const yyjson_val *key, yyjson_val *value);
void check_annotation(struct findings *findings, struct str path, yyjson_val *value);

/* Adds RULE_REQUIRED when the text at `key` is absent, null or empty; `example` completes "write ...". False then. */
bool check_text_present(struct findings *findings, const yyjson_val *object, struct str path, const char *key, const char *example);
/* The same of a text that reading the model has not looked at: another type is a finding, too. */
bool check_required_text(struct findings *findings, const yyjson_val *object, struct str path, const char *key, const char *example);
/* A JSON member that must be an object or a list: NULL where it is absent, or of another type (a finding). */
yyjson_val *check_object(struct findings *findings, const yyjson_val *object, struct str path, const char *key);
yyjson_val *check_list(struct findings *findings, const yyjson_val *object, struct str path, const char *key);
/* A whole number where it is present. True and *out when it is there and in range. */
bool check_int64(struct findings *findings, const yyjson_val *object, struct str path, const char *key, int64_t min, int64_t max,
                 int64_t *out);
/* One of `words`, where it is present; `remedy` completes "write ...". */
void check_word(struct findings *findings, const yyjson_val *object, struct str path, const char *key, const char *const *words,
                size_t count, const char *remedy);
/* A quantity, written as Kubernetes' definitions take it: text or a whole number (validate_workers.c). */
bool check_quantity(struct findings *findings, struct str path, const yyjson_val *value, struct quantity *out);
bool has_blank(struct str text);

#endif

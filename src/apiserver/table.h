/*
 * Tables (meta.k8s.io Table), as kubectl get prints them: columns of built-in kinds as in Kubernetes' printers, of others by the JSONPaths
 * of their definitions.
 *
 *   table_begin, then rows with commas between them (the caller's), then table_end
 */
#ifndef MB_APISERVER_TABLE_H
#define MB_APISERVER_TABLE_H

#include "apiserver/registry.h"

struct table_settings {
    const struct kind *kind;
    const struct kind_version *version;
    struct str meta_version;   /* "v1", "v1beta1" */
    struct str include_object; /* "None", "Metadata" (also when empty), "Object" */
    int64_t now_ms;            /* ages count from here */
};

/* `continue_token` may be empty; remaining -1: not told. */
void table_begin(const struct table_settings *table, int64_t revision, struct str continue_token, int64_t remaining, struct strbuf *out);
void table_write_row(const struct table_settings *table, struct arena *scratch, const yyjson_val *object, struct strbuf *out);
void table_end(struct strbuf *out);

#endif

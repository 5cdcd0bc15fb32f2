/*
 * Bodies in Kubernetes' protobuf form (application/vnd.kubernetes.protobuf), which typed clients send for built-in kinds: kubectl create,
 * controller-runtime. Read only; answers are JSON, which all of them take too.
 *
 *   "k8s\0" runtime.Unknown{ typeMeta{apiVersion, kind}, raw: the object }
 *
 * How messages lie is a table made from Kubernetes' Go types (protobuf/fields.txt, scripts/protobuf-fields.py).
 */
#ifndef MB_APISERVER_PROTOBUF_H
#define MB_APISERVER_PROTOBUF_H

#include "data/json.h"

/* The object as JSON has it, in `doc`. NULL and `error`: garbage (ERROR_SYNTAX), a kind without a table (ERROR_UNSUPPORTED),
 * ERROR_MEMORY. */
yyjson_mut_val *protobuf_read(struct arena *arena, yyjson_mut_doc *doc, struct str body, struct error *error);

#endif

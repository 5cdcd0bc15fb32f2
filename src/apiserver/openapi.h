/*
 * OpenAPI documents: what kubectl explain, apply and strict validation read.
 *
 *   /openapi/v3                        paths of the documents, each with a hash that changes with its content
 *   /openapi/v3/apis/GROUP/VERSION     one group's version: schemas of its kinds, its operations with the parameters that clients look for
 *   /openapi/v2                        everything in one Swagger document
 */
#ifndef MB_APISERVER_OPENAPI_H
#define MB_APISERVER_OPENAPI_H

#include "apiserver/registry.h"

void openapi_write_root(struct strbuf *out, const struct registry *registry);
/* False: nothing is served there. */
bool openapi_write_version(struct strbuf *out, const struct registry *registry, struct str group, struct str version);
void openapi_write_v2(struct strbuf *out, const struct registry *registry);

#endif

/* The audit log: an audit.k8s.io/v1 Event a request at level Metadata and stage ResponseComplete, a line each, as kube-apiserver's log backend writes. */
#ifndef MB_APISERVER_AUDIT_H
#define MB_APISERVER_AUDIT_H

#include "apiserver/server.h"

bool audit_open(const char *path, FILE **out, struct error *error);
void audit_close(FILE *log);
void audit_write(const struct request *request, int status);

#endif

/*
 * The audit log: an audit.k8s.io/v1 Event a request, a line each, as kube-apiserver's log backend writes. Writes are at level Request, with
 * their body, but for those of secrets and the like; the rest at level Metadata. A watch is told of when it starts.
 */
#ifndef MB_APISERVER_AUDIT_H
#define MB_APISERVER_AUDIT_H

#include "apiserver/server.h"

bool audit_open(const char *path, FILE **out, struct error *error);
void audit_close(FILE *log);
enum audit_stage { AUDIT_STARTED, AUDIT_COMPLETE };
void audit_write(const struct request *request, enum audit_stage stage, int status);

#endif

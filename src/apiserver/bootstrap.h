/* What every cluster has from its first start: namespaces, cluster roles and their bindings. */
#ifndef MB_APISERVER_BOOTSTRAP_H
#define MB_APISERVER_BOOTSTRAP_H

#include "apiserver/server.h"

/* Creates what is missing; requests of others are held until it is there (server->bootstrap_under_way). */
bool bootstrap_make(struct apiserver *server, struct error *error);

#endif

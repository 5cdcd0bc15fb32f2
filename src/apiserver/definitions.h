/* CustomResourceDefinitions as they come and go: what is stored becomes what is served. */
#ifndef MB_APISERVER_DEFINITIONS_H
#define MB_APISERVER_DEFINITIONS_H

#include "apiserver/server.h"

/* Those in the store, at the start; also makes what every cluster has: namespaces, cluster roles and bindings. */
bool definitions_load(struct apiserver *server, struct error *error);
void definitions_on_write(struct apiserver *server, const struct write *write);

#endif

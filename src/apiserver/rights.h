/* Who may do what: role-based access control (rbac.authorization.k8s.io/v1), from the roles and bindings in the store. */
#ifndef MB_APISERVER_RIGHTS_H
#define MB_APISERVER_RIGHTS_H

#include "apiserver/server.h"

struct rights;

/* What somebody wants to do; to a resource, or else to a path. */
struct action {
    struct str verb;
    struct str group, resource, subresource, namespace, name; /* resource empty: `path` */
    struct str path;
};

struct rights *rights_new(struct apiserver *server);
void rights_free(struct rights *rights);
void rights_on_write(struct rights *rights, const struct write *write);
bool rights_allow(struct rights *rights, const struct user *user, const struct action *action);
/* Every rule that holds for the user in the namespace: each(context, rule) with a PolicyRule. */
void rights_each_rule(struct rights *rights, const struct user *user, struct str namespace,
                      bool (*each)(void *context, const yyjson_val *rule), void *context);
bool user_is_in_group(const struct user *user, const char *group);

#endif

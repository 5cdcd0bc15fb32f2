/*
 * Nobody gives away rights that they do not have: who writes a role must hold what it allows, or "escalate" it; who binds one must hold
 * what that allows, or "bind" it (kubernetes/pkg/registry/rbac). The group system:masters is not asked.
 */
#ifndef MB_APISERVER_ESCALATION_H
#define MB_APISERVER_ESCALATION_H

#include "apiserver/request.h"

/* `object` as it would be stored; `live` what it replaces, NULL: nothing. Of kinds that give no rights all is allowed. False: a refusal is
 * set. */
bool escalation_check(struct request *request, const yyjson_mut_val *object, const yyjson_mut_val *live);

#endif

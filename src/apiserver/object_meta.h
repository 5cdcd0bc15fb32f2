/* metadata: which fields there are and of what type, what a request may not set, what is wrong with it (apimachinery's
 * ValidateObjectMeta). */
#ifndef MB_APISERVER_OBJECT_META_H
#define MB_APISERVER_OBJECT_META_H

#include "apiserver/body.h"

/* Types are checked (400), unknown fields dropped and complained about, empty ones dropped. */
bool meta_shape(struct request *request, yyjson_mut_val *object, struct complaints *complaints);
/* The object's namespace is the request's, or empty and then set. */
bool meta_check_namespace(struct request *request, yyjson_mut_val *object);
/* What a new object may not bring along; uid and creationTimestamp are given. */
void meta_wipe(struct request *request, yyjson_mut_val *metadata);
void meta_validate(struct request *request, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out);

#endif

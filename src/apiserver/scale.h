/*
 * The Scale subresource (autoscaling/v1), of kinds whose definition names where its replicas are.
 *
 *   read:   object -> scale_of -> Scale                        apply:  Scale -> scale_read_applied -> what it applies to the object
 *   write:  Scale (sent, or scale_of the object, patched) -> scale_write -> the object with these replicas
 */
#ifndef MB_APISERVER_SCALE_H
#define MB_APISERVER_SCALE_H

#include "apiserver/body.h"

bool scale_is_asked(const struct request *request);
yyjson_mut_val *scale_of(struct request *request, const yyjson_mut_val *object);
/* Gives `live` the Scale's replicas; ends the request. `complaints` of decoding what was sent. */
void scale_write(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *scale, struct complaints *complaints);
/* The replicas alone, as a body that is applied to the object itself; the request is then answered with a Scale. False and a refusal. */
bool scale_read_applied(struct request *request, yyjson_mut_val *scale, struct complaints *complaints, yyjson_mut_val **out);

#endif

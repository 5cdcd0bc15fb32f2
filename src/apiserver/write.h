/*
 * The one way by which objects change: create, update (PUT and PATCH come to the same), removal. Each function ends the request or lets it
 * wait.
 */
#ifndef MB_APISERVER_WRITE_H
#define MB_APISERVER_WRITE_H

#include "apiserver/body.h"

/* The stored text of any object, as a mutable tree of the request's document. False: a refusal is set. */
bool write_load(struct request *request, const struct object *object, yyjson_mut_val **out);
/* The live object in the request's version, as a mutable tree of the request's document. False: a refusal (404) is set. */
bool write_load_live(struct request *request, yyjson_mut_val **out);
/* The object is known (from the path): true and the request waits when a write to it is under way. */
bool write_is_busy(struct request *request);
/* Stores a new object; answers 201. `complaints` of decoding it. */
void write_create(struct request *request, yyjson_mut_val *object, struct complaints *complaints);
/* Replaces `live` by `object`; answers 200. */
void write_update(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints);
/* The same of what a patch has made. */
void write_patched(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints);
/* 422: a patch that makes something that cannot be read. */
bool write_refuse_patch(struct request *request, const yyjson_mut_val *object, struct str words);
/* The refusal of a body that cannot be decoded, as one of the patch that has made it; others stay. */
void write_refuse_as_patch(struct request *request, const yyjson_mut_val *object);
/* The same after server-side apply, whose managed fields are there already. */
void write_applied(struct request *request, const yyjson_mut_val *live, yyjson_mut_val *object, struct complaints *complaints);
/* Commits as it is, validated by the caller: an update, or a removal with the object's last state. Then `after`. */
void write_commit(struct request *request, enum storage_change change, yyjson_mut_val *object, int status,
                  void (*after)(struct request *request, const struct error *error));
/* For `after`: answers with what was written, or 500. */
void write_answer(struct request *request, const struct error *error);
/* fieldManager, or the user agent's first word. */
struct str write_manager(const struct request *request);

#endif

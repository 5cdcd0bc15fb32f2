/* What the model server's files share: objects (model_server.c), requests (model_request.c), writes (model_write.c), refusals. */
#ifndef MB_TESTS_SIMULATION_MODEL_INNER_H
#define MB_TESTS_SIMULATION_MODEL_INNER_H

#include "base/number.h"
#include "model_server.h"

enum { MODEL_ARENA_BYTES = 64 * 1024 * 1024 };

/* A request taken apart; views into the target, or the arena where they were encoded. */
struct model_call {
    struct model_server *server;
    const struct model_request *request;
    struct arena *arena;
    int kind;
    struct str namespace, name, subresource;
    struct str field_manager, field_selector, continue_token, resource_version;
    int64_t limit, timeout_s;
    bool is_dry_run, is_watch, wants_bookmarks;
};

/* False: no path of this server, and `answer` says so. */
bool model_call_read(struct model_server *server, const struct model_request *request, struct arena *arena, struct model_call *out,
                     struct model_answer *answer);

struct model_answer model_create(struct model_call *call);
struct model_answer model_change(struct model_call *call); /* PATCH, PUT */
struct model_answer model_delete(struct model_call *call);

/* Stores `value` as the object's next version: `object` NULL is a new one. */
struct model_object *model_store(struct model_server *server, int kind, struct model_object *object, struct arena *arena,
                                 yyjson_mut_doc *doc, yyjson_mut_val *value, yyjson_val **out_after);
void model_drop(struct model_server *server, struct model_object *object);

struct model_answer model_accept(int status, struct str body);
/* A metav1.Status. `details_name` empty: none. */
struct model_answer model_refuse(int status, const char *reason, struct str message, const struct model_call *call, struct str cause_field);
/* False and `out` where `refusal` is one. */
bool model_is_let(const struct model_call *call, struct model_refusal refusal, struct model_answer *out);
bool model_is_authorized(const struct model_call *call, struct model_answer *out);
struct model_answer model_not_found(const struct model_call *call);
struct model_answer model_no_path(void);

#endif

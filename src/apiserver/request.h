/*
 * One request on its way through the server. Inside of apiserver/ only.
 *
 *   dispatch: path -> kind, user, right -> verb (read.c, watch.c, write.c, patch.c, delete.c) -> request_refuse | request_answer_...
 *
 * A verb that finds its object busy calls request_wait: everything is thrown away and dispatched anew once the write under way is done.
 * The other side may leave at any time; then `exchange` is NULL, answers go nowhere, and writes already queued stand.
 */
#ifndef MB_APISERVER_REQUEST_H
#define MB_APISERVER_REQUEST_H

#include "apiserver/apiserver.h"
#include "apiserver/builtin_kinds.h"
#include "apiserver/mut.h"
#include "apiserver/negotiate.h"
#include "apiserver/objects.h"
#include "apiserver/registry.h"
#include "apiserver/route.h"

enum {
    /* Working memory of one request: an object at its limit and a patch of 3 MiB, several trees of both and the managed fields stay
     * below. */
    REQUEST_ARENA_BYTES = 256 * 1024 * 1024,
    REQUEST_MAX_WARNINGS = 32,
};

struct user {
    struct str name, uid;
    const struct str *groups;
    size_t group_count;
    struct str credential_id; /* of a service account's token; empty: none */
};

struct request {
    struct apiserver *server;
    struct request *prev, *next; /* of the server's list */
    struct exchange *exchange;   /* NULL: the other side has left */
    struct arena arena;
    struct user user;
    struct route route;
    struct parameters parameters;
    struct accept accept;
    const struct kind *kind; /* kept */
    const struct kind_version *version;
    const struct kind_subresource *subresource; /* NULL: the object itself */
    struct collection *collection;
    unsigned verb;        /* enum kind_verb */
    struct str namespace; /* of the object; empty: none, or all of them */
    struct str name;
    struct str named; /* of the path, or what a list's field selector requires: for rights and audit */
    yyjson_mut_doc *doc;
    int64_t received_ms; /* wall clock */
    struct str now;      /* RFC 3339, seconds */
    bool is_dry_run;
    struct str audit_id, etag; /* etag empty: none */
    bool is_held;              /* until the server has what every cluster has */
    struct str warnings[REQUEST_MAX_WARNINGS];
    size_t warning_count;
    struct refusal refusal; /* filled by the function that returned false */
    /* Of a write on its way to the disk. */
    int status;
    struct blob *written;
    void (*release)(void *held); /* of what the request holds beside its arena, when it is freed; NULL: nothing */
    void *held;
    void (*after)(struct request *request, const struct error *error);
    void (*answer_written)(struct request *request, const struct error *error); /* of an update; NULL: with the object */
};

/* For messages: the request's resource and name. */
struct refusal_subject request_subject(const struct request *request);
/* The same by kind, as Invalid errors name it. */
struct refusal_subject request_kind_subject(const struct request *request);
void request_warn(struct request *request, struct str text);
/* Whether the user may do this there; false: a refusal is set. */
bool request_may(struct request *request, unsigned verb);
bool request_has_builtin_flag(const struct request *request, enum builtin_flag flag);
/* "workload.serving.volcano.sh/v1alpha1" of the requested version. */
struct str request_api_version(const struct request *request);

/* The ends. After any of these the request is gone. */
void request_refuse(struct request *request); /* with request->refusal */
void request_answer_blob(struct request *request, int status, struct str content_type, struct blob *body);
void request_answer_text(struct request *request, int status, const char *content_type, struct str text);
/* A stored object of this revision (INT64_MAX: just made), in the version and shape that was asked for. The reference stays the
 * caller's. */
void request_answer_object(struct request *request, int status, struct blob *stored, int64_t revision);
/* Any other object of ours (Status, reviews, Scale): pretty or YAML where asked. */
void request_answer_value(struct request *request, int status, const yyjson_mut_val *value);
/* Dispatches anew when the object is no longer busy. */
void request_wait(struct request *request);
/* The same for another object. */
void request_wait_for(struct request *request, struct collection *collection, struct str namespace, struct str name);
/* Memory is out: 500. */
void request_fail_memory(struct request *request);
/* Unlinks and frees it without an answer (streams have their own end). */
void request_free(struct request *request);
/* The exchange with its response headers, for streams. */
void request_begin_stream(struct request *request, struct str content_type);

/* The verbs. */
void verb_create(struct request *request);
void verb_update(struct request *request);
void verb_patch(struct request *request);
void verb_delete(struct request *request);
void verb_delete_collection(struct request *request);
void verb_get(struct request *request);
void verb_list(struct request *request);
void verb_watch(struct request *request);
void verb_get_scale(struct request *request);
void verb_review(struct request *request); /* create of a virtual kind or of a token */

#endif

/*
 * A model of kube-apiserver: what a controller can notice of it, and no more. No network, no time of its own, no chance: the same requests
 * give the same answers.
 *
 *   collections   ModelBoosters, their five child kinds, ConfigMaps, Events, Leases; custom resources have a status subresource
 *   writes        uid, resourceVersion, generation, managers; JSON Patch and merge patch; preconditions; dry run; finalizers; what is
 *   immutable
 *   reads         always of the newest state, as kube-apiserver's are that name no resourceVersion; lists in pages, each of one moment
 *   watches       a position in the list of all changes; 410 for what is compacted away
 *   documents     discovery and OpenAPI of the kinds that are installed
 *
 * tests/simulation/replay compares it with the embedded API server and with kube-apiserver, answer by answer.
 */
#ifndef MB_TESTS_SIMULATION_MODEL_SERVER_H
#define MB_TESTS_SIMULATION_MODEL_SERVER_H

#include "booster/names.h"
#include "data/json.h"

enum { MODEL_BOOSTER = CHILD_KIND_COUNT, MODEL_CONFIG_MAP, MODEL_EVENT, MODEL_LEASE, MODEL_KIND_COUNT, MODEL_NAME_BYTES = 128 };

struct model_kind {
    const char *group, *version, *plural, *singular, *kind;
    bool has_status; /* as a subresource */
};
extern const struct model_kind model_kinds[MODEL_KIND_COUNT];

/* An object's JSON, shared by those who keep it. */
struct model_text {
    unsigned references;
    size_t len;
    char text[];
};

struct model_object {
    int kind;
    char namespace[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES], uid[64];
    int64_t version, generation;
    int64_t content_generation; /* since which nothing of the spec but replicas has moved */
    bool is_deleting;
    struct model_text *text;
    struct model_object *next;
};

enum model_change_kind { MODEL_ADDED, MODEL_MODIFIED, MODEL_DELETED };

struct model_change {
    enum model_change_kind change;
    int kind;
    int64_t version, at_ms;
    int64_t generation, content_generation;
    char namespace[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES], uid[64];
    struct model_text *text; /* a deleted object's is its last, with the version of the deletion */
};

struct model_request {
    const char *method;
    struct str target; /* path and query */
    const char *content_type;
    struct str body;
    int instance; /* of the controller; -1: somebody else */
    int64_t sent_ms;
    bool is_ghost; /* whoever sent it has given up on it, or is no more */
};

struct model_answer {
    int status;
    int64_t retry_after_ms;
    int64_t list_version; /* of a list's last page; 0: none */
    int list_kind;
    struct strbuf body;
};

/* A write that took effect, or would have but for its emptiness. Values live until return. */
struct model_write {
    const struct model_request *request;
    int kind;
    const struct model_object *object; /* as it is now; NULL: gone */
    const yyjson_val *body, *before, *after;
    int64_t before_content_generation;
    bool is_status, is_delete;
};

struct model_refusal {
    int status;
    const char *reason;
    const char *message; /* NULL: accepted */
    int64_t retry_after_ms;
};

struct model_server {
    struct model_object *objects;
    struct model_change *changes;
    size_t change_count, change_capacity;
    int64_t version, uids, compacted_version;
    int64_t wall_ms;   /* the server's clock, set by its owner before a request */
    int64_t now_ms;    /* true time, noted with each change */
    size_t page_limit; /* what it gives at most in a page; 0: what is asked for */
    bool is_missing[MODEL_KIND_COUNT];
    int lacking_kind;          /* whose definition lacks a field of the spec: it is dropped */
    const char *lacking_field; /* NULL: none does */
    int document_status;       /* what its OpenAPI documents are refused with; 0: they are not */
    bool is_undescribed;       /* the documents do not tell of our definitions */
    bool has_wide_status;      /* the definition keeps availableReplicas and message of backendStatuses */
    /* Rights, of every request, and admission, of those that would write; each may be NULL. */
    struct model_refusal (*authorize)(void *context, const struct model_request *request, int kind);
    struct model_refusal (*admit)(void *context, const struct model_request *request, int kind, bool is_status);
    void *refusal_context;
    void (*written)(void *context, const struct model_write *write);
    void *context;
};

void model_server_init(struct model_server *server);
void model_server_release(struct model_server *server);
/* Any request but a watch. The answer's body is the caller's. */
struct model_answer model_server_perform(struct model_server *server, const struct model_request *request);

struct model_watch {
    int kind;
    char namespace[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES]; /* empty: all */
    size_t position;                                          /* of the next change to look at */
    int64_t timeout_s;
    bool wants_bookmarks;
};
/* True: `out` is open. False: refused by `answer`. */
bool model_server_watch(struct model_server *server, const struct model_request *request, struct model_watch *out,
                        struct model_answer *answer);
/* The next change that concerns the watch and is not after `until`; NULL when there is none yet. */
const struct model_change *model_watch_next(const struct model_server *server, struct model_watch *watch);
bool model_server_is_watch(const struct model_request *request);

/* NULL when there is none. */
struct model_object *model_server_find(const struct model_server *server, int kind, struct str namespace, struct str name);
struct model_object *model_server_find_uid(const struct model_server *server, struct str uid);
struct str model_text_view(const struct model_text *text);

#endif

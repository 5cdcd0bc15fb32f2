/*
 * A Kubernetes API server in memory, for tests of what talks to one: objects as JSON, and the rules that matter to a controller.
 *
 *   create     AlreadyExists while one of the name lives (a deleted one that lingers too), dry run
 *   patch      JSON Patch; a replaced /metadata/resourceVersion that is stale gives Conflict; nothing changed, no new version
 *   status     merge patch of .status alone; generation moves with .spec alone
 *   delete     preconditions on uid and resourceVersion; with finalizers only marked
 *   immutable  ModelRoute's modelName, ModelServing's gangPolicy once set
 *
 * Garbage collection is a step of its own. Every change is an event in a list, oldest first: a watch is a position in that list.
 * Versions and uids count up from 1, so equal histories give equal servers.
 */
#ifndef MB_TESTS_FAKE_SERVER_H
#define MB_TESTS_FAKE_SERVER_H

#include "booster/reconcile.h"

enum { FAKE_BOOSTER = CHILD_KIND_COUNT, FAKE_KIND_COUNT };
enum { FAKE_OBJECTS_MAX = 64, FAKE_TALLIES_MAX = 64, FAKE_EVENTS_MAX = 8192 };

struct fake_object {
    int kind;
    struct str namespace, name, uid; /* in arena, as is text */
    int64_t version;
    struct str text;
    struct arena arena;
};

struct fake_event {
    int kind;
    int64_t version;
    bool is_deleted;
    char *text;
};

struct fake_tally {
    int kind;
    char name[64];
    int creates, deletes, patches; /* that took effect */
};

/* Changes or refuses (a message) what a request would store: a webhook, a definition that drops fields. */
typedef const char *fake_admission_fn(void *context, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object);

struct fake_server {
    struct fake_object *objects[FAKE_OBJECTS_MAX];
    size_t object_count;
    struct fake_event events[FAKE_EVENTS_MAX];
    size_t event_count;
    struct fake_tally tallies[FAKE_TALLIES_MAX];
    size_t tally_count;
    int64_t version, uids;
    bool is_missing[FAKE_KIND_COUNT];    /* the definition is not installed */
    unsigned forbidden[FAKE_KIND_COUNT]; /* bits 1 << enum request_verb */
    bool is_namespace_terminating;
    fake_admission_fn *admission;
    void *admission_context;
};

struct fake_server *fake_server_new(void);
void fake_server_free(struct fake_server *server);

/* Performs one request of the controller. `body` gets the answer's object, if any. */
struct answer fake_server_perform(struct fake_server *server, struct str namespace, const struct request *request, struct strbuf *body);

/* By hand; each asserts that it works. `text` and patches are JSON (patches: merge patches), in which ' stands for ". */
void fake_server_create(struct fake_server *server, int kind, const char *text);
void fake_server_edit(struct fake_server *server, int kind, const char *name, const char *manager, const char *patch);
void fake_server_set_status(struct fake_server *server, int kind, const char *name, const char *patch);
void fake_server_delete(struct fake_server *server, int kind, const char *name);
/* Takes all finalizers off; what was deleted goes. */
void fake_server_finalize(struct fake_server *server, int kind, const char *name);
/* Every ModelServing reports what its spec asks for: Available, its generation, all replicas. True when that changed anything. */
bool fake_server_serve(struct fake_server *server);
/* Removes whatever has owners of which none lives. True when that removed anything. */
bool fake_server_collect(struct fake_server *server);

/* The object as text, or NULL. */
const char *fake_server_find(const struct fake_server *server, int kind, const char *name);
/* The text at that path of keys joined by '/' ("spec/replicas"); numbers and others as JSON; "" where absent. In a static buffer. */
const char *fake_server_field(const struct fake_server *server, int kind, const char *name, const char *path);
/* status, reason or message of the ModelBooster's condition; "" where absent. In a static buffer. */
const char *fake_server_condition(const struct fake_server *server, const char *booster, const char *type, const char *field);
const struct fake_tally *fake_server_tally(struct fake_server *server, int kind, const char *name);
/* All objects in order of kind and name, canonical, without what differs between equal ends: uids of children, versions, times; also without
 * the children's generations where `has_generations` is false, which count how often a spec has changed. */
void fake_server_dump(const struct fake_server *server, bool has_generations, struct strbuf *out);

#endif

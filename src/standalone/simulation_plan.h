/*
 * What a ModelServing controller, its scheduler and its kubelets would write next, played: no pod runs, only objects change. Pure.
 *
 * One ModelServing has `spec.replicas` groups; each role of a group has replicas of an entry pod and its workers. The life of a pod is a
 * script:
 *
 *   time    0             delay/2        delay
 *   ------- Downloading --- Loading ------- Ready
 *
 * The annotation (or label, or a pod template's) `simulation.model-booster.dev/fail: WORD[:REPLICA]` on the ModelServing makes its pods,
 * or those of one replica, follow another script: schedule, pull, download, load, crash. Whatever is written says that it is a simulation.
 */
#ifndef MB_STANDALONE_SIMULATION_PLAN_H
#define MB_STANDALONE_SIMULATION_PLAN_H

#include "data/json.h"

#define SIMULATION_DOMAIN          "simulation.model-booster.dev"
#define SIMULATION_FAIL            SIMULATION_DOMAIN "/fail"
#define SIMULATION_PHASE_CONDITION SIMULATION_DOMAIN "/phase"
#define SIMULATION_LABEL           SIMULATION_DOMAIN "/simulated" /* "true" on every pod */
/* Groups beyond these have no pods of their own and count as the last of them does: replicas may be a million. */
#define SIMULATION_GROUPS_MAX 32
#define SIMULATION_PODS_MAX   256

/* id, word, fails, what it says */
#define POD_PHASES(X)                                                                                                                      \
    X(PHASE_NONE, "Created", false, "nothing has been done for it yet")                                                                    \
    X(PHASE_DOWNLOADING, "Downloading", false, "the model is being downloaded")                                                            \
    X(PHASE_LOADING, "Loading", false, "the engine loads the model")                                                                       \
    X(PHASE_READY, "Ready", false, "the engine answers")                                                                                   \
    X(PHASE_UNSCHEDULABLE, "Unschedulable", true, "0/1 nodes are available: 1 Insufficient nvidia.com/gpu")                                \
    X(PHASE_PULL_FAILED, "ImagePullBackOff", true, "Back-off pulling image: not found")                                                    \
    X(PHASE_DOWNLOAD_FAILED, "DownloadFailed", true, "the downloader was refused: 403 Forbidden")                                          \
    X(PHASE_LOAD_FAILED, "LoadFailed", true, "the engine could not load the model: CUDA out of memory")                                    \
    X(PHASE_CRASHED, "CrashLoopBackOff", true, "the engine was killed while it served: OOMKilled")
enum pod_phase {
#define PHASE_ENUM(id, word, fails, text) id,
    POD_PHASES(PHASE_ENUM)
#undef PHASE_ENUM
        PHASE_COUNT
};

struct simulated_pod {
    struct simulated_pod *next;
    struct str name, uid;
    uint64_t revision;    /* of the template that it was made from; 0: not ours */
    enum pod_phase phase; /* as written */
    int64_t created_ms;   /* wall clock */
    bool is_deleting;
};

enum simulation_step {
    SIMULATION_WAIT,       /* until `until_ms`, INT64_MAX: until something changes */
    SIMULATION_CREATE_POD, /* body */
    SIMULATION_DELETE_POD, /* name */
    SIMULATION_POD_STATUS, /* name; body is a merge patch of the status subresource */
    SIMULATION_STATUS,     /* the same, of the ModelServing */
};

struct simulation_next {
    enum simulation_step step;
    struct str name;
    yyjson_val *body;
    int64_t until_ms;
};

/* The next thing to do for `serving`, NULL: one that is gone. Everything in the arena; false when that is exhausted. Times are of the wall
 * clock. */
bool simulation_plan(struct arena *arena, const yyjson_val *serving, const struct simulated_pod *pods, int64_t now_ms, int64_t delay_ms,
                     struct simulation_next *out);
/*
 * A pod as a list or watch tells it, with views into `pod`; false when it is none of a simulation. `out_serving` is its ModelServing's
 * name.
 */
bool simulation_read_pod(const yyjson_val *pod, struct simulated_pod *out, struct str *out_serving);

#endif

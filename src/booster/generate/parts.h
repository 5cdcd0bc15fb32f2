/*
 * What the files of generate/ share; nobody else includes this.
 *
 *   generate.c    the list of children, metadata
 *   normal_form.c order of keys, revision, input hash
 *   serving.c     ModelServing: replicas, gang, topology, roles
 *   pod.c         one pod template of it          overlay.c    the user's podTemplate, laid over it last
 *   engine.c      containers engine and runtime   arguments.c  config as a command line, shell words
 *   env.c         environment                     storage.c    cache, downloads, volumes
 *   server.c route.c autoscaling.c                the other kinds
 *
 * Everything is appended to one mutable document in the arena, as views of the ModelBooster's text. Memory may run out anywhere:
 * yyjson's builders and all functions here pass NULL on, and generate_children looks at arena->exhausted once, at the end.
 */
#ifndef MB_BOOSTER_GENERATE_PARTS_H
#define MB_BOOSTER_GENERATE_PARTS_H

#include "booster/generate/generate.h"

struct build {
    struct arena *arena;
    yyjson_mut_doc *doc;
    const struct booster *booster;
    const struct generate_settings *settings;
};

/* The model, or a LoRA adapter: where it comes from and where the engine finds it. */
struct source {
    struct str uri;
    struct str path;       /* in every container */
    struct str downloader; /* name of its init container; empty: it lies in the cache already */
    /* a claim of its own that the downloader copies from; empty for none */
    struct str claim, volume, claim_path;
    struct str fetch_uri; /* what the downloader is told: `uri`, but for a claim that is mounted elsewhere */
};

struct storage {
    struct str mount_path;  /* of the cache in every container */
    struct str sub_path;    /* of its claim; empty for the whole */
    struct source *sources; /* the model, then the adapters in spec order */
    size_t count;
};

/* One ModelServing being made. */
struct serving {
    const struct build *build;
    const struct backend *backend;
    struct images images;
    struct storage storage;
};

/* Pods that the overlay and the engine tell apart: the one that serves the API, and those that only join its Ray cluster. */
enum pod_kind { POD_ENTRY, POD_WORKER };

/* Time to finish what is running before a pod is killed. */
#define POD_GRACE_PERIOD_S 300

#define ENGINE_CONTAINER  "engine"
#define RUNTIME_CONTAINER "runtime"
#define CACHE_VOLUME      "model-cache"

/* generate.c */
/* The four labels that children and pods share (all but the revision). */
yyjson_mut_val *identity_labels(const struct build *build, struct str backend_name);

/* normal_form.c */
/* Sorts keys bytewise at every level and takes out null members: the text of equal content is equal. Then freezes. */
yyjson_val *normal_freeze(struct arena *arena, yyjson_mut_val *value);
/* XXH3-64 of {annotations, labels, spec}: without the suspend annotation, the revision label, and spec.replicas where that is a range. */
uint64_t normal_revision(struct arena *arena, const struct child *child);

/* serving.c */
yyjson_mut_val *serving_spec(const struct serving *serving, const struct live_serving *live, struct child *child);
yyjson_mut_val *serving_annotations(const struct serving *serving, const struct live_serving *live, const struct child *child);

/* pod.c: {metadata, spec}, podTemplate laid over it. */
yyjson_mut_val *pod_template(const struct serving *serving, const struct worker *worker, enum pod_kind kind);

/* quantities.c: every amount in a pod's spec as Kubernetes prints it. A client in Go that rewrites a ModelServing spells them so, and to
 * Kthena's ModelServing controller another spelling is another template: the pods would restart. */
void spell_quantities(const struct build *build, yyjson_mut_val *pod_spec);

/* engine.c: each appends one container to the list. */
void add_runtime_container(const struct serving *serving, const struct worker *worker, yyjson_mut_val *containers);
void add_engine_container(const struct serving *serving, const struct worker *worker, enum pod_kind kind, yyjson_mut_val *containers);

/* arguments.c */
/* config, then what it leaves to defaults, then LoRA: appended to the list of words. */
void add_arguments(const struct serving *serving, const struct worker *worker, yyjson_mut_val *words);
/* The words as one line for a shell that reads them back as they are: POSIX single quotes around all that is not plain. */
void shell_append_words(struct strbuf *line, yyjson_mut_val *words);

/* env.c */
/* Adds env and envFrom of the user; those of the engine in this worker's role too, where `worker` is not NULL. */
void add_env(const struct build *build, const struct backend *backend, const struct worker *worker, yyjson_mut_val *container);

/* storage.c */
void storage_plan(struct arena *arena, const struct backend *backend, struct storage *out);
void add_downloaders(const struct serving *serving, yyjson_mut_val *spec);
void add_volumes(const struct serving *serving, yyjson_mut_val *spec);
void add_cache_mount(const struct serving *serving, yyjson_mut_val *mounts);

/* overlay.c: a strategic merge patch with the merge keys of a pod, onto a pod template. */
void overlay_apply(const struct build *build, yyjson_mut_val *base, const yyjson_val *patch);

/* server.c, route.c, autoscaling.c */
yyjson_mut_val *server_spec(const struct build *build, const struct backend *backend);
yyjson_mut_val *route_spec(const struct build *build);
yyjson_mut_val *policy_spec(const struct build *build, const yyjson_val *given);
yyjson_mut_val *scaling_spec(const struct build *build, const struct backend *backend, struct str policy_name);
yyjson_mut_val *optimizer_spec(const struct build *build, struct str policy_name);

/* Adds a copy unless the value is absent, null, {} or []. */
void add_unless_empty(const struct build *build, yyjson_mut_val *object, const char *key, const yyjson_val *value);
void add_words(const struct build *build, yyjson_mut_val *list, const char *const *words, size_t count);
void add_word(const struct build *build, yyjson_mut_val *list, struct str word);

#endif

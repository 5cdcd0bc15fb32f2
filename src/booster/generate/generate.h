/*
 * From a valid ModelBooster to its children: complete objects in application order (SPEC section 3). One file per child kind;
 * engine.c holds commands and environment. User text is only ever inserted as data.
 *
 * A ModelServing depends on three things beside the ModelBooster: the images, what a live one fixes (its images, replicas
 * and gangPolicy, struct live_serving), and the networkTopology shape of the installed definition.
 */
#ifndef MB_BOOSTER_GENERATE_H
#define MB_BOOSTER_GENERATE_H

#include "booster/model.h"
#include "booster/names.h"

/* What spec.networkTopology looks like in the ModelServing definition. */
enum topology_shape {
    TOPOLOGY_KTHENA_0_1,  /* template.networkTopology {highestTierAllowed, mode} */
    TOPOLOGY_KTHENA_MAIN, /* template.networkTopology {groupPolicy, rolePolicy} */
};

struct images {
    struct str downloader, runtime;
};

/* What an existing ModelServing prescribes; generate_children takes one per backend, or NULL for none. */
struct live_serving {
    bool exists;
    int64_t replicas;         /* spec.replicas */
    bool has_replicas_before; /* ANNOTATION_REPLICAS_BEFORE_SUSPEND */
    int64_t replicas_before;
    struct images images;    /* to render with in place of the configured ones; empty: configured */
    yyjson_val *gang_policy; /* carried over as it is (immutable once set); NULL: as the ModelBooster wishes */
};

struct generate_settings {
    struct images images;
    enum topology_shape topology_shape;
};

struct child {
    enum child_kind kind;
    struct str name;
    struct str backend; /* backend name; empty at model level */
    /* apiVersion, kind, metadata, spec. Keys in bytewise order at every level, no nulls: json_write gives what the controller POSTs,
     * and equal content gives equal bytes, whatever the order and spelling in the ModelBooster. */
    yyjson_val *object;
    uint64_t revision; /* XXH3-64 of the normal form, also the label */
    /* ModelServing only */
    bool is_replicas_range; /* min < max: replicas is ours only as bounds */
    bool wishes_other_gang; /* the ModelBooster wants another gangPolicy than the carried one */
    int64_t replicas;       /* what object.spec.replicas says */
    uint64_t input_hash;    /* generate_input_hash (rendered.input) */
};

struct children {
    struct child *items; /* application order: by kind, then in spec order */
    size_t count;
};

/*
 * `booster` must be free of errors (validate.h). `live` has booster->backend_count entries or is NULL.
 * False only when the arena is exhausted.
 */
bool generate_children(struct arena *arena, const struct booster *booster, const struct generate_settings *settings,
                       const struct live_serving *live, struct children *out);
/* Hash of what in the ModelBooster makes this backend's ModelServing, but for spec.replicas: the backend in canonical form without routing,
 * scaling and its own number of replicas, plus the model's name and served name. Images and generator version are not in it. */
uint64_t generate_input_hash(struct arena *arena, const struct booster *booster, const struct backend *backend);

#endif

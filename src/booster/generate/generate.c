#include "booster/generate/parts.h"

#include "base/hash.h"

/* A child that is not complete yet; the revision comes last. */
struct draft {
    struct child child;
    yyjson_mut_val *annotations, *spec;
};

void add_unless_empty(const struct build *build, yyjson_mut_val *object, const char *key, const yyjson_val *value) {
    if (!json_is_empty(value)) json_add_copy(build->doc, object, key, value);
}

void add_word(const struct build *build, yyjson_mut_val *list, struct str word) {
    yyjson_mut_arr_append(list, json_make_text(build->doc, word));
}

void add_words(const struct build *build, yyjson_mut_val *list, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) yyjson_mut_arr_add_str(build->doc, list, words[i]);
}

yyjson_mut_val *identity_labels(const struct build *build, struct str backend_name) {
    yyjson_mut_val *labels = yyjson_mut_obj(build->doc);
    json_add_text(build->doc, labels, LABEL_BACKEND_NAME, backend_name);
    json_add_text(build->doc, labels, LABEL_MANAGED_BY, STR(MANAGED_BY));
    json_add_text(build->doc, labels, LABEL_MODEL_NAME, build->booster->name);
    json_add_text(build->doc, labels, LABEL_MODEL_UID, build->booster->uid);
    return labels;
}

static void add_owner(const struct build *build, yyjson_mut_val *metadata) {
    yyjson_mut_val *owner = yyjson_mut_arr_add_obj(build->doc, yyjson_mut_obj_add_arr(build->doc, metadata, "ownerReferences"));
    yyjson_mut_obj_add_str(build->doc, owner, "apiVersion", API_VERSION_WORKLOAD);
    yyjson_mut_obj_add_bool(build->doc, owner, "blockOwnerDeletion", true);
    yyjson_mut_obj_add_bool(build->doc, owner, "controller", true);
    yyjson_mut_obj_add_str(build->doc, owner, "kind", KIND_BOOSTER);
    json_add_text(build->doc, owner, "name", build->booster->name);
    json_add_text(build->doc, owner, "uid", build->booster->uid);
}

static void add_metadata(const struct build *build, const struct draft *draft, yyjson_mut_val *object) {
    yyjson_mut_val *metadata = yyjson_mut_obj_add_obj(build->doc, object, "metadata");
    if (draft->annotations) yyjson_mut_obj_add_val(build->doc, metadata, "annotations", draft->annotations);
    yyjson_mut_val *labels = identity_labels(build, draft->child.backend);
    json_add_text(build->doc, labels, LABEL_REVISION, STR(""));
    yyjson_mut_obj_add_val(build->doc, metadata, "labels", labels);
    json_add_text(build->doc, metadata, "name", draft->child.name);
    if (build->booster->namespace.len) json_add_text(build->doc, metadata, "namespace", build->booster->namespace);
    add_owner(build, metadata);
}

/* The revision is a hash of the rest: it is put into its label once the object is complete. */
static void append(const struct build *build, struct children *children, const struct draft *draft) {
    struct child *child = &children->items[children->count++];
    *child = draft->child;
    yyjson_mut_val *object = yyjson_mut_obj(build->doc);
    yyjson_mut_obj_add_str(build->doc, object, "apiVersion", child_kind_api_version(child->kind));
    yyjson_mut_obj_add_str(build->doc, object, "kind", child_kind_name(child->kind));
    add_metadata(build, draft, object);
    yyjson_mut_obj_add_val(build->doc, object, "spec", draft->spec);
    child->object = normal_freeze(build->arena, object);
    if (!child->object) return;
    child->revision = normal_revision(build->arena, child);
    struct str text = hash_hex(build->arena, child->revision);
    yyjson_set_strn(json_path(child->object, "metadata", "labels", LABEL_REVISION, NULL), text.ptr, text.len);
}

static struct str or_configured(struct str image, struct str configured) {
    return image.len ? image : configured;
}

static void append_serving(const struct build *build, const struct backend *backend, const struct live_serving *live,
                           struct children *children) {
    const struct images *configured = &build->settings->images;
    struct serving serving = {
        .build = build,
        .backend = backend,
        .images = {or_configured(live->images.downloader, configured->downloader),
                   or_configured(live->images.runtime, configured->runtime)},
    };
    storage_plan(build->arena, backend, &serving.storage);
    struct draft draft = {.child = {
                              .kind = CHILD_SERVING,
                              .name = child_name(build->arena, build->booster->name, backend->name),
                              .backend = backend->name,
                              .input_hash = generate_input_hash(build->arena, build->booster, backend),
                          }};
    draft.spec = serving_spec(&serving, live, &draft.child);
    draft.annotations = serving_annotations(&serving, live, &draft.child);
    append(build, children, &draft);
}

static void append_other(const struct build *build, struct children *children, enum child_kind kind, struct str backend,
                         yyjson_mut_val *spec) {
    struct str name = child_name(build->arena, build->booster->name, backend);
    append(build, children, &(struct draft){.child = {.kind = kind, .name = name, .backend = backend}, .spec = spec});
}

/* A policy at model level stands for all backends. */
static void append_policies(const struct build *build, struct children *children) {
    const struct booster *booster = build->booster;
    if (booster->autoscaling_policy) {
        append_other(build, children, CHILD_POLICY, STR_EMPTY, policy_spec(build, booster->autoscaling_policy));
        return;
    }
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        if (!backend->autoscaling_policy) continue;
        append_other(build, children, CHILD_POLICY, backend->name, policy_spec(build, backend->autoscaling_policy));
    }
}

/* None while suspended: an autoscaler would bring the replicas back. */
static void append_bindings(const struct build *build, struct children *children) {
    const struct booster *booster = build->booster;
    if (booster->suspend) return;
    if (booster->autoscaling_policy) {
        append_other(build, children, CHILD_BINDING, STR_EMPTY, optimizer_spec(build, booster->name));
        return;
    }
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        if (!backend->autoscaling_policy) continue;
        struct str policy_name = child_name(build->arena, booster->name, backend->name);
        append_other(build, children, CHILD_BINDING, backend->name, scaling_spec(build, backend, policy_name));
    }
}

bool generate_children(struct arena *arena, const struct booster *booster, const struct generate_settings *settings,
                       const struct live_serving *live, struct children *out) {
    enum { CHILDREN_PER_BACKEND = 4, MODEL_CHILDREN = 3 };
    static const struct live_serving none;
    struct build build = {arena, json_builder(arena), booster, settings};
    struct children children = {
        .items = arena_array(arena, booster->backend_count * CHILDREN_PER_BACKEND + MODEL_CHILDREN, sizeof(struct child))};
    if (!build.doc || !children.items) return false;
    for (size_t i = 0; i < booster->backend_count; i++) append_serving(&build, &booster->backends[i], live ? &live[i] : &none, &children);
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        append_other(&build, &children, CHILD_SERVER, backend->name, server_spec(&build, backend));
    }
    append_policies(&build, &children);
    append_bindings(&build, &children);
    append_other(&build, &children, CHILD_ROUTE, STR_EMPTY, route_spec(&build));
    if (arena->exhausted) return false;
    *out = children;
    return true;
}

#include "booster/desire.h"

static bool is_same_images(const struct images *a, const struct images *b) {
    return str_equal(a->downloader, b->downloader) && str_equal(a->runtime, b->runtime);
}

/*
 * A ModelServing without our annotation but with our owner was made by Kthena's controller. Taking it over must not restart it, so it is
 * frozen as long as the user has changed nothing since its ModelBooster was last applied.
 */
static bool is_made_by_another_controller(const struct observed *serving, const struct booster *booster, int64_t observed_generation) {
    return !serving->has_rendered && serving->revision == 0 && observed_generation == booster->generation;
}

static struct desire_note consider(struct arena *arena, const struct booster *booster, const struct backend *backend,
                                   int64_t observed_generation, const struct desire_settings *settings, const struct observed *serving,
                                   struct live_serving *live) {
    struct desire_note note = {0};
    if (!serving) return note;
    *live = (struct live_serving){
        .exists = true,
        .replicas = serving->replicas < 0 ? 1 : serving->replicas,
        .has_replicas_before = serving->has_replicas_before,
        .replicas_before = serving->replicas_before,
        .gang_policy = serving->gang_policy.len && !serving->is_deleting ? json_parse(arena, serving->gang_policy, NULL) : NULL,
    };
    if (settings->may_upgrade || booster->upgrade_now) return note;
    if (is_made_by_another_controller(serving, booster, observed_generation)) return (struct desire_note){true, true};
    bool is_input_unchanged = serving->has_rendered && serving->rendered_input == generate_input_hash(arena, booster, backend);
    if (!is_input_unchanged) return note;
    note.is_frozen = !str_is(serving->rendered_generator, GENERATOR_VERSION);
    note.is_outdated = note.is_frozen || !is_same_images(&serving->rendered_images, &settings->generate.images);
    if (note.is_outdated) {
        live->images.downloader = arena_copy(arena, serving->rendered_images.downloader);
        live->images.runtime = arena_copy(arena, serving->rendered_images.runtime);
    }
    return note;
}

static size_t backend_index(const struct booster *booster, struct str name) {
    size_t index = 0;
    while (index < booster->backend_count && !str_equal(booster->backends[index].name, name)) index++;
    return index;
}

bool desire_children(struct arena *arena, const struct booster *booster, int64_t observed_generation,
                     const struct desire_settings *settings, const struct observed *const *servings, struct desire *out) {
    struct live_serving *live = arena_array(arena, booster->backend_count, sizeof *live);
    struct desire_note *backend_notes = arena_array(arena, booster->backend_count, sizeof *backend_notes);
    if (!live || !backend_notes) return false;
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        backend_notes[i] = consider(arena, booster, backend, observed_generation, settings, servings[i], &live[i]);
    }
    if (!generate_children(arena, booster, &settings->generate, live, &out->children)) return false;
    out->notes = arena_array(arena, out->children.count, sizeof *out->notes);
    if (!out->notes) return false;
    for (size_t i = 0; i < out->children.count; i++) {
        const struct child *child = &out->children.items[i];
        if (child->kind == CHILD_SERVING) out->notes[i] = backend_notes[backend_index(booster, child->backend)];
    }
    return true;
}

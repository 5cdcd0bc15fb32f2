#include "booster/checks.h"
#include "booster/names.h"
#include "booster/validate.h"
#include "data/key_set.h"

/* What was met so far, "namespace/kind/name", each with the index of its ModelBooster. */
struct together {
    const struct validated *boosters;
    struct arena *arena;
    struct key_set names;
};

/* The ModelBooster that had the name first: `at` itself where it is new, or where memory is out. */
static size_t first_with(struct together *together, const char *kind, struct str name, size_t at) {
    struct str namespace = together->boosters[at].booster->namespace;
    struct str key = arena_printf(together->arena, "%.*s/%s/%.*s", STR_ARG(namespace), kind, STR_ARG(name));
    bool is_new;
    if (together->arena->exhausted) return at;
    return key_set_add(&together->names, key, at, &is_new)->item;
}

static bool is_repeated(struct together *together, size_t at) {
    const struct validated *this = &together->boosters[at];
    size_t first = first_with(together, KIND_BOOSTER, this->booster->name, at);
    if (first == at) return false;
    findings_add(this->findings, RULE_BOOSTER_REPEATED, STR("metadata.name"), json_path(this->booster->object, "metadata", "name", NULL),
                 "%s is in the input already, at %.*s; keep one of the two, or rename one", QUOTE(this->booster->name),
                 STR_ARG(together->boosters[first].place));
    return true;
}

static void check_child(struct together *together, size_t at, enum child_kind kind, struct str backend, struct str path,
                        const yyjson_val *value) {
    const struct validated *this = &together->boosters[at];
    struct str name = child_name(together->arena, this->booster->name, backend);
    const struct validated *first = &together->boosters[first_with(together, child_kind_name(kind), name, at)];
    if (first == this) return;
    findings_add(this->findings, RULE_CHILD_COLLISION, path, value, "%s %s is made by ModelBooster %s as well, at %.*s; rename one of them",
                 child_kind_name(kind), QUOTE(name), QUOTE(first->booster->name), STR_ARG(first->place));
}

/* A ModelServer is named like its ModelServing, a binding like its policy; a ModelRoute like its ModelBooster. */
static void check_children(struct together *together, size_t at) {
    const struct booster *booster = together->boosters[at].booster;
    if (booster->autoscaling_policy)
        check_child(together, at, CHILD_POLICY, STR_EMPTY, STR("metadata.name"), json_path(booster->object, "metadata", "name", NULL));
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        struct str path = model_path(together->arena, backend->path, "name");
        if (backend->name.len == 0) continue;
        check_child(together, at, CHILD_SERVING, backend->name, path, json_get(backend->value, "name"));
        if (backend->autoscaling_policy && !booster->autoscaling_policy)
            check_child(together, at, CHILD_POLICY, backend->name, path, json_get(backend->value, "name"));
    }
}

void boosters_validate_together(struct arena *arena, const struct validated *boosters, size_t count) {
    struct together together = {.boosters = boosters, .arena = arena};
    size_t names = 0;
    for (size_t i = 0; i < count; i++) names += 2 + 2 * boosters[i].booster->backend_count;
    if (!key_set_start(&together.names, arena, names)) return;
    for (size_t i = 0; i < count; i++) {
        if (boosters[i].booster->name.len == 0) continue;
        if (!is_repeated(&together, i)) check_children(&together, i);
        findings_sort(boosters[i].findings);
    }
}

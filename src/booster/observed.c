#include "booster/observed.h"

#include "base/number.h"
#include "booster/compare.h"

static yyjson_val *metadata_of(const yyjson_val *object, const char *field) {
    return json_path(object, "metadata", field, NULL);
}

static int64_t int64_or(const yyjson_val *value, int64_t fallback) {
    int64_t number;
    return json_int64(value, &number) ? number : fallback;
}

static void read_owners(const yyjson_val *live, struct observed *out) {
    size_t index, max;
    yyjson_val *reference;
    yyjson_arr_foreach(metadata_of(live, "ownerReferences"), index, max, reference) {
        bool is_controller = json_bool_or(json_get(reference, "controller"), false);
        bool is_booster = json_is_text(json_get(reference, "kind"), KIND_BOOSTER) &&
                          str_starts_with(json_text(json_get(reference, "apiVersion")), STR(GROUP_WORKLOAD "/"));
        out->has_owners = true;
        if (!is_booster || out->owner_uid.len) {
            out->is_controlled_by_other |= is_controller;
            continue;
        }
        out->owner_uid = json_text(json_get(reference, "uid"));
        out->owner_name = json_text(json_get(reference, "name"));
        out->owner_index = (uint32_t)index;
        out->is_controlled_by_owner = is_controller && json_bool_or(json_get(reference, "blockOwnerDeletion"), false);
    }
}

static void read_labels(const yyjson_val *live, struct observed *out) {
    yyjson_val *labels = metadata_of(live, "labels");
    out->has_labels = yyjson_is_obj(labels);
    out->has_annotations = yyjson_is_obj(metadata_of(live, "annotations"));
    struct str revision = json_text(json_get(labels, LABEL_REVISION));
    if (revision.len != 16 || !number_parse_hex64(revision, &out->revision)) out->revision = 0;
    if (!out->has_owners && json_is_text(json_get(labels, LABEL_MANAGED_BY), MANAGED_BY)) {
        out->label_model = json_text(json_get(labels, LABEL_MODEL_NAME));
    }
}

/* The newest entry of managedFields that somebody else made: who rewrote a child that differs. */
static void read_other_manager(const yyjson_val *live, struct observed *out) {
    struct str newest = STR_EMPTY;
    size_t index, max;
    yyjson_val *entry;
    yyjson_arr_foreach(metadata_of(live, "managedFields"), index, max, entry) {
        struct str manager = json_text(json_get(entry, "manager"));
        bool is_status = json_is_text(json_get(entry, "subresource"), "status");
        if (is_status || str_is(manager, FIELD_MANAGER)) continue;
        /* RFC 3339 in UTC with whole seconds: later times sort later as text. */
        struct str time = json_text(json_get(entry, "time"));
        if (out->other_manager.len && str_compare(time, newest) < 0) continue;
        out->other_manager = manager;
        newest = time;
    }
}

static void read_rendered(struct arena *arena, const yyjson_val *live, struct observed *out) {
    yyjson_val *annotations = metadata_of(live, "annotations");
    struct str before = json_text(json_get(annotations, ANNOTATION_REPLICAS_BEFORE_SUSPEND));
    out->has_replicas_before = number_parse_int64(before, &out->replicas_before) && out->replicas_before >= 0;
    struct str text = json_text(json_get(annotations, ANNOTATION_RENDERED));
    yyjson_val *rendered = text.len ? json_parse(arena, text, NULL) : NULL;
    if (!rendered) return;
    out->rendered_generator = json_text(json_get(rendered, "generator"));
    out->rendered_images.downloader = json_text(json_get(rendered, "downloader"));
    out->rendered_images.runtime = json_text(json_get(rendered, "runtime"));
    out->has_rendered = number_parse_hex64(json_text(json_get(rendered, "input")), &out->rendered_input);
}

static void read_availability(const yyjson_val *live, struct observed *out) {
    yyjson_val *status = json_get(live, "status");
    out->available_replicas = int64_or(json_get(status, "availableReplicas"), 0);
    out->status_replicas = int64_or(json_get(status, "replicas"), 0);
    out->available_generation = int64_or(json_get(status, "observedGeneration"), out->generation);
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_get(status, "conditions"), index, max, condition) {
        if (!json_is_text(json_get(condition, "type"), "Available")) continue;
        out->available = json_is_text(json_get(condition, "status"), "True")    ? AVAILABILITY_TRUE
                         : json_is_text(json_get(condition, "status"), "False") ? AVAILABILITY_FALSE
                                                                                : AVAILABILITY_UNKNOWN;
        out->available_generation = int64_or(json_get(condition, "observedGeneration"), out->available_generation);
        out->available_reason = json_text(json_get(condition, "reason"));
        out->available_message = json_text(json_get(condition, "message"));
    }
}

static void read_serving(struct arena *arena, const yyjson_val *live, struct observed *out) {
    yyjson_val *spec = json_get(live, "spec");
    out->replicas = int64_or(json_get(spec, "replicas"), -1);
    yyjson_val *gang_policy = json_path(spec, "template", "gangPolicy", NULL);
    if (gang_policy && !yyjson_is_null(gang_policy)) {
        struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
        json_write(&text, gang_policy);
        out->gang_policy = strbuf_take(&text, arena);
    }
    read_rendered(arena, live, out);
    read_availability(live, out);
}

bool observed_read(struct arena *arena, enum child_kind kind, const yyjson_val *live, struct observed *out) {
    struct observed record = {
        .kind = kind,
        .namespace = json_text(metadata_of(live, "namespace")),
        .name = json_text(metadata_of(live, "name")),
        .uid = json_text(metadata_of(live, "uid")),
        .resource_version = json_text(metadata_of(live, "resourceVersion")),
        .generation = int64_or(metadata_of(live, "generation"), 0),
        .is_deleting = metadata_of(live, "deletionTimestamp") != NULL,
        .replicas = -1,
    };
    if (record.name.len == 0 || record.uid.len == 0) return false;
    read_owners(live, &record);
    read_labels(live, &record);
    bool is_foreign = record.owner_uid.len == 0 && record.label_model.len == 0;
    if (!is_foreign) {
        read_other_manager(live, &record);
        if (kind == CHILD_SERVING) read_serving(arena, live, &record);
        if (kind == CHILD_ROUTE) record.model_name = json_text(json_path(live, "spec", "modelName", NULL));
    }
    if (arena->exhausted) return false;
    *out = record;
    return true;
}

void observed_judge(struct arena *arena, const struct child *desired, const yyjson_val *live, bool is_own_write, struct observed *out) {
    struct str difference;
    uint64_t projection = compare_projection(desired->kind, desired->object, live);
    uint64_t spec_projection = compare_spec_projection(desired->kind, desired->object, live);
    bool matches = compare_child(arena, desired->kind, desired->object, live, &difference);
    if (!projection || !spec_projection) arena->exhausted = true;
    if (arena->exhausted) return;
    out->difference = difference;
    bool is_accepted_form = is_own_write || (out->accepted_revision == desired->revision && out->accepted_projection == projection);
    if (is_own_write) {
        out->accepted_revision = desired->revision;
        out->accepted_projection = projection;
        out->unkept_replicas = out->replicas == desired->replicas ? -1 : desired->replicas;
    }
    /* The accepted form counts as ours even where a server drops the label itself. */
    if (is_accepted_form) out->revision = desired->revision;
    bool has_replicas = desired->kind != CHILD_SERVING || out->replicas == desired->replicas || out->unkept_replicas == desired->replicas;
    if (!has_replicas && (matches || is_accepted_form)) out->difference = STR(DIFFERENCE_REPLICAS);
    out->verdict = has_replicas && (matches || is_accepted_form) ? VERDICT_MATCHES : VERDICT_DIFFERS;
    out->verdict_revision = desired->revision;
    out->spec_projection = spec_projection;
}

void observed_inherit(const struct observed *older, struct observed *newer) {
    newer->unkept_replicas = -1;
    /* First sight: when the serving has observed its spec, nothing is under way. */
    newer->content_generation = newer->available_generation >= newer->generation ? newer->generation : 0;
    if (!older || !str_equal(older->uid, newer->uid)) return;
    newer->accepted_revision = older->accepted_revision;
    newer->accepted_projection = older->accepted_projection;
    newer->unkept_replicas = older->unkept_replicas;
    newer->content_generation = older->content_generation;
    newer->is_rewritten = older->is_rewritten;
    for (int i = 0; i < OBSERVED_REWRITES; i++) newer->rewrites_ms[i] = older->rewrites_ms[i];
}

static bool is_settled(const struct observed *observed, uint64_t revision) {
    return observed->verdict == VERDICT_MATCHES && observed->verdict_revision == revision && observed->revision == revision;
}

void observed_compare_history(const struct observed *older, int64_t now_ms, bool is_own_write, struct observed *newer) {
    if (!older || !str_equal(older->uid, newer->uid) || newer->verdict == VERDICT_UNKNOWN) return;
    bool is_same_content = older->generation == newer->generation || older->spec_projection == newer->spec_projection;
    if (!is_same_content) newer->content_generation = newer->generation;
    bool was_settled = is_settled(older, newer->verdict_revision), is_good = is_settled(newer, newer->verdict_revision);
    newer->is_rewritten = newer->is_rewritten && !is_own_write && !is_good;
    if (is_own_write || !was_settled || is_good) return;
    /* Of one revision the ModelBooster may ask for another number of replicas (suspended, say): where nothing moved nobody has rewritten
     * it. */
    if (older->generation == newer->generation && str_is(newer->difference, "spec.replicas")) return;
    for (int i = OBSERVED_REWRITES - 1; i > 0; i--) newer->rewrites_ms[i] = newer->rewrites_ms[i - 1];
    newer->rewrites_ms[0] = now_ms;
    newer->is_rewritten = true;
}

int observed_rewrite_count(const struct observed *observed, int64_t now_ms) {
    int count = 0;
    for (int i = 0; i < OBSERVED_REWRITES; i++) {
        int64_t age_ms = now_ms - observed->rewrites_ms[i];
        /* Of the future: the clock was put back since, for longer than the window perhaps. */
        count += observed->rewrites_ms[i] != 0 && age_ms >= 0 && age_ms < REWRITE_WINDOW_MS;
    }
    return count;
}

enum owner_relation observed_relation(const struct observed *observed, const struct booster *booster) {
    if (observed->is_controlled_by_other) return OWNER_FOREIGN;
    if (observed->owner_uid.len) {
        if (str_equal(observed->owner_uid, booster->uid)) return OWNER_OURS;
        return str_equal(observed->owner_name, booster->name) ? OWNER_FORMER : OWNER_FOREIGN;
    }
    bool is_orphan = !observed->has_owners && str_equal(observed->label_model, booster->name);
    return is_orphan ? OWNER_ORPHAN : OWNER_FOREIGN;
}

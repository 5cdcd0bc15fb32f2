#include "controller/progress.h"

#include "data/rfc3339.h"

void progress_reset(struct progress *progress) {
    *progress = (struct progress){0};
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        progress->statuses[i] = STATUS_UNKNOWN;
        progress->reasons[i] = (uint8_t)reason_index(STR_EMPTY);
    }
}

static void read_condition(struct progress *progress, const yyjson_val *condition) {
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        if (!json_is_text(json_get(condition, "type"), condition_names[i])) continue;
        struct str status = json_text(json_get(condition, "status"));
        progress->statuses[i] = str_is(status, "True") ? STATUS_TRUE : str_is(status, "False") ? STATUS_FALSE : STATUS_UNKNOWN;
        progress->reasons[i] = (uint8_t)reason_index(json_text(json_get(condition, "reason")));
    }
}

static void read_status(struct progress *progress, const yyjson_val *status) {
    size_t index, max;
    yyjson_val *condition;
    progress->observed_generation = 0;
    json_int64(json_get(status, "observedGeneration"), &progress->observed_generation);
    yyjson_arr_foreach(json_get(status, "conditions"), index, max, condition) read_condition(progress, condition);
}

/* When the object says that what is not its status was last written; 0: it does not. */
static int64_t written_wall_ms(const yyjson_val *object) {
    const yyjson_val *metadata = json_get(object, "metadata");
    int64_t latest_ms = 0, ms;
    size_t index, max;
    yyjson_val *fields;
    yyjson_arr_foreach(json_get(metadata, "managedFields"), index, max, fields) {
        if (json_text(json_get(fields, "subresource")).len) continue;
        if (rfc3339_parse_ms(json_text(json_get(fields, "time")), &ms, NULL) && ms > latest_ms) latest_ms = ms;
    }
    bool is_new = json_is_empty(json_get(metadata, "managedFields"));
    if (is_new && rfc3339_parse_ms(json_text(json_get(metadata, "creationTimestamp")), &ms, NULL)) latest_ms = ms;
    return latest_ms;
}

static void begin_edit(struct progress *progress, const yyjson_val *object, int64_t generation, int64_t now_ms, int64_t wall_ms) {
    int64_t written_ms = written_wall_ms(object), age_ms = written_ms ? wall_ms - written_ms : 0;
    progress->generation = generation;
    progress->begun_ms = age_ms > PROGRESS_SKEW_MS ? now_ms - age_ms : now_ms;
    progress->awaits_children = progress->awaits_active = progress->observed_generation < generation;
}

void progress_read(struct progress *progress, const yyjson_val *object, int64_t now_ms, int64_t wall_ms) {
    int64_t generation = 0;
    json_int64(json_path(object, "metadata", "generation", NULL), &generation);
    read_status(progress, json_get(object, "status"));
    if (generation > progress->generation) begin_edit(progress, object, generation, now_ms, wall_ms);
}

static bool end(bool *awaits, const struct progress *progress, int64_t ended_ms, int64_t *out_ms) {
    if (!*awaits || progress->observed_generation < progress->generation) return false;
    *awaits = false;
    *out_ms = ended_ms > progress->begun_ms ? ended_ms - progress->begun_ms : 0;
    return true;
}

bool progress_end_children(struct progress *progress, int64_t ended_ms, int64_t *out_ms) {
    return end(&progress->awaits_children, progress, ended_ms, out_ms);
}

bool progress_end_active(struct progress *progress, int64_t ended_ms, int64_t *out_ms) {
    return progress->statuses[CONDITION_ACTIVE] == STATUS_TRUE && end(&progress->awaits_active, progress, ended_ms, out_ms);
}

void progress_begin_work(struct progress *progress) {
    if (progress->observed_generation >= progress->generation) progress->awaits_children = progress->awaits_active = false;
}

bool progress_is_settled(const struct progress *progress) {
    return progress->generation && !progress->awaits_children && progress->observed_generation >= progress->generation;
}

#include "booster/compare.h"

#include "base/hash.h"
#include "data/duration.h"
#include "data/quantity.h"

/* Which fields hold a value with several spellings, by their key or their parent's. */
enum spelling { SPELLING_PLAIN, SPELLING_QUANTITY, SPELLING_DURATION, SPELLING_INT_OR_STRING };

static const struct {
    const char *parent, *key; /* NULL: any */
    enum spelling spelling;
} spellings[] = {
    {"limits", NULL, SPELLING_QUANTITY},           {"requests", NULL, SPELLING_QUANTITY},
    {"overhead", NULL, SPELLING_QUANTITY},         {NULL, "sizeLimit", SPELLING_QUANTITY},
    {NULL, "divisor", SPELLING_QUANTITY},          {NULL, "targetValue", SPELLING_QUANTITY},
    {NULL, "period", SPELLING_DURATION},           {NULL, "stabilizationWindow", SPELLING_DURATION},
    {NULL, "panicModeHold", SPELLING_DURATION},    {NULL, "retryInterval", SPELLING_DURATION},
    {NULL, "timeout", SPELLING_DURATION},          {"httpGet", "port", SPELLING_INT_OR_STRING},
    {"tcpSocket", "port", SPELLING_INT_OR_STRING}, {NULL, "maxUnavailable", SPELLING_INT_OR_STRING},
    {NULL, "maxSurge", SPELLING_INT_OR_STRING},
};

static enum spelling spelling_of(struct str parent, struct str key) {
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        if (spellings[i].parent && !str_is(parent, spellings[i].parent)) continue;
        if (spellings[i].key && !str_is(key, spellings[i].key)) continue;
        return spellings[i].spelling;
    }
    return SPELLING_PLAIN;
}

/* Of text or a number; empty for others, which are spelled in one way only. `room` holds a number. */
static struct str scalar_text(const yyjson_val *value, struct json_number *room) {
    if (yyjson_is_str(json_loose(value))) return json_text(value);
    *room = json_number(value);
    return str_of(room->text);
}

static bool same_spelled(enum spelling spelling, const yyjson_val *a, const yyjson_val *b) {
    struct json_number a_room, b_room;
    struct str a_text = scalar_text(a, &a_room), b_text = scalar_text(b, &b_room);
    bool same = a_text.len && str_equal(a_text, b_text);
    if (!same && spelling == SPELLING_QUANTITY) {
        struct quantity x, y;
        same = quantity_parse(a_text, &x, NULL) && quantity_parse(b_text, &y, NULL) && quantity_compare(x, y) == 0;
    } else if (!same && spelling == SPELLING_DURATION) {
        int64_t x, y;
        same = duration_parse(a_text, &x, NULL) && duration_parse(b_text, &y, NULL) && x == y;
    }
    return same;
}

/*
 * Fields of a pod that a client in Go leaves out where they are "", false or 0: absent is the same there. (Not so of pointers, such as
 * automountServiceAccountToken, nor of members of maps.)
 */
static const char *const go_zeros[] = {"effect",
                                       "hostIPC",
                                       "hostNetwork",
                                       "hostPID",
                                       "hostPort",
                                       "initialDelaySeconds",
                                       "key",
                                       "nodeName",
                                       "operator",
                                       "prefix",
                                       "protocol",
                                       "priorityClassName",
                                       "readOnly",
                                       "stdin",
                                       "stdinOnce",
                                       "subPath",
                                       "subPathExpr",
                                       "subdomain",
                                       "tty",
                                       "value",
                                       "workingDir",
                                       "hostname",
                                       "scheme",
                                       "serviceAccountName",
                                       "setHostnameAsFQDN"};

static bool is_left_out_by_go(struct str key, yyjson_val *desired) {
    int64_t number;
    bool is_zero = (yyjson_is_str(desired) && yyjson_get_len(desired) == 0) || yyjson_is_false(desired) ||
                   (json_int64(desired, &number) && number == 0);
    for (size_t i = 0; is_zero && i < sizeof go_zeros / sizeof *go_zeros; i++)
        if (str_is(key, go_zeros[i])) return true;
    return false;
}

/* The way from the root to the value at hand: linked frames on the stack, written out only for a difference. */
struct place {
    const struct place *above;
    struct str key; /* of an object member */
    size_t index;   /* of an array item, when key is empty */
    unsigned depth;
};

static void write_place(struct strbuf *out, const struct place *place) {
    if (!place) return;
    write_place(out, place->above);
    if (place->key.len == 0) {
        strbuf_printf(out, "[%zu]", place->index);
        return;
    }
    if (out->len) strbuf_append_char(out, '.');
    strbuf_append(out, place->key);
}

static struct str nearest_key(const struct place *place) {
    while (place && place->key.len == 0) place = place->above;
    return place ? place->key : STR_EMPTY;
}

/* Where keys are anybody's, and an empty text is a value. */
static bool is_in_map(const struct place *object) {
    static const char *const maps[] = {"annotations", "labels", "matchLabels", "nodeSelector"};
    for (size_t i = 0; object && i < sizeof maps / sizeof *maps; i++)
        if (str_is(object->key, maps[i])) return true;
    return false;
}

struct comparison {
    struct arena *arena;
    struct str *out_path;
};

static bool differs(struct comparison *comparison, const struct place *place) {
    struct strbuf text = strbuf_with_max(512);
    write_place(&text, place);
    *comparison->out_path = strbuf_take(&text, comparison->arena);
    return false;
}

static bool is_subset(struct comparison *comparison, yyjson_val *desired, yyjson_val *live, const struct place *place);

static bool is_map_subset(struct comparison *comparison, yyjson_val *desired, yyjson_val *live, const struct place *place) {
    size_t index, max;
    yyjson_val *key, *member;
    yyjson_obj_foreach(desired, index, max, key, member) {
        struct place inner = {place, json_text(key), 0, place->depth + 1};
        if (!is_subset(comparison, member, json_get_str(live, inner.key), &inner)) return false;
    }
    return true;
}

static bool is_list_equal(struct comparison *comparison, yyjson_val *desired, yyjson_val *live, const struct place *place) {
    if (!yyjson_is_arr(live) || yyjson_arr_size(desired) != yyjson_arr_size(live)) return differs(comparison, place);
    size_t index, max;
    yyjson_val *item, *other = yyjson_arr_get_first(live);
    yyjson_arr_foreach(desired, index, max, item) {
        struct place inner = {place, STR_EMPTY, index, place->depth + 1};
        if (!is_subset(comparison, item, other, &inner)) return false;
        other = unsafe_yyjson_get_next(other);
    }
    return true;
}

static bool is_subset(struct comparison *comparison, yyjson_val *desired, yyjson_val *live, const struct place *place) {
    if (place->depth > LIMIT_DOCUMENT_DEPTH) return differs(comparison, place);
    bool is_absent = !desired || yyjson_is_null(desired);
    if (is_absent || (json_is_empty(desired) && json_is_empty(live))) return true;
    if (yyjson_is_obj(desired)) {
        if (!yyjson_is_obj(live) && !json_is_empty(live)) return differs(comparison, place);
        return is_map_subset(comparison, desired, live, place);
    }
    if (yyjson_is_arr(desired)) return is_list_equal(comparison, desired, live, place);
    if (json_equal(desired, live)) return true;
    if (json_is_empty(live) && is_left_out_by_go(place->key, desired) && !is_in_map(place->above)) return true;
    if (!live || yyjson_is_ctn(live)) return differs(comparison, place);
    enum spelling spelling = spelling_of(nearest_key(place->above), nearest_key(place));
    if (spelling != SPELLING_PLAIN && same_spelled(spelling, desired, live)) return true;
    return differs(comparison, place);
}

typedef bool part_visitor(void *context, yyjson_val *desired, yyjson_val *live, const struct place *place);

/* Each member that is desired of one map, but for `left_out` (NULL: none). */
static bool each_member(const struct place *map, const yyjson_val *desired, const yyjson_val *live, const char *left_out, void *context,
                        part_visitor *visit) {
    size_t index, max;
    yyjson_val *key, *member;
    yyjson_obj_foreach(json_loose(desired), index, max, key, member) {
        if (left_out && json_is_text(key, left_out)) continue;
        struct place place = {map, json_text(key), 0, map->depth + 1};
        if (!visit(context, member, json_get_str(live, place.key), &place)) return false;
    }
    return true;
}

static bool each_spec_part(enum child_kind kind, const yyjson_val *desired, const yyjson_val *live, void *context, part_visitor *visit) {
    static const struct place spec = {NULL, {"spec", 4}, 0, 0};
    const char *left_out = kind == CHILD_SERVING ? "replicas" : NULL;
    return each_member(&spec, json_get(desired, "spec"), json_get(live, "spec"), left_out, context, visit);
}

/* What goes with a suspended ModelServing's replicas is compared with them, by reconcile, and is in no revision either. */
static bool each_part(enum child_kind kind, const yyjson_val *desired, const yyjson_val *live, void *context, part_visitor *visit) {
    static const struct place metadata = {NULL, {"metadata", 8}, 0, 0};
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < 2; i++) {
        struct place place = {&metadata, str_of(maps[i]), 0, 1};
        const yyjson_val *ours = json_path(desired, "metadata", maps[i], NULL), *theirs = json_path(live, "metadata", maps[i], NULL);
        if (!each_member(&place, ours, theirs, ANNOTATION_REPLICAS_BEFORE_SUSPEND, context, visit)) return false;
    }
    return each_spec_part(kind, desired, live, context, visit);
}

static bool visit_subset(void *context, yyjson_val *desired, yyjson_val *live, const struct place *place) {
    return is_subset(context, desired, live, place);
}

bool compare_child(struct arena *arena, enum child_kind kind, const yyjson_val *desired, const yyjson_val *live, struct str *out_path) {
    struct comparison comparison = {arena, out_path};
    *out_path = STR_EMPTY;
    return each_part(kind, desired, live, &comparison, visit_subset);
}

static uint64_t mix(uint64_t hash, struct str bytes) {
    return (hash ^ hash_xxh3(bytes)) * 0x9E3779B97F4A7C15u + 1;
}

struct projection {
    uint64_t hash;
    bool has_failed;
};

static uint64_t project(uint64_t hash, yyjson_val *desired, yyjson_val *live, unsigned depth, bool *out_failed) {
    if (depth > LIMIT_DOCUMENT_DEPTH || json_is_empty(live)) return mix(hash, STR("-"));
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_obj(desired) && yyjson_is_obj(live)) {
        yyjson_obj_foreach(desired, index, max, key, item) {
            hash = project(mix(hash, json_text(key)), item, json_get_str(live, json_text(key)), depth + 1, out_failed);
        }
        return hash;
    }
    if (yyjson_is_arr(desired) && yyjson_is_arr(live) && yyjson_arr_size(desired) == yyjson_arr_size(live)) {
        yyjson_val *other = yyjson_arr_get_first(live);
        yyjson_arr_foreach(desired, index, max, item) {
            hash = project(mix(hash, STR("[")), item, other, depth + 1, out_failed);
            other = unsafe_yyjson_get_next(other);
        }
        return hash;
    }
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write_canonical(&text, live);
    hash = mix(hash, strbuf_view(&text));
    if (text.failed) *out_failed = true;
    strbuf_release(&text);
    return hash;
}

static bool visit_project(void *context, yyjson_val *desired, yyjson_val *live, const struct place *place) {
    struct projection *projection = context;
    projection->hash = project(mix(projection->hash, place->key), desired, live, place->depth, &projection->has_failed);
    return true;
}

static uint64_t hash_of(struct projection projection) {
    if (projection.has_failed) return 0;
    return projection.hash ? projection.hash : 1;
}

uint64_t compare_projection(enum child_kind kind, const yyjson_val *desired, const yyjson_val *live) {
    struct projection projection = {0};
    each_part(kind, desired, live, &projection, visit_project);
    return hash_of(projection);
}

uint64_t compare_spec_projection(enum child_kind kind, const yyjson_val *desired, const yyjson_val *live) {
    struct projection projection = {0};
    each_spec_part(kind, desired, live, &projection, visit_project);
    return hash_of(projection);
}

#include "booster/generate/parts.h"

#include "data/key_set.h"

/* Lists of a pod whose items are told apart by one key, as Kubernetes' strategic merge patch has it; all others are replaced. */
static const struct merge_list {
    const char *list, *key;
    bool takes_whole_items; /* a value and a valueFrom do not mix */
    const char *needs;      /* an item that is new and lacks this is meant for another pod of the backend */
} merge_lists[] = {
    {"containers", "name", false, "image"},     {"initContainers", "name", false, "image"},
    {"volumes", "name", false, NULL},           {"env", "name", true, NULL},
    {"volumeMounts", "mountPath", false, NULL}, {"volumeDevices", "devicePath", false, NULL},
    {"ports", "containerPort", false, NULL},    {"imagePullSecrets", "name", false, NULL},
    {"hostAliases", "ip", false, NULL},         {"topologySpreadConstraints", "topologyKey", false, NULL},
    {"resourceClaims", "name", false, NULL},    {"schedulingGates", "name", false, NULL},
};

static const struct merge_list *merge_list_of(yyjson_val *key) {
    for (size_t i = 0; i < sizeof merge_lists / sizeof *merge_lists; i++)
        if (json_is_text(key, merge_lists[i].list)) return &merge_lists[i];
    return NULL;
}

/* Ports are told apart by number. */
static struct str base_key(struct arena *arena, yyjson_mut_val *item, const char *key) {
    yyjson_mut_val *value = yyjson_mut_obj_get(item, key);
    if (yyjson_mut_is_num(value)) return arena_printf(arena, "%.0f", yyjson_mut_get_num(value));
    return (struct str){yyjson_mut_get_str(value), yyjson_mut_get_len(value)};
}

static struct str patch_key(struct arena *arena, yyjson_val *item, const char *key) {
    yyjson_val *value = json_get(item, key);
    return yyjson_is_num(value) ? arena_printf(arena, "%.0f", yyjson_get_num(value)) : json_text(value);
}

static void merge_item(const struct build *build, const struct merge_list *row, yyjson_mut_val *item, yyjson_val *patch) {
    if (row->takes_whole_items) yyjson_mut_obj_clear(item);
    overlay_apply(build, item, patch);
}

/* In time linear in both lists: a user may write long ones. */
static void merge_items(const struct build *build, const struct merge_list *row, yyjson_mut_val *base, yyjson_val *patch) {
    size_t index, max, count = 0, room = yyjson_mut_arr_size(base) + yyjson_arr_size(patch);
    yyjson_mut_val *item, **items = arena_array(build->arena, room, sizeof(yyjson_mut_val *));
    yyjson_val *change;
    struct key_set keys = {0};
    bool is_new;
    if (!items || !key_set_start(&keys, build->arena, room)) return;
    yyjson_mut_arr_foreach(base, index, max, item) {
        items[count] = item;
        key_set_add(&keys, base_key(build->arena, item, row->key), count++, &is_new);
    }
    yyjson_arr_foreach(patch, index, max, change) {
        struct str key = patch_key(build->arena, change, row->key);
        struct key_slot *known = key_set_find(&keys, key);
        if (known) {
            merge_item(build, row, items[known->item], change);
        } else if (!row->needs || !json_is_empty(json_get(change, row->needs))) {
            items[count] = yyjson_val_mut_copy(build->doc, change);
            yyjson_mut_arr_append(base, items[count]);
            key_set_add(&keys, key, count++, &is_new);
        }
    }
}

static void merge_list(const struct build *build, const struct merge_list *row, yyjson_mut_val *object, yyjson_val *key,
                       yyjson_val *patch) {
    yyjson_mut_val *list = yyjson_mut_obj_getn(object, yyjson_get_str(key), yyjson_get_len(key));
    bool is_there = yyjson_mut_is_arr(list);
    if (!is_there) list = yyjson_mut_arr(build->doc);
    merge_items(build, row, list, patch);
    if (!is_there && yyjson_mut_arr_size(list)) yyjson_mut_obj_put(object, yyjson_val_mut_copy(build->doc, key), list);
}

/* A probe has one handler: another one replaces that of the base. */
static void drop_other_handlers(yyjson_mut_val *base, const yyjson_val *key, const yyjson_val *patch) {
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    static const char *const handlers[] = {"exec", "grpc", "httpGet", "tcpSocket"};
    bool is_probe = false, has_handler = false;
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) is_probe |= json_is_text(key, probes[i]);
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) has_handler |= model_field(patch, handlers[i]) != NULL;
    for (size_t i = 0; is_probe && has_handler && i < sizeof handlers / sizeof *handlers; i++)
        if (!json_get(patch, handlers[i])) yyjson_mut_obj_remove_key(base, handlers[i]);
}

/* Recursion is bounded by the depth of the patch's document. */
void overlay_apply(const struct build *build, yyjson_mut_val *base, const yyjson_val *patch) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(json_loose(patch), index, max, key, value) {
        yyjson_mut_val *there = yyjson_mut_obj_getn(base, yyjson_get_str(key), yyjson_get_len(key));
        const struct merge_list *row = merge_list_of(key);
        bool is_removal = yyjson_is_null(value) || (yyjson_is_arr(value) && yyjson_arr_size(value) == 0 && !row);
        if (is_removal)
            yyjson_mut_obj_remove_keyn(base, yyjson_get_str(key), yyjson_get_len(key));
        else if (row && yyjson_is_arr(value))
            merge_list(build, row, base, key, value);
        else if (yyjson_is_obj(value) && yyjson_mut_is_obj(there)) {
            drop_other_handlers(there, key, value);
            overlay_apply(build, there, value);
        } else
            yyjson_mut_obj_put(base, yyjson_val_mut_copy(build->doc, key), yyjson_val_mut_copy(build->doc, value));
    }
}

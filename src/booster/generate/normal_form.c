#include "booster/generate/parts.h"

#include <stdlib.h>

#include "base/hash.h"

struct member {
    yyjson_mut_val *key, *value;
};

static struct str key_text(yyjson_mut_val *key) {
    return (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
}

static int compare_members(const void *a, const void *b) {
    return str_compare(key_text(((const struct member *)a)->key), key_text(((const struct member *)b)->key));
}

/* Most objects have few keys and nearly in order; qsort is for what a user makes large. */
static void sort_members(struct member *members, size_t count) {
    enum { FEW = 24 };
    if (count > FEW) {
        qsort(members, count, sizeof *members, compare_members);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct member moved = members[i];
        size_t at = i;
        for (; at > 0 && compare_members(&members[at - 1], &moved) > 0; at--) members[at] = members[at - 1];
        members[at] = moved;
    }
}

static void normalize_object(struct arena *arena, yyjson_mut_val *object);

/* Recursion is bounded by the depth of the documents that the values come from. */
static void normalize(struct arena *arena, yyjson_mut_val *value) {
    size_t index, max;
    yyjson_mut_val *item;
    if (yyjson_mut_is_obj(value)) normalize_object(arena, value);
    if (!yyjson_mut_is_arr(value)) return;
    yyjson_mut_arr_foreach(value, index, max, item) {
        if (yyjson_mut_is_ctn(item)) normalize(arena, item);
    }
}

static void reorder(struct arena *arena, yyjson_mut_val *object) {
    size_t index, max, count = 0;
    yyjson_mut_val *key, *value;
    struct member *members = arena_array(arena, yyjson_mut_obj_size(object), sizeof *members);
    if (!members) return;
    yyjson_mut_obj_foreach(object, index, max, key, value) {
        if (!yyjson_mut_is_null(value)) members[count++] = (struct member){key, value};
    }
    sort_members(members, count);
    yyjson_mut_obj_clear(object);
    for (size_t i = 0; i < count; i++) yyjson_mut_obj_add(object, members[i].key, members[i].value);
}

static void normalize_object(struct arena *arena, yyjson_mut_val *object) {
    size_t index, max;
    yyjson_mut_val *key, *value;
    struct str last = STR_EMPTY;
    bool is_normal = true;
    yyjson_mut_obj_foreach(object, index, max, key, value) {
        if (yyjson_mut_is_ctn(value)) normalize(arena, value);
        is_normal = is_normal && !yyjson_mut_is_null(value) && str_compare(last, key_text(key)) <= 0;
        last = key_text(key);
    }
    if (!is_normal) reorder(arena, object);
}

yyjson_val *normal_freeze(struct arena *arena, yyjson_mut_val *value) {
    normalize(arena, value);
    return json_freeze(arena, value);
}

/* The members are in order already. */
static void write_members(struct strbuf *out, struct str name, yyjson_val *object, const char *left_out) {
    size_t index, max;
    yyjson_val *key, *value;
    json_write_text(out, name);
    strbuf_append(out, STR(":{"));
    yyjson_obj_foreach(object, index, max, key, value) {
        if (left_out && json_is_text(key, left_out)) continue;
        json_write_text(out, json_text(key));
        strbuf_append_char(out, ':');
        json_write(out, value);
        strbuf_append_char(out, ',');
    }
    strbuf_append_char(out, '}');
}

static uint64_t hash_text(struct arena *arena, struct strbuf *text) {
    if (text->failed) arena->exhausted = true;
    uint64_t hash = hash_xxh3(strbuf_view(text));
    strbuf_release(text);
    return hash;
}

uint64_t normal_revision(struct arena *arena, const struct child *child) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_val *metadata = json_get(child->object, "metadata");
    write_members(&text, STR("annotations"), json_get(metadata, "annotations"), ANNOTATION_REPLICAS_BEFORE_SUSPEND);
    write_members(&text, STR("labels"), json_get(metadata, "labels"), LABEL_REVISION);
    write_members(&text, STR("spec"), json_get(child->object, "spec"), child->is_replicas_range ? "replicas" : NULL);
    return hash_text(arena, &text);
}

static void write_texts(struct strbuf *out, const struct str *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_write_text(out, texts[i]);
        strbuf_append_char(out, ',');
    }
}

static void write_values(struct strbuf *out, yyjson_val *const *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_write_canonical(out, values[i]);
        strbuf_append_char(out, ',');
    }
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void write_worker(struct strbuf *out, const struct worker *worker) {
    if (!worker) return;
    yyjson_val *const values[] = {worker->resources, worker->affinity, worker->tolerations, worker->node_selector, worker->config};
    strbuf_printf(out, "[%d,%lld,%lld,", (int)worker->type, (long long)worker->replicas, (long long)worker->pods);
    write_texts(out, &worker->image, 1);
    write_values(out, values, COUNT_OF(values));
    strbuf_append_char(out, ']');
}

uint64_t generate_input_hash(struct arena *arena, const struct booster *booster, const struct backend *backend) {
    const struct str texts[] = {booster->name,
                                backend->name,
                                backend_served_name(booster, backend),
                                backend->model_uri,
                                backend->cache_uri,
                                backend->scheduler_name,
                                backend->runtime_class_name};
    yyjson_val *const values[] = {
        backend->env,         backend->env_from, backend->gang_min_role_replicas, backend->network_topology, backend->topology_spread,
        backend->pod_template};
    const struct role *roles;
    size_t role_count = backend_roles(backend->type, &roles);
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_printf(&text, "[%d,%d,", (int)backend->type, backend->gang_enabled);
    write_texts(&text, texts, COUNT_OF(texts));
    write_values(&text, values, COUNT_OF(values));
    for (size_t i = 0; i < role_count; i++) write_worker(&text, backend_worker(backend, roles[i].worker));
    for (size_t i = 0; i < backend->lora_adapter_count; i++) {
        const struct lora_adapter *adapter = &backend->lora_adapters[i];
        write_texts(&text, (const struct str[]){adapter->name, adapter->artifact_url}, 2);
    }
    strbuf_append_char(&text, ']');
    return hash_text(arena, &text);
}

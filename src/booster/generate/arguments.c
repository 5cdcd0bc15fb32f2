#include "booster/generate/parts.h"

#include <stdlib.h>
#include <string.h>

/* What an engine is told where config does not say otherwise: the runtime listens there for KV cache events (reference 5.7). */
#define KV_EVENTS_CONFIG "{\"enable_kv_cache_events\":true,\"publisher\":\"zmq\",\"topic\":\"kv-events\",\"endpoint\":\"tcp://*:5557\"}"

/* `prefix` and the key, `_` as `-`. */
static struct str argument_name(struct arena *arena, const char *prefix, struct str key) {
    size_t prefix_bytes = strlen(prefix);
    char *text = arena_alloc(arena, prefix_bytes + key.len + 1);
    if (!text) return STR_EMPTY;
    memcpy(text, prefix, prefix_bytes);
    for (size_t i = 0; i < key.len; i++) text[prefix_bytes + i] = key.ptr[i] == '_' ? '-' : key.ptr[i];
    return (struct str){text, prefix_bytes + key.len};
}

/* Numbers by value, lists and objects as compact JSON; their keys sorted, as an API server hands them out. */
static struct str value_text(struct arena *arena, yyjson_val *value) {
    if (yyjson_is_str(value)) return json_text(value);
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write_canonical(&text, value);
    return strbuf_take(&text, arena);
}

/* SPEC section 3: text, number, object and list have a value; "" and true are a flag, false is its negation, null is nothing. */
static void add_argument(const struct build *build, yyjson_val *key, yyjson_val *value, yyjson_mut_val *words) {
    if (yyjson_is_null(value)) return;
    add_word(build, words, argument_name(build->arena, yyjson_is_false(value) ? "--no-" : "--", json_text(key)));
    if (yyjson_is_bool(value)) return;
    struct str text = value_text(build->arena, value);
    if (text.len) add_word(build, words, text);
}

static int compare_keys(const void *a, const void *b) {
    return str_compare(json_text(*(yyjson_val *const *)a), json_text(*(yyjson_val *const *)b));
}

static void add_config(const struct build *build, yyjson_val *config, yyjson_mut_val *words) {
    size_t index, max;
    yyjson_val *key, *value;
    size_t count = yyjson_obj_size(config);
    yyjson_val **keys = arena_array(build->arena, count, sizeof *keys);
    if (!keys || !count) return;
    yyjson_obj_foreach(config, index, max, key, value) keys[index] = key;
    qsort(keys, count, sizeof(yyjson_val *), compare_keys);
    for (size_t i = 0; i < count; i++) add_argument(build, keys[i], yyjson_obj_iter_get_val(keys[i]), words);
}

/* Only where config has nothing under that name. */
static void add_default(const struct build *build, const struct worker *worker, const char *argument, struct str value,
                        yyjson_mut_val *words) {
    if (worker_config(worker, argument)) return;
    add_word(build, words, argument_name(build->arena, "--", str_of(argument)));
    if (value.len) add_word(build, words, value);
}

static void add_lora(const struct serving *serving, const struct worker *worker, yyjson_mut_val *words) {
    const struct build *build = serving->build;
    const struct backend *backend = serving->backend;
    if (!backend->lora_adapter_count || serving->storage.count <= backend->lora_adapter_count) return;
    add_default(build, worker, "enable-lora", STR_EMPTY, words);
    add_word(build, words, STR("--lora-modules"));
    for (size_t i = 0; i < backend->lora_adapter_count; i++) {
        const struct source *source = &serving->storage.sources[i + 1];
        add_word(build, words, arena_join(build->arena, backend->lora_adapters[i].name, STR("="), source->path));
    }
}

void add_arguments(const struct serving *serving, const struct worker *worker, yyjson_mut_val *words) {
    const struct build *build = serving->build;
    add_config(build, worker->config, words);
    /* Else vLLM serves the model under its path, and the router, which asks for this name, gets 404 (D35). */
    add_default(build, worker, "served-model-name", backend_served_name(build->booster, serving->backend), words);
    if (worker->pods > 1) add_default(build, worker, "distributed-executor-backend", STR("ray"), words);
    add_default(build, worker, "kv-events-config", STR(KV_EVENTS_CONFIG), words);
    add_lora(serving, worker, words);
}

static bool is_plain(struct str word) {
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == '\0' || !strchr("@%+=:,./-_", c))) return false;
    }
    return word.len > 0;
}

static void append_quoted(struct strbuf *line, struct str word) {
    strbuf_append_char(line, '\'');
    for (;;) {
        size_t quote = str_find(word, STR("'"));
        strbuf_append(line, str_first(word, quote));
        if (quote == SIZE_MAX) break;
        strbuf_append(line, STR("'\\''"));
        word = str_from(word, quote + 1);
    }
    strbuf_append_char(line, '\'');
}

void shell_append_words(struct strbuf *line, yyjson_mut_val *words) {
    size_t index, max;
    yyjson_mut_val *value;
    yyjson_mut_arr_foreach(words, index, max, value) {
        struct str word = {yyjson_mut_get_str(value), yyjson_mut_get_len(value)};
        if (index) strbuf_append_char(line, ' ');
        if (is_plain(word))
            strbuf_append(line, word);
        else
            append_quoted(line, word);
    }
}

#include "cli/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "data/yaml_quote.h"
#include "data/yaml_read.h"
#include "io/files.h"

enum { CONFIG_MAX_BYTES = 1024 * 1024, LABEL_BYTES = 512, ITEMS_MAX = 10000, COMMENT_COLUMN = 44 };

#define VARIABLE_PREFIX "MODEL_BOOSTER_"

/* ---- the file ---- */

struct reading {
    struct arena *arena;
    const struct flag *flags;
    const bool *given;
    struct config *config;
    struct yaml_document document;
    struct error *error;
};

static unsigned line_of(const struct reading *reading, const yyjson_val *value) {
    return yaml_position_of(&reading->document, value).line;
}

static bool wrong(const struct reading *reading, const yyjson_val *at, const char *name, const char *words) {
    return error_set(reading->error, ERROR_INVALID, "%s:%u: %s%s", reading->config->file, line_of(reading, at), name, words);
}

/* What a flag's value may be in YAML, as words; NULL where this one is of that type. */
static const char *type_trouble(const struct flag *flag, const yyjson_val *value_read) {
    yyjson_val *value = json_loose(value_read);
    switch (flag->kind) {
    case FLAG_SWITCH: return yyjson_is_bool(value) ? NULL : " is neither true nor false";
    case FLAG_NUMBER: return yyjson_is_int(value) ? NULL : " is no whole number";
    default: return yyjson_is_str(value) ? NULL : " is no text; write it in quotes";
    }
}

/* As it would stand on the command line. */
static struct str value_text(struct arena *arena, const yyjson_val *value) {
    if (yyjson_is_bool(json_loose(value))) return yyjson_get_bool(json_loose(value)) ? STR("true") : STR("false");
    if (yyjson_is_str(json_loose(value))) return arena_copy(arena, json_text(value));
    struct strbuf text = strbuf_with_max(LABEL_BYTES);
    json_write_number(&text, value);
    return strbuf_take(&text, arena);
}

static bool store_from_file(const struct reading *reading, const struct flag *flag, const yyjson_val *value, size_t room) {
    char label[LABEL_BYTES];
    const char *trouble = type_trouble(flag, value);
    struct str text = value_text(reading->arena, value);
    if (!trouble && strlen(text.ptr) != text.len) trouble = " holds a NUL character";
    if (trouble) return wrong(reading, value, flag->name, trouble);
    snprintf(label, sizeof label, "%s:%u: %s", reading->config->file, line_of(reading, value), flag->name);
    return flags_store(reading->arena, flag, label, text.ptr, room, reading->error);
}

static bool store_list_from_file(const struct reading *reading, const struct flag *flag, yyjson_val *list) {
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list)) return store_from_file(reading, flag, list, 1);
    yyjson_arr_foreach(list, index, max, item) {
        if (!store_from_file(reading, flag, item, yyjson_arr_size(list))) return false;
    }
    return true;
}

static bool take_key(const struct reading *reading, const yyjson_val *key, yyjson_val *value) {
    const char *nearest;
    const struct flag *flag = flags_find(reading->flags, json_text(key), &nearest);
    if (!flag || flag->is_typed_only || flag->out.text == &reading->config->file) {
        char words[LABEL_BYTES];
        snprintf(words, sizeof words,
                 flag      ? " is for the command line alone"
                 : nearest ? " is no setting; did you mean %s?"
                           : " is no setting; --help lists them",
                 nearest);
        return wrong(reading, key, QUOTE(json_text(key)), words);
    }
    size_t row = (size_t)(flag - reading->flags);
    if (yyjson_is_null(value)) return wrong(reading, key, flag->name, " has no value; write one, or remove the line");
    if (reading->given[row]) return true;
    reading->config->origins[row] = (struct config_origin){CONFIG_FILE, line_of(reading, key), NULL};
    return flag->kind == FLAG_LIST ? store_list_from_file(reading, flag, value) : store_from_file(reading, flag, value, 1);
}

static bool read_document(struct reading *reading, const char *path) {
    struct str text;
    struct yaml_documents documents;
    struct error *error = reading->error;
    if (!files_read(reading->arena, path, CONFIG_MAX_BYTES, &text, error)) return false;
    if (!yaml_read(reading->arena, text, &documents, error)) {
        struct error inner = *error;
        return error_set(error, inner.kind, "%s:%u:%u: %s", path, inner.line, inner.column, inner.message);
    }
    if (documents.count > 1) return error_set(error, ERROR_INVALID, "%s holds %zu documents; write one", path, documents.count);
    if (documents.count) reading->document = documents.items[0];
    return true;
}

static bool take_file(struct reading *reading, const char *path) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!read_document(reading, path)) return false;
    if (!reading->document.root) return true;
    if (!yyjson_is_obj(reading->document.root))
        return wrong(reading, reading->document.root, "", "no settings; write lines as log-level: debug");
    yyjson_obj_foreach(reading->document.root, index, max, key, value) {
        if (!take_key(reading, key, value)) return false;
    }
    return true;
}

/* ---- the environment ---- */

/* "max-in-flight" -> "MODEL_BOOSTER_MAX_IN_FLIGHT" */
static const char *variable_of(struct arena *arena, const char *name) {
    struct strbuf text = strbuf_with_max(LABEL_BYTES);
    strbuf_append(&text, STR(VARIABLE_PREFIX));
    for (; *name; name++) strbuf_append_char(&text, *name == '-' ? '_' : (char)toupper((unsigned char)*name));
    return strbuf_take(&text, arena).ptr;
}

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value && *value;
}

static bool store_from_environment(const struct reading *reading, const struct flag *flag, const char *variable) {
    struct str rest = str_of(getenv(variable));
    char label[LABEL_BYTES];
    snprintf(label, sizeof label, "environment %s", variable);
    while (rest.len) {
        size_t comma = flag->kind == FLAG_LIST ? str_find(rest, STR(",")) : SIZE_MAX;
        struct str value = arena_copy(reading->arena, str_first(rest, comma));
        if (!flags_store(reading->arena, flag, label, value.ptr, ITEMS_MAX, reading->error)) return false;
        rest = comma == SIZE_MAX ? STR_EMPTY : str_from(rest, comma + 1);
    }
    return true;
}

static bool take_environment(const struct reading *reading, size_t row) {
    const struct flag *flag = &reading->flags[row];
    const char *variable = variable_of(reading->arena, flag->name);
    if (!is_set(variable)) variable = flag->variable;
    if (!variable || !is_set(variable)) return true;
    reading->config->origins[row] = (struct config_origin){CONFIG_ENVIRONMENT, 0, variable};
    return store_from_environment(reading, flag, variable);
}

static bool is_configurable(const struct flag *flag) {
    return flag->kind != FLAG_WORDS && !flag->is_typed_only;
}

bool config_complete(struct arena *arena, const struct flag *flags, const bool *given, struct config *config, struct error *error) {
    struct reading reading = {.arena = arena, .flags = flags, .given = given, .config = config, .error = error};
    size_t count = flags_count(flags);
    config->origins = arena_array(arena, count + 1, sizeof *config->origins);
    if (!config->origins) return error_set(error, ERROR_MEMORY, "out of memory for flags");
    for (size_t row = 0; row < count; row++) {
        if (given[row]) config->origins[row].source = CONFIG_FLAG;
        if (flags[row].out.text == &config->file && !given[row] && !take_environment(&reading, row)) return false;
    }
    if (config->file && !take_file(&reading, config->file)) return false;
    for (size_t row = 0; row < count; row++) {
        bool is_open = is_configurable(&flags[row]) && config->origins[row].source == CONFIG_DEFAULT;
        if (is_open && !take_environment(&reading, row)) return false;
    }
    return true;
}

/* ---- printing ---- */

static void print_text(struct strbuf *out, struct str text) {
    /* As a key: on one line, whatever it holds. */
    yaml_quote(&(struct yaml_text){.out = out}, text, YAML_QUOTE_KEY, 0);
}

/* In quotes, as anything may be a bracket's or a comma's meaning; in YAML's own where there are characters that JSON leaves as they are. */
static void print_item(struct strbuf *out, struct str text) {
    struct strbuf quoted = strbuf_with_max(CONFIG_MAX_BYTES);
    print_text(&quoted, text);
    if (str_starts_with(strbuf_view(&quoted), STR("\"")))
        strbuf_append(out, strbuf_view(&quoted));
    else
        json_write_text(out, text);
    out->failed = out->failed || quoted.failed;
    strbuf_release(&quoted);
}

static void print_list(struct strbuf *out, const struct flag_list *list) {
    strbuf_append_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i) strbuf_append(out, STR(", "));
        print_item(out, str_of(list->items[i]));
    }
    strbuf_append_char(out, ']');
}

static struct str choice_of(const struct flag *flag) {
    struct str rest = str_of(flag->argument);
    for (int index = *flag->out.choice; index > 0; index--) rest = str_from(rest, str_find(rest, STR("|")) + 1);
    return str_first(rest, str_find(rest, STR("|")));
}

/* False where there is none: an optional text that nobody gave. */
static bool print_value(struct strbuf *out, const struct flag *flag) {
    switch (flag->kind) {
    case FLAG_SWITCH: strbuf_append(out, *flag->out.is_on ? STR("true") : STR("false")); return true;
    case FLAG_NUMBER: strbuf_printf(out, "%d", *flag->out.number); return true;
    case FLAG_CHOICE: print_text(out, choice_of(flag)); return true;
    case FLAG_TEXT:
        if (*flag->out.text) print_text(out, str_of(*flag->out.text));
        return *flag->out.text;
    case FLAG_LIST:
        if (flag->out.list->count) print_list(out, flag->out.list);
        return flag->out.list->count;
    case FLAG_WORDS: break;
    }
    return false;
}

static struct str origin_text(struct arena *arena, const struct config *config, const struct config_origin *origin) {
    switch (origin->source) {
    case CONFIG_FLAG: return STR("flag");
    case CONFIG_FILE: return arena_printf(arena, "%s:%u", config->file, origin->line);
    case CONFIG_ENVIRONMENT: return arena_printf(arena, "environment %s", origin->variable);
    case CONFIG_DEFAULT: break;
    }
    return STR("default");
}

static bool is_printed(const struct flag *flag, const struct config *config) {
    return is_configurable(flag) && flag->out.text != &config->file;
}

static void print_row(struct strbuf *out, const struct flag *flag, struct str origin) {
    struct strbuf value = strbuf_with_max(CONFIG_MAX_BYTES);
    size_t start = out->len;
    bool has_value = print_value(&value, flag);
    strbuf_printf(out, has_value ? "%s: " : "# %s:", flag->name);
    strbuf_append(out, strbuf_view(&value));
    size_t written = out->len - start;
    strbuf_printf(out, "%*s  # %.*s\n", (int)(written < COMMENT_COLUMN ? COMMENT_COLUMN - written : 0), "",
                  STR_ARG(has_value ? origin : STR("not set")));
    out->failed = out->failed || value.failed;
    strbuf_release(&value);
}

void config_print(struct strbuf *out, const struct flag *flags, const struct config *config) {
    struct arena arena;
    arena_init(&arena, CONFIG_MAX_BYTES);
    for (size_t row = 0; flags[row].name; row++) {
        if (is_printed(&flags[row], config)) print_row(out, &flags[row], origin_text(&arena, config, &config->origins[row]));
    }
    arena_release(&arena);
}

static yyjson_mut_val *value_json(yyjson_mut_doc *doc, const struct flag *flag) {
    switch (flag->kind) {
    case FLAG_SWITCH: return yyjson_mut_bool(doc, *flag->out.is_on);
    case FLAG_NUMBER: return yyjson_mut_sint(doc, *flag->out.number);
    case FLAG_CHOICE: return json_make_text(doc, choice_of(flag));
    case FLAG_TEXT: return *flag->out.text ? yyjson_mut_str(doc, *flag->out.text) : yyjson_mut_null(doc);
    case FLAG_LIST:
    case FLAG_WORDS: break;
    }
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < flag->out.list->count; i++) yyjson_mut_arr_add_str(doc, list, flag->out.list->items[i]);
    return list;
}

yyjson_mut_val *config_json(struct arena *arena, yyjson_mut_doc *doc, const struct flag *flags, const struct config *config) {
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    for (size_t row = 0; flags[row].name; row++) {
        if (!is_printed(&flags[row], config)) continue;
        yyjson_mut_val *setting = yyjson_mut_obj_add_obj(doc, object, flags[row].name);
        yyjson_mut_obj_add_val(doc, setting, "value", value_json(doc, &flags[row]));
        json_add_text(doc, setting, "from", origin_text(arena, config, &config->origins[row]));
    }
    return object;
}

/* "MODEL_BOOSTER_LOG_LEVLE" -> "log-levle"; empty: none of ours. */
static struct str name_of_variable(struct arena *arena, const char *entry) {
    struct str variable = str_first(str_of(entry), str_find(str_of(entry), STR("=")));
    if (!str_starts_with(variable, STR(VARIABLE_PREFIX))) return STR_EMPTY;
    struct strbuf text = strbuf_with_max(LABEL_BYTES);
    for (size_t i = strlen(VARIABLE_PREFIX); i < variable.len; i++)
        strbuf_append_char(&text, variable.ptr[i] == '_' ? '-' : (char)tolower((unsigned char)variable.ptr[i]));
    struct str copy = text.failed ? STR_EMPTY : arena_copy(arena, strbuf_view(&text));
    strbuf_release(&text);
    return copy;
}

bool config_next_slip(struct arena *arena, const struct flag *flags, size_t *at, struct str *out_variable, struct str *out_meant) {
    while (environ[*at]) {
        const char *entry = environ[(*at)++], *nearest = NULL;
        struct str name = name_of_variable(arena, entry);
        if (!name.len || flags_find(flags, name, &nearest) || !nearest) continue;
        *out_variable = str_first(str_of(entry), str_find(str_of(entry), STR("=")));
        *out_meant = str_of(variable_of(arena, nearest));
        return true;
    }
    return false;
}

struct str config_label(struct arena *arena, const struct flag *flags, const struct config *config, const char *name) {
    const char *nearest;
    const struct flag *flag = flags_find(flags, str_of(name), &nearest);
    if (!flag) return str_of(name);
    const struct config_origin *origin = &config->origins[flag - flags];
    struct str from = origin_text(arena, config, origin);
    switch (origin->source) {
    case CONFIG_FILE: return arena_printf(arena, "%.*s: %s", STR_ARG(from), name);
    case CONFIG_ENVIRONMENT: return from;
    case CONFIG_FLAG:
    case CONFIG_DEFAULT: break;
    }
    return arena_printf(arena, "--%s", name);
}

int config_complain(const char *command, const struct flag *flags, const struct config *config, const struct error *error) {
    struct arena arena;
    arena_init(&arena, CONFIG_MAX_BYTES);
    struct str label = config_label(&arena, flags, config, error->path);
    fprintf(stderr, "model-booster %s: %.*s%s%s\n", command, STR_ARG(label), label.len ? ": " : "", error->message);
    arena_release(&arena);
    return EXIT_UNABLE;
}

struct str config_help(void) {
    return STR(
        "\nEach flag may stand in the file of --config (max-in-flight: 8), too, or in the environment (MODEL_BOOSTER_MAX_IN_FLIGHT=8):\n"
        "flags are stronger than the file, the file is stronger than the environment.\n");
}

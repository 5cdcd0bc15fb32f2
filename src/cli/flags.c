#include "cli/flags.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/strbuf.h"
#include "booster/names.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/output.h"
#include "cli/suggest.h"

enum { HELP_BYTES = 64 * 1024, HELP_COLUMN = 36, LABEL_BYTES = 96, NAMESPACE_MAX_BYTES = 63 };

struct spelled {
    const struct flag *flag;
    const char *value; /* attached with = or to the letter; NULL: not attached */
};

static const char *nearest_to(const struct flag *flags, struct str name) {
    struct arena scratch;
    arena_init(&scratch, HELP_BYTES);
    const char *nearest = NULL;
    if (name.len < HELP_BYTES / 2) {
        struct str typed = arena_copy(&scratch, name);
        for (const struct flag *flag = flags; flag->name && typed.len; flag++) nearest = suggest_nearer(typed.ptr, nearest, flag->name);
        /* Cut short, as other tools allow it. */
        for (const struct flag *flag = flags; flag->name && !nearest && typed.len > 1; flag++)
            if (str_starts_with(str_of(flag->name), typed)) nearest = flag->name;
    }
    arena_release(&scratch);
    return nearest;
}

const struct flag *flags_find(const struct flag *flags, struct str name, const char **out_nearest) {
    for (const struct flag *flag = flags; flag->name; flag++) {
        if (flag->kind != FLAG_WORDS && str_is(name, flag->name)) return flag;
    }
    *out_nearest = nearest_to(flags, name);
    return NULL;
}

size_t flags_count(const struct flag *flags) {
    size_t count = 0;
    while (flags[count].name) count++;
    return count;
}

static bool find_long(const struct flag *flags, const char *text, struct spelled *out, struct error *error) {
    const char *equals = strchr(text, '='), *nearest;
    struct str name = equals ? (struct str){text, (size_t)(equals - text)} : str_of(text);
    *out = (struct spelled){flags_find(flags, name, &nearest), equals ? equals + 1 : NULL};
    if (out->flag) return true;
    if (nearest) return error_set(error, ERROR_INVALID, "no flag %s; did you mean --%s?", QUOTE(name), nearest);
    return error_set(error, ERROR_INVALID, "no flag %s; --help lists them", QUOTE(name));
}

static bool find_short(const struct flag *flags, const char *text, struct spelled *out, struct error *error) {
    for (const struct flag *flag = flags; flag->name; flag++) {
        if (flag->letter && flag->letter == text[0]) {
            const char *rest = text[1] == '=' ? text + 2 : text + 1;
            *out = (struct spelled){flag, text[1] ? rest : NULL};
            return true;
        }
    }
    return error_set(error, ERROR_INVALID, "no flag %s; --help lists them", QUOTE(str_of(text)));
}

static bool store_switch(const struct flag *flag, const char *label, const char *value, struct error *error) {
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return error_set(error, ERROR_INVALID, "%s is %s; write true or false", label, QUOTE(str_of(value)));
    *flag->out.is_on = strcmp(value, "true") == 0;
    return true;
}

static bool store_number(const struct flag *flag, const char *label, const char *value, struct error *error) {
    int64_t number;
    if (!number_parse_int64(str_of(value), &number) || number < flag->minimum || number > flag->maximum)
        return error_set(error, ERROR_INVALID, "%s is %s; write a number from %d to %d", label, QUOTE(str_of(value)), flag->minimum,
                         flag->maximum);
    *flag->out.number = (int)number;
    return true;
}

static bool store_choice(const struct flag *flag, const char *label, const char *value, struct error *error) {
    int index = 0;
    for (const char *word = flag->argument; *word; index++) {
        size_t len = strcspn(word, "|");
        if (str_is((struct str){word, len}, value)) {
            *flag->out.choice = index;
            return true;
        }
        word += len + (word[len] == '|');
    }
    return error_set(error, ERROR_INVALID, "%s is %s; write one of %s", label, QUOTE(str_of(value)), flag->argument);
}

/* `room` is how many items the list may need in all. */
static bool store_item(struct arena *arena, const struct flag *flag, const char *value, size_t room, struct error *error) {
    struct flag_list *list = flag->out.list;
    if (!list->items) list->items = arena_array(arena, room, sizeof *list->items);
    if (!list->items) return error_set(error, ERROR_MEMORY, "out of memory for flags");
    list->items[list->count++] = value;
    return true;
}

static bool is_namespace(const char *label, struct str name, struct error *error) {
    if (name.len <= NAMESPACE_MAX_BYTES && name_is_lower_alnum_dash(name)) return true;
    return error_set(error, ERROR_INVALID, "%s is %s; write at most %d of a-z, 0-9 and - (a letter or digit at both ends)", label,
                     QUOTE(name), NAMESPACE_MAX_BYTES);
}

bool flags_store(struct arena *arena, const struct flag *flag, const char *label, const char *value, size_t room, struct error *error) {
    if (!*value) return error_set(error, ERROR_INVALID, "%s is empty; write %s", label, flag->argument ? flag->argument : "true or false");
    if (flag->is_namespace && !is_namespace(label, str_of(value), error)) return false;
    switch (flag->kind) {
    case FLAG_SWITCH: return store_switch(flag, label, value, error);
    case FLAG_TEXT: *flag->out.text = value; return true;
    case FLAG_LIST:
    case FLAG_WORDS: return store_item(arena, flag, value, room, error);
    case FLAG_NUMBER: return store_number(flag, label, value, error);
    case FLAG_CHOICE: return store_choice(flag, label, value, error);
    }
    return false;
}

static bool takes_files(const struct flag *flags) {
    while (flags->name && flags->letter != 'f') flags++;
    return flags->name;
}

static bool store_word(struct arena *arena, const struct flag *flags, const char *word, size_t room, struct error *error) {
    for (const struct flag *flag = flags; flag->name; flag++)
        if (flag->kind == FLAG_WORDS) return store_item(arena, flag, word, room, error);
    return error_set(error, ERROR_INVALID, "%s is no flag; %s--help lists the flags", QUOTE(str_of(word)),
                     takes_files(flags) ? "files are given with -f FILE, and " : "");
}

enum flags_result flags_read(struct arena *arena, const struct flag *flags, int argc, char **argv, bool *given, struct error *error) {
    bool is_over = false;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        struct spelled spelled = {0};
        if (!is_over && (strcmp(text, "-h") == 0 || strcmp(text, "--help") == 0)) return FLAGS_HELP;
        if (is_over || text[0] != '-' || !text[1]) {
            if (!store_word(arena, flags, text, (size_t)argc, error)) return FLAGS_WRONG;
            continue;
        }
        is_over = strcmp(text, "--") == 0;
        if (is_over) continue;
        if (!(text[1] == '-' ? find_long(flags, text + 2, &spelled, error) : find_short(flags, text + 1, &spelled, error)))
            return FLAGS_WRONG;
        if (!spelled.value && spelled.flag->kind == FLAG_SWITCH) spelled.value = "true";
        if (!spelled.value && i + 1 < argc) spelled.value = argv[++i];
        if (!spelled.value) {
            error_set(error, ERROR_INVALID, "--%s needs a value: --%s %s", spelled.flag->name, spelled.flag->name, spelled.flag->argument);
            return FLAGS_WRONG;
        }
        char label[LABEL_BYTES];
        snprintf(label, sizeof label, "--%s", spelled.flag->name);
        if (!flags_store(arena, spelled.flag, label, spelled.value, (size_t)argc, error)) return FLAGS_WRONG;
        if (given) given[spelled.flag - flags] = true;
    }
    return FLAGS_READ;
}

static void describe_flag(struct strbuf *out, const struct flag *flag) {
    if (flag->kind == FLAG_WORDS) return;
    size_t start = out->len;
    if (flag->letter)
        strbuf_printf(out, "  -%c, --%s", flag->letter, flag->name);
    else
        strbuf_printf(out, "      --%s", flag->name);
    if (flag->argument) strbuf_printf(out, " %s", flag->argument);
    if (out->len - start >= HELP_COLUMN) {
        strbuf_append_char(out, '\n');
        start = out->len;
    }
    size_t written = out->len - start;
    strbuf_printf(out, "%*s%s\n", (int)(HELP_COLUMN - written), "", flag->help);
}

static int print_help(const struct usage *usage, bool has_config) {
    struct strbuf out = strbuf_with_max(HELP_BYTES);
    strbuf_printf(&out, "%s\n\nUsage:\n  model-booster %s\n\nFlags:\n", usage->description, usage->synopsis);
    for (const struct flag *flag = usage->flags; flag->name; flag++) describe_flag(&out, flag);
    describe_flag(&out, &(struct flag){.name = "help", .letter = 'h', .help = "this text"});
    if (has_config) strbuf_append(&out, config_help());
    strbuf_printf(&out, "\nExamples:\n%s", usage->examples);
    int status = output_finish(&out, EXIT_CLEAN);
    strbuf_release(&out);
    return status;
}

static enum flags_result read_all(struct arena *arena, const struct flag *flags, struct config *config, int argc, char **argv,
                                  struct error *error) {
    bool *given = arena_array(arena, flags_count(flags) + 1, sizeof *given);
    if (!given) return error_set(error, ERROR_MEMORY, "out of memory for flags"), FLAGS_WRONG;
    enum flags_result result = flags_read(arena, flags, argc, argv, given, error);
    if (result != FLAGS_READ || !config) return result;
    return config_complete(arena, flags, given, config, error) ? FLAGS_READ : FLAGS_WRONG;
}

bool flags_start_with(struct arena *arena, const struct usage *usage, struct config *config, int argc, char **argv, int *out_status) {
    struct error error = {0};
    switch (read_all(arena, usage->flags, config, argc, argv, &error)) {
    case FLAGS_READ: return true;
    case FLAGS_HELP: *out_status = print_help(usage, config); return false;
    case FLAGS_WRONG: break;
    }
    fprintf(stderr, "model-booster %s: %s\n", argv[0], error.message);
    *out_status = EXIT_UNABLE;
    return false;
}

bool flags_start(struct arena *arena, const struct usage *usage, int argc, char **argv, int *out_status) {
    return flags_start_with(arena, usage, NULL, argc, argv, out_status);
}

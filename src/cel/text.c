#include "cel/text.h"

#include <math.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Positions are counted in characters (runes), as in cel-go. */

enum { MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 8 * 1024 };

#define BODY(name) bool name(struct run *run, const struct value *arguments, size_t count, struct value *out)

static bool give_text(struct value *out, struct str text) {
    *out = (struct value){.kind = CEL_STRING, .text = text};
    return true;
}

static bool out_of_memory(struct run *run) {
    return error_set(run->error, ERROR_MEMORY, "memory is out");
}

struct str text_of_double(struct arena *arena, double real) {
    if (isnan(real)) return STR("NaN");
    if (isinf(real)) return real > 0 ? STR("+Inf") : STR("-Inf");
    int exponent = real == 0 ? 0 : (int)floor(log10(fabs(real)));
    bool is_scientific = exponent < -4 || exponent >= 21;
    for (int digits = 1; digits <= 17; digits++) {
        int decimals = digits - 1 - exponent;
        struct str text =
            is_scientific ? arena_printf(arena, "%.*e", digits - 1, real) : arena_printf(arena, "%.*f", decimals > 0 ? decimals : 0, real);
        if (text.len && strtod(text.ptr, NULL) == real) return text;
    }
    return arena_printf(arena, "%.17g", real);
}

BODY(text_contains) {
    (void)run, (void)count;
    return give_bool(out, str_contains(arguments[0].text, arguments[1].text));
}

BODY(text_starts_with) {
    (void)run, (void)count;
    return give_bool(out, str_starts_with(arguments[0].text, arguments[1].text));
}

BODY(text_ends_with) {
    (void)run, (void)count;
    return give_bool(out, str_ends_with(arguments[0].text, arguments[1].text));
}

/* The byte at which the rune of this index begins; SIZE_MAX beyond the end. */
static size_t byte_of_rune(struct str text, int64_t index) {
    if (index < 0) return SIZE_MAX;
    size_t at = 0;
    for (int64_t rune = 0; rune < index; rune++) {
        if (at >= text.len) return SIZE_MAX;
        at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80) at++;
    }
    return at;
}

static bool refuse_index(struct run *run, int64_t index) {
    return error_set(run->error, ERROR_INVALID, "index out of range: %lld", (long long)index);
}

BODY(text_char_at) {
    (void)count;
    struct str text = arguments[0].text;
    size_t at = byte_of_rune(text, arguments[1].integer), end;
    if (at == SIZE_MAX) return refuse_index(run, arguments[1].integer);
    end = at < text.len ? byte_of_rune(text, arguments[1].integer + 1) : at;
    return give_text(out, (struct str){text.ptr + at, end - at});
}

BODY(text_index_of) {
    struct str text = arguments[0].text;
    size_t from = count > 2 ? byte_of_rune(text, arguments[2].integer) : 0;
    if (from == SIZE_MAX) return refuse_index(run, arguments[2].integer);
    size_t at = str_find(str_from(text, from), arguments[1].text);
    return give_int(out, at == SIZE_MAX ? -1 : value_rune_count(str_first(text, from + at)));
}

BODY(text_last_index_of) {
    (void)run, (void)count;
    struct str text = arguments[0].text, wanted = arguments[1].text;
    for (size_t at = text.len + 1; at-- > 0;) {
        if (wanted.len <= text.len - at && str_starts_with(str_from(text, at), wanted))
            return give_int(out, value_rune_count(str_first(text, at)));
    }
    return give_int(out, -1);
}

static bool fold_letters(struct run *run, struct str text, char first, char last, int shift, struct value *out) {
    char *copy = arena_alloc(run->arena, text.len + 1);
    if (!copy) return out_of_memory(run);
    for (size_t i = 0; i < text.len; i++) copy[i] = text.ptr[i] >= first && text.ptr[i] <= last ? (char)(text.ptr[i] + shift) : text.ptr[i];
    return give_text(out, (struct str){copy, text.len});
}

BODY(text_lower) {
    (void)count;
    return fold_letters(run, arguments[0].text, 'A', 'Z', 32, out);
}

BODY(text_upper) {
    (void)count;
    return fold_letters(run, arguments[0].text, 'a', 'z', -32, out);
}

static bool finish_text(struct run *run, struct strbuf *buf, struct value *out) {
    struct str text = arena_copy(run->arena, strbuf_view(buf));
    bool has_failed = buf->failed;
    if (buf->is_memory_out) run->arena->exhausted = true;
    strbuf_release(buf);
    return has_failed ? error_set(run->error, ERROR_LIMIT, "the text is too long") : give_text(out, text);
}

BODY(text_replace) {
    struct str rest = arguments[0].text, from = arguments[1].text, to = arguments[2].text;
    int64_t limit = count > 3 ? arguments[3].integer : -1;
    struct strbuf buf = strbuf_with_max(LIMIT_WATCH_LINE_BYTES);
    while (limit != 0 && from.len) {
        size_t at = str_find(rest, from);
        if (at == SIZE_MAX) break;
        strbuf_append(&buf, str_first(rest, at));
        strbuf_append(&buf, to);
        rest = str_from(rest, at + from.len);
        if (limit > 0) limit--;
    }
    strbuf_append(&buf, rest);
    return finish_text(run, &buf, out);
}

static bool give_list(struct run *run, const struct value *items, size_t count, struct value *out) {
    (void)run;
    *out = (struct value){.kind = CEL_LIST, .list = {.items = items, .count = count}};
    return true;
}

BODY(text_split) {
    struct str rest = arguments[0].text, separator = arguments[1].text;
    int64_t limit = count > 2 ? arguments[2].integer : -1;
    size_t room = rest.len + 2, made = 0;
    struct value *items = arena_array(run->arena, room, sizeof *items);
    if (!items) return out_of_memory(run);
    if (limit == 0) return give_list(run, items, 0, out);
    while (limit < 0 || (int64_t)made + 1 < limit) {
        size_t at = separator.len ? str_find(rest, separator) : byte_of_rune(rest, 1);
        if (at == SIZE_MAX || (!separator.len && at >= rest.len)) break;
        give_text(&items[made++], str_first(rest, at));
        rest = str_from(rest, at + separator.len);
    }
    if (rest.len || separator.len) give_text(&items[made++], rest);
    return give_list(run, items, made, out);
}

BODY(text_substring) {
    struct str text = arguments[0].text;
    size_t from = byte_of_rune(text, arguments[1].integer), to = count > 2 ? byte_of_rune(text, arguments[2].integer) : text.len;
    if (from == SIZE_MAX) return refuse_index(run, arguments[1].integer);
    if (to == SIZE_MAX) return refuse_index(run, arguments[2].integer);
    if (from > to)
        return error_set(run->error, ERROR_INVALID, "invalid substring range. start: %lld, end: %lld", (long long)arguments[1].integer,
                         (long long)arguments[2].integer);
    return give_text(out, (struct str){text.ptr + from, to - from});
}

BODY(text_trim) {
    (void)run, (void)count;
    return give_text(out, str_trim(arguments[0].text));
}

BODY(text_join) {
    struct strbuf buf = strbuf_with_max(LIMIT_WATCH_LINE_BYTES);
    struct value_walk walk = {0};
    for (size_t i = 0; i < value_list_count(&arguments[0]); i++) {
        struct value item;
        bool is_text = value_list_get(&arguments[0], &walk, i, &item, run->error) && item.kind == CEL_STRING;
        if (!is_text) {
            strbuf_release(&buf);
            return error_set(run->error, ERROR_INVALID, "no such overload");
        }
        if (i && count > 1) strbuf_append(&buf, arguments[1].text);
        strbuf_append(&buf, item.text);
    }
    return finish_text(run, &buf, out);
}

/* A match under way; every step of it is bounded. */
struct search {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

#define PATTERN_OPTIONS (PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

static void search_end(struct search *search) {
    pcre2_match_data_free(search->data);
    pcre2_match_context_free(search->context);
    pcre2_code_free(search->code);
}

static bool search_start(struct run *run, struct search *search, struct str pattern) {
    int code;
    PCRE2_SIZE offset;
    *search = (struct search){
        .code = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.ptr : ""), pattern.len, PATTERN_OPTIONS, &code, &offset, NULL)};
    if (!search->code) return error_set(run->error, ERROR_INVALID, "error parsing regexp: %s", QUOTE(pattern));
    search->data = pcre2_match_data_create_from_pattern(search->code, NULL);
    search->context = pcre2_match_context_create(NULL);
    if (!search->data || !search->context) {
        search_end(search);
        return out_of_memory(run);
    }
    pcre2_set_match_limit(search->context, MATCH_LIMIT);
    pcre2_set_heap_limit(search->context, HEAP_LIMIT_KIB);
    return true;
}

static bool search_next(struct search *search, struct str text, size_t from, struct str *out, size_t *out_end) {
    if (pcre2_match(search->code, (PCRE2_SPTR)(text.len ? text.ptr : ""), text.len, from, 0, search->data, search->context) < 0)
        return false;
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(search->data);
    *out = (struct str){text.ptr + found[0], found[1] - found[0]};
    *out_end = found[1];
    return true;
}

bool text_is_pattern(struct str text) {
    int code;
    PCRE2_SIZE offset;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(text.len ? text.ptr : ""), text.len, PATTERN_OPTIONS, &code, &offset, NULL);
    pcre2_code_free(compiled);
    return compiled;
}

BODY(text_matches) {
    struct search search;
    struct str found;
    size_t end;
    (void)count;
    if (!search_start(run, &search, arguments[1].text)) return false;
    give_bool(out, search_next(&search, arguments[0].text, 0, &found, &end));
    search_end(&search);
    return true;
}

BODY(text_find) {
    struct search search;
    struct str found = STR_EMPTY;
    size_t end;
    (void)count;
    if (!search_start(run, &search, arguments[1].text)) return false;
    search_next(&search, arguments[0].text, 0, &found, &end);
    search_end(&search);
    return give_text(out, found);
}

BODY(text_find_all) {
    struct search search;
    struct str text = arguments[0].text, found;
    int64_t limit = count > 2 ? arguments[2].integer : -1;
    size_t at = 0, made = 0;
    struct value *items = arena_array(run->arena, text.len + 2, sizeof *items);
    if (!items) return out_of_memory(run);
    if (!search_start(run, &search, arguments[1].text)) return false;
    while (at <= text.len && (limit < 0 || (int64_t)made < limit) && search_next(&search, text, at, &found, &at)) {
        give_text(&items[made++], found);
        if (!found.len) {
            at++;
            while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80) at++;
        }
    }
    search_end(&search);
    return give_list(run, items, made, out);
}

#include "data/yaml_quote.h"

#include <string.h>

#include "data/yaml_scalar.h"

enum { LINE_WIDTH = 80, SIMPLE_KEY_BYTES = 128 };

void yaml_text(struct yaml_text *to, struct str text) {
    strbuf_append(to->out, text);
    for (size_t i = 0; i < text.len; i++) to->column += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
}

void yaml_text_char(struct yaml_text *to, char c) {
    strbuf_append_char(to->out, c);
    to->column++;
}

static void new_line(struct yaml_text *to) {
    strbuf_append_char(to->out, '\n');
    to->column = 0;
}

void yaml_text_pad(struct yaml_text *to, int indent) {
    while (to->column < indent) yaml_text_char(to, ' ');
}

void yaml_text_end_line(struct yaml_text *to) {
    if (to->column > 0) new_line(to);
}

/* What the characters allow. */
struct looks {
    bool has_newline;
    bool plain, single_quotes, block;
};

static bool is_blank_at(struct str s, size_t at) {
    return at >= s.len || s.ptr[at] == ' ' || s.ptr[at] == '\t' || s.ptr[at] == '\n';
}

/* One character that go-yaml writes as it is; its length, or 0. It writes none beyond U+FFFF so. */
static size_t printable_length(struct str s, size_t at) {
    const unsigned char *c = (const unsigned char *)s.ptr + at;
    if (c[0] == '\n' || (c[0] >= 0x20 && c[0] <= 0x7E)) return 1;
    if (c[0] < 0x80 || c[0] >= 0xF0) return 0;
    if (c[0] < 0xE0) return c[0] == 0xC2 && c[1] < 0xA0 ? 0 : 2;
    bool is_separator = c[0] == 0xE2 && c[1] == 0x80 && (c[2] == 0xA8 || c[2] == 0xA9);
    bool is_mark = c[0] == 0xEF && c[1] == 0xBB && c[2] == 0xBF;
    bool is_noncharacter = c[0] == 0xEF && c[1] == 0xBF && c[2] >= 0xBE;
    return is_separator || is_mark || is_noncharacter ? 0 : 3;
}

static bool is_indicator(struct str s, size_t at) {
    char c = s.ptr[at];
    if (at == 0 && strchr("#,[]{}&*!|>'\"%@`", c)) return true;
    if (at == 0 && (c == '?' || c == '-')) return is_blank_at(s, 1);
    if (c == ':') return is_blank_at(s, at + 1);
    return c == '#' && is_blank_at(s, at - 1);
}

static struct looks look_at(struct str s) {
    if (s.len == 0) return (struct looks){.single_quotes = true};
    bool has_newline = false, has_indicator = false, has_special = false, blank_then_break = false, break_then_blank = false;
    for (size_t i = 0, length = 1; i < s.len; i += length) {
        length = printable_length(s, i);
        has_special |= length == 0;
        if (length == 0) length = 1;
        has_newline |= s.ptr[i] == '\n';
        has_indicator |= s.ptr[i] != 0 && is_indicator(s, i);
        if (i == 0) continue;
        blank_then_break |= s.ptr[i] == '\n' && s.ptr[i - 1] == ' ';
        break_then_blank |= s.ptr[i] == ' ' && s.ptr[i - 1] == '\n';
    }
    bool starts_blank = s.ptr[0] == ' ', ends_blank = s.ptr[s.len - 1] == ' ';
    bool is_marker = str_starts_with(s, STR("---")) || str_starts_with(s, STR("..."));
    bool is_unsafe = blank_then_break || has_special;
    return (struct looks){
        .has_newline = has_newline,
        .plain = !has_newline && !has_indicator && !is_unsafe && !starts_blank && !ends_blank && !is_marker,
        .single_quotes = !has_newline && !break_then_blank && !is_unsafe,
        .block = !ends_blank && !is_unsafe,
    };
}

static size_t skip_digits(struct str s, size_t at) {
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') at++;
    return at;
}

static size_t skip_digits_and_underscores(struct str s, size_t at) {
    while (at < s.len && (s.ptr[at] == '_' || (s.ptr[at] >= '0' && s.ptr[at] <= '9'))) at++;
    return at;
}

/* [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)? : a number to the base of 60 to other readers of YAML 1.1. */
static bool is_base_60(struct str s) {
    size_t at = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    if (skip_digits(s, at) == at) return false;
    at = skip_digits_and_underscores(s, at);
    size_t colons = 0;
    for (; at < s.len && s.ptr[at] == ':'; colons++) {
        size_t end = skip_digits(s, at + 1), digits = end - at - 1;
        if (digits == 0 || digits > 2 || (digits == 2 && s.ptr[at + 1] > '5')) return false;
        at = end;
    }
    if (at < s.len && s.ptr[at] == '.') at = skip_digits_and_underscores(s, at + 1);
    return colons > 0 && at == s.len;
}

/* 2001-1-2, alone or with a time. A few dates that do not exist are taken for one too; quotes do no harm. */
static bool is_timestamp(struct str s) {
    size_t year = skip_digits(s, 0);
    if (year != 4 || year == s.len || s.ptr[year] != '-') return false;
    size_t month = skip_digits(s, year + 1);
    if (month == year + 1 || month > year + 3 || month == s.len || s.ptr[month] != '-') return false;
    size_t day = skip_digits(s, month + 1);
    if (day == month + 1 || day > month + 3) return false;
    if (day == s.len) return true;
    if (!strchr("Tt ", s.ptr[day])) return false;
    bool has_zone = s.ptr[day] != ' ';
    size_t at = day + 1;
    for (int part = 0; part < 3; part++) {
        size_t end = skip_digits(s, at);
        if (end == at || end > at + 2) return false;
        at = end;
        if (part < 2 && (at == s.len || s.ptr[at++] != ':')) return false;
    }
    if (at < s.len && s.ptr[at] == '.') at = skip_digits(s, at + 1);
    return has_zone ? at < s.len && strchr("Z+-", s.ptr[at]) : at == s.len;
}

static bool stays_text(struct str s) {
    return yaml_scalar_resolve(s).kind == YAML_SCALAR_TEXT && !is_base_60(s) && !is_timestamp(s);
}

bool yaml_quote_is_simple_key(struct str text) {
    static const char *const breaks[] = {"\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        if (str_contains(text, str_of(breaks[i]))) return false;
    }
    return text.len <= SIMPLE_KEY_BYTES;
}

/* Folds at a single blank: the newline is read as that blank. */
static bool fold_here(const struct yaml_text *to, struct str s, size_t at, bool after_blank, bool may_fold) {
    return may_fold && !after_blank && to->column > LINE_WIDTH && at > 0 && at + 1 < s.len;
}

static void write_plain_or_single(struct yaml_text *to, struct str s, char quote, bool may_fold, int indent) {
    bool after_blank = false;
    if (quote) yaml_text_char(to, quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ' && fold_here(to, s, i, after_blank, may_fold) && s.ptr[i + 1] != ' ') {
            new_line(to);
            yaml_text_pad(to, indent);
        } else {
            if (quote && s.ptr[i] == quote) yaml_text_char(to, quote);
            yaml_text(to, (struct str){s.ptr + i, 1});
        }
        after_blank = s.ptr[i] == ' ';
    }
    if (quote) yaml_text_char(to, quote);
}

static uint32_t decode(struct str s, size_t at, size_t *length) {
    const unsigned char *c = (const unsigned char *)s.ptr + at;
    *length = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    uint32_t point = c[0] & (0xFFu >> (*length == 1 ? 1 : *length + 1));
    for (size_t i = 1; i < *length; i++) point = point << 6 | (c[i] & 0x3F);
    return point;
}

static void write_escape(struct yaml_text *to, uint32_t point) {
    static const struct {
        uint32_t point;
        char letter;
    } letters[] = {{0, '0'},    {7, 'a'},   {8, 'b'},     {9, 't'},    {10, 'n'},   {11, 'v'},     {12, 'f'},    {13, 'r'},
                   {0x1B, 'e'}, {'"', '"'}, {'\\', '\\'}, {0x85, 'N'}, {0xA0, '_'}, {0x2028, 'L'}, {0x2029, 'P'}};
    size_t before = to->out->len;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (point == letters[i].point) strbuf_printf(to->out, "\\%c", letters[i].letter);
    }
    if (to->out->len == before) strbuf_printf(to->out, point <= 0xFF ? "\\x%02X" : point <= 0xFFFF ? "\\u%04X" : "\\U%08X", point);
    to->column += (int)(to->out->len - before);
}

static void write_double(struct yaml_text *to, struct str s, bool may_fold, int indent) {
    bool after_blank = false;
    yaml_text_char(to, '"');
    for (size_t i = 0, length = 1; i < s.len; i += length) {
        uint32_t point = decode(s, i, &length);
        if (printable_length(s, i) == 0 || strchr("\"\\\n", s.ptr[i])) {
            write_escape(to, point);
        } else if (point == ' ' && fold_here(to, s, i, after_blank, may_fold)) {
            new_line(to);
            yaml_text_pad(to, indent);
            if (s.ptr[i + 1] == ' ') yaml_text_char(to, '\\');
        } else {
            yaml_text(to, (struct str){s.ptr + i, length});
        }
        after_blank = point == ' ';
    }
    yaml_text_char(to, '"');
}

static void write_block(struct yaml_text *to, struct str s, int indent) {
    yaml_text_char(to, '|');
    if (s.ptr[0] == ' ' || s.ptr[0] == '\n') yaml_text_char(to, '2');
    if (s.ptr[s.len - 1] != '\n')
        yaml_text_char(to, '-');
    else if (s.len == 1 || s.ptr[s.len - 2] == '\n')
        yaml_text_char(to, '+');
    new_line(to);
    for (size_t at = 0; at < s.len;) {
        struct str rest = str_from(s, at);
        struct str line = str_first(rest, str_find(rest, STR("\n")));
        if (line.len) yaml_text_pad(to, indent);
        yaml_text(to, line);
        at += line.len + 1;
        if (at <= s.len) new_line(to);
    }
}

void yaml_quote(struct yaml_text *to, struct str text, enum yaml_quote_role role, int indent) {
    if (!str_is_utf8(text)) {
        to->out->failed = true;
        return;
    }
    struct looks looks = look_at(text);
    bool is_merge = role != YAML_QUOTE_VALUE && str_is(text, "<<");
    bool may_fold = role != YAML_QUOTE_KEY;
    indent += 2;
    if (looks.has_newline && looks.block && role != YAML_QUOTE_KEY)
        write_block(to, text, indent);
    else if (looks.has_newline || is_merge || !stays_text(text))
        write_double(to, text, may_fold, indent);
    else if (looks.plain)
        write_plain_or_single(to, text, 0, may_fold, indent);
    else if (looks.single_quotes)
        write_plain_or_single(to, text, '\'', may_fold, indent);
    else
        write_double(to, text, may_fold, indent);
}

#include "controller/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "controller/log_flow.h"
#include "data/json.h"

/* A value is cut so that a line has room for one of which every byte is escaped, and for several that are not. */
enum { LINE_MAX_BYTES = 64 * 1024, VALUE_MAX_BYTES = LINE_MAX_BYTES / 8 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

bool log_level_of(struct str text, enum log_level *out) {
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (str_is(text, level_names[i])) return *out = (enum log_level)i, true;
    }
    return false;
}

const char *log_level_name(enum log_level level) {
    return level_names[level];
}

static void append_time(struct strbuf *line) {
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    strbuf_append(line, (struct str){text, length});
    strbuf_printf(line, ".%03ldZ", now.tv_nsec / 1000000);
}

static bool is_plain(struct str value) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == 0x7F) return false;
    }
    return value.len > 0;
}

/* Bytes that are no UTF-8 would make the line unreadable to a JSON parser: quoted and escaped by the error printer instead. */
static void append_value(struct strbuf *line, struct str value, bool is_json) {
    bool is_text = str_is_utf8(value);
    value = is_text ? str_cut_utf8(value, VALUE_MAX_BYTES) : value;
    if (!is_json && is_text && is_plain(value))
        strbuf_append(line, value);
    else
        json_write_text(line, is_text ? value : str_of(QUOTE(value)));
}

static void append_fields(struct strbuf *line, const struct log_field *fields, bool is_json) {
    for (; fields && fields->key; fields++) {
        if (fields->value.len == 0) continue;
        strbuf_printf(line, is_json ? ",\"%s\":" : " %s=", fields->key);
        append_value(line, fields->value, is_json);
    }
}

static void write_line(const struct log *log, enum log_level level, const char *message, const struct log_field *fields,
                       int64_t suppressed) {
    bool is_json = log->format == LOG_JSON;
    struct strbuf line = strbuf_with_max(LINE_MAX_BYTES);
    strbuf_append(&line, is_json ? STR("{\"time\":\"") : STR(""));
    append_time(&line);
    if (is_json) {
        strbuf_printf(&line, "\",\"level\":\"%s\",\"msg\":", level_names[level]);
        json_write_text(&line, str_of(message));
    } else {
        strbuf_printf(&line, " %-5s %s", level_names[level], message);
    }
    append_fields(&line, fields, is_json);
    if (suppressed) strbuf_printf(&line, is_json ? ",\"suppressed\":%lld" : " suppressed=%lld", (long long)suppressed);
    strbuf_append(&line, is_json ? STR("}\n") : STR("\n"));
    /* A log that cannot be written has nowhere to complain. */
    ssize_t written = write(STDERR_FILENO, line.ptr, line.len);
    (void)written;
    strbuf_release(&line);
    if (log->flow) log->flow->lines[level]++;
}

uint64_t log_line_count(const struct log *log, enum log_level level) {
    return log->flow ? log->flow->lines[level] : 0;
}

/* ---- storms ---- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct str field_named(const struct log_field *fields, const char *key) {
    while (fields && fields->key && !str_is(str_of(key), fields->key)) fields++;
    return fields && fields->key ? fields->value : STR_EMPTY;
}

/* The model, or else what is named; a line about nothing in particular is about its own words. */
static uint64_t object_of(const char *message, const struct log_field *fields) {
    struct str model = field_named(fields, "model");
    struct str name = model.len ? model : field_named(fields, "name");
    return name.len ? hash_with(hash_xxh3(field_named(fields, "namespace")), name) : hash_xxh3(str_of(message));
}

/* What makes it another line than the one before: its words, and the fields that name a cause; not what differs each time. */
static uint64_t content_of(const char *message, const struct log_field *fields) {
    static const char *const causes[] = {"kind", "verb", "answer", "failed", "field"};
    uint64_t hash = hash_xxh3(str_of(message));
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) hash = hash_with(hash, field_named(fields, causes[i]));
    return hash;
}

void log_sum_up(const struct log *log, bool is_last) {
    struct log_sum sum;
    char objects[24];
    if (!log->flow || !log_flow_sum(log->flow, now_ms(), is_last, &sum)) return;
    snprintf(objects, sizeof objects, "%lld", (long long)sum.objects);
    write_line(log, LOG_WARN, "lines were held back", LOG_FIELDS({"objects", str_of(objects)}), sum.suppressed);
}

void log_write_always(const struct log *log, enum log_level level, const char *message, const struct log_field *fields) {
    write_line(log, level, message, fields, 0);
}

void log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields) {
    int64_t suppressed = 0;
    if (level < (log->flow ? log->flow->level : log->level)) return;
    if (log->flow) {
        const struct log_line line = {level, object_of(message, fields), content_of(message, fields)};
        bool is_admitted = log_flow_admit(log->flow, &line, now_ms(), &suppressed);
        log_sum_up(log, false);
        if (!is_admitted) return;
    }
    write_line(log, level, message, fields, suppressed);
}

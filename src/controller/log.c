#include "controller/log.h"

#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
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

void log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields) {
    if (level < log->level) return;
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
    strbuf_append(&line, is_json ? STR("}\n") : STR("\n"));
    /* A log that cannot be written has nowhere to complain. */
    ssize_t written = write(STDERR_FILENO, line.ptr, line.len);
    (void)written;
    strbuf_release(&line);
}

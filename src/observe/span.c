#include "observe/span.h"

#include <inttypes.h>
#include <stdio.h>

#include "data/json.h"

/* A value that is longer tells nothing more. */
enum { VALUE_BYTES = 1024, STATUS_ERROR = 2 };

struct str span_traceparent(const struct span *span, char room[TRACEPARENT_BYTES]) {
    int length =
        snprintf(room, TRACEPARENT_BYTES, "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01", span->trace_high, span->trace_low, span->id);
    return (struct str){room, (size_t)length};
}

/* JSON is UTF-8; what is not is shown as errors show it. */
static void write_text(struct strbuf *out, struct str text) {
    json_write_text(out, str_is_utf8(text) ? str_cut_utf8(text, VALUE_BYTES) : str_of(QUOTE(text)));
}

static void write_attribute(struct strbuf *out, const struct span_attribute *attribute) {
    strbuf_printf(out, "{\"key\":\"%s\",\"value\":{", attribute->key);
    if (attribute->text.ptr) {
        strbuf_append(out, STR("\"stringValue\":"));
        write_text(out, attribute->text);
    } else {
        /* 64-bit numbers are texts in protobuf's JSON. */
        strbuf_printf(out, "\"intValue\":\"%" PRId64 "\"", attribute->number);
    }
    strbuf_append(out, STR("}}"));
}

static void write_attributes(struct strbuf *out, const struct span_attribute *attributes) {
    bool is_first = true;
    strbuf_append(out, STR("\"attributes\":["));
    for (; attributes && attributes->key; attributes++) {
        if (attributes->text.ptr && attributes->text.len == 0) continue;
        if (!is_first) strbuf_append_char(out, ',');
        write_attribute(out, attributes);
        is_first = false;
    }
    strbuf_append_char(out, ']');
}

void span_write(struct strbuf *out, const struct span *span, const struct span_end *end) {
    strbuf_printf(out, "{\"traceId\":\"%016" PRIx64 "%016" PRIx64 "\",\"spanId\":\"%016" PRIx64 "\",", span->trace_high, span->trace_low,
                  span->id);
    if (span->parent) strbuf_printf(out, "\"parentSpanId\":\"%016" PRIx64 "\",", span->parent);
    strbuf_append(out, STR("\"name\":"));
    write_text(out, end->name);
    strbuf_printf(out, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "\",\"endTimeUnixNano\":\"%" PRId64 "\",", (int)end->kind,
                  span->begun_ns, end->ended_ns);
    write_attributes(out, end->attributes);
    strbuf_append(out, STR(",\"status\":{"));
    if (end->error.len) {
        strbuf_printf(out, "\"code\":%d,\"message\":", STATUS_ERROR);
        write_text(out, end->error);
    }
    strbuf_append(out, STR("}}"));
}

void span_write_head(struct strbuf *out, const char *service, const char *version, uint64_t instance) {
    char room[17];
    snprintf(room, sizeof room, "%016" PRIx64, instance);
    strbuf_append(out, STR("{\"resourceSpans\":[{\"resource\":{"));
    write_attributes(out, SPAN_ATTRIBUTES(SPAN_TEXT("service.name", str_of(service)), SPAN_TEXT("service.version", str_of(version)),
                                          SPAN_TEXT("service.instance.id", str_of(room))));
    strbuf_printf(out, "},\"scopeSpans\":[{\"scope\":{\"name\":\"%s\",\"version\":\"%s\"},\"spans\":[", service, version);
}

void span_write_tail(struct strbuf *out) {
    strbuf_append(out, STR("]}]}]}"));
}

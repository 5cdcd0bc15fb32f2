#include "record.h"

static void write_line(struct strbuf *line, FILE *out) {
    strbuf_append(line, STR("}\n"));
    fwrite(line->ptr, 1, line->len, out);
    strbuf_release(line);
}

static void add(struct strbuf *line, const char *key, struct str text) {
    strbuf_printf(line, "%s\"%s\":", line->len > 1 ? "," : "", key);
    json_write_text(line, text);
}

void record_request(const struct model_request *request, const struct model_answer *answer, FILE *out) {
    struct strbuf line = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append_char(&line, '{');
    add(&line, "method", str_of(request->method));
    add(&line, "target", request->target);
    add(&line, "type", str_of(request->content_type));
    add(&line, "body", request->body);
    add(&line, "answer", strbuf_view(&answer->body));
    strbuf_printf(&line, ",\"status\":%d", answer->status);
    write_line(&line, out);
}

void record_change(const struct model_change *change, FILE *out) {
    static const char *const words[] = {[MODEL_ADDED] = "ADDED", [MODEL_MODIFIED] = "MODIFIED", [MODEL_DELETED] = "DELETED"};
    struct strbuf line = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append_char(&line, '{');
    add(&line, "change", str_of(words[change->change]));
    add(&line, "kind", str_of(model_kinds[change->kind].plural));
    add(&line, "namespace", str_of(change->namespace));
    add(&line, "name", str_of(change->name));
    add(&line, "uid", str_of(change->uid));
    strbuf_printf(&line, ",\"version\":\"%lld\",\"generation\":%lld", (long long)change->version, (long long)change->generation);
    write_line(&line, out);
}

#include "apiserver/watch_event.h"

#include "apiserver/convert.h"
#include "apiserver/server.h"
#include "apiserver/view.h"

void watch_write_init(struct watch_write *out, struct objects *objects, const struct write *write) {
    *out = (struct watch_write){.write = write, .objects = objects};
    arena_init(&out->arena, REQUEST_ARENA_BYTES);
}

void watch_write_release(struct watch_write *write) {
    for (size_t i = 0; i < write->line_count; i++) blob_drop(write->lines[i].line);
    blob_drop(write->body_before);
    arena_release(&write->arena);
}

static struct blob *make_line(const char *type, struct str object) {
    struct strbuf line = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_printf(&line, "{\"type\":\"%s\",\"object\":", type);
    strbuf_append(&line, object);
    strbuf_append(&line, STR("}\n"));
    struct blob *blob = line.failed ? NULL : blob_new(strbuf_view(&line));
    strbuf_release(&line);
    return blob;
}

struct blob *watch_event_line(struct request *request, const char *type, struct blob *body, int64_t revision) {
    if (view_is_plain(request, revision)) return make_line(type, blob_view(body));
    struct arena scratch;
    arena_init(&scratch, REQUEST_ARENA_BYTES);
    struct strbuf object = strbuf_with_max(LIMIT_BODY_BYTES);
    struct blob *line = view_write_one(request, &scratch, body, &object) ? make_line(type, strbuf_view(&object)) : NULL;
    strbuf_release(&object);
    arena_release(&scratch);
    return line;
}

/* What selectors look at: the object now and as it was before. */
static bool parse(struct watch_write *shared) {
    if (shared->has_parsed) return true;
    struct error error;
    const struct write *write = shared->write;
    shared->now = json_parse(&shared->arena, blob_view(write->body), &error);
    if (write->previous) {
        shared->body_before = objects_body(shared->objects, write->previous, &error);
        if (!shared->body_before) return false;
        shared->before = json_parse(&shared->arena, blob_view(shared->body_before), &error);
    }
    shared->has_parsed = true;
    return shared->now;
}

static struct blob *shared_line(struct request *request, const char *type, struct watch_write *shared) {
    if (!view_is_plain(request, shared->write->revision))
        return watch_event_line(request, type, shared->write->body, shared->write->revision);
    for (size_t i = 0; i < shared->line_count; i++) {
        if (shared->lines[i].type == type && shared->lines[i].version == request->version) return blob_keep(shared->lines[i].line);
    }
    struct blob *line = watch_event_line(request, type, shared->write->body, shared->write->revision);
    if (line && shared->line_count < WATCH_SHARED_LINES) {
        shared->lines[shared->line_count].type = type;
        shared->lines[shared->line_count].version = request->version;
        shared->lines[shared->line_count++].line = blob_keep(line);
    }
    return line;
}

/* It is selected no longer: DELETED with the last state that was, at the revision of this write. */
static struct blob *line_of_leaving(struct request *request, struct watch_write *shared) {
    struct arena scratch;
    arena_init(&scratch, REQUEST_ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&scratch);
    struct error error;
    yyjson_mut_val *object = doc ? mut_parse(&scratch, doc, blob_view(shared->body_before), &error) : NULL;
    struct blob *line = NULL;
    if (object) {
        struct str revision = arena_printf(&scratch, "%lld", (long long)shared->write->revision);
        mut_set_text(doc, mut_get(object, "metadata"), "resourceVersion", revision);
        struct blob *body = mut_blob(&scratch, object);
        if (body) line = watch_event_line(request, "DELETED", body, shared->write->previous);
        blob_drop(body);
    }
    arena_release(&scratch);
    return line;
}

bool watch_event_make(struct request *request, const struct filter *filter, struct watch_write *shared, struct blob **out) {
    const struct write *write = shared->write;
    *out = NULL;
    if (filter->namespace.len && !str_equal(filter->namespace, write->namespace)) return true;
    if (filter->name.len && !str_equal(filter->name, write->name)) return true;
    if (filter->needs_body && !parse(shared)) return false;
    bool is_now = write->change != STORAGE_DELETED && filter_matches(filter, write->namespace, write->name, shared->now);
    bool was_before = write->change != STORAGE_CREATED && filter_matches(filter, write->namespace, write->name, shared->before);
    if (!is_now && !was_before) return true;
    if (is_now)
        *out = shared_line(request, was_before ? "MODIFIED" : "ADDED", shared);
    else if (write->change == STORAGE_DELETED)
        *out = shared_line(request, "DELETED", shared);
    else
        *out = line_of_leaving(request, shared);
    return *out;
}

struct blob *watch_event_bookmark(struct request *request, int64_t revision, bool is_initial_end) {
    struct strbuf object = strbuf_with_max(LIMIT_BODY_BYTES);
    view_write_bookmark(request, revision, is_initial_end, &object);
    struct blob *line = object.failed ? NULL : make_line("BOOKMARK", strbuf_view(&object));
    strbuf_release(&object);
    return line;
}

struct blob *watch_event_error(const struct refusal *refusal) {
    struct strbuf object = strbuf_with_max(LIMIT_BODY_BYTES);
    refusal_write(&object, refusal);
    struct blob *line = object.failed ? NULL : make_line("ERROR", strbuf_view(&object));
    strbuf_release(&object);
    return line;
}

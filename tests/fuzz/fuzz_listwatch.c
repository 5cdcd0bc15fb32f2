/*
 * A list's pages and a watch's bytes: the first byte cuts the stream into pieces, then pages with "\n---\n" between them, and the watch
 * behind the last. What the machine hands out is what a plain reading of the same JSON gives, however it is cut; and what is no list, or
 * is cut short, never ends well.
 */
#include <string.h>

#include "harness.h"
#include "kube/listwatch.h"

enum { STEPS = 4096, TURNS = 64, VERSION_BYTES = 1024, TOKEN_BYTES = 4096 };

struct trace {
    struct strbuf text;
    size_t list_ends;
};

static void note(struct trace *trace, enum listwatch_event_kind kind, const yyjson_val *object) {
    static const char marks[] = "(+-).!";
    if (kind == LISTWATCH_TROUBLE) return;
    strbuf_append_char(&trace->text, marks[kind]);
    if (object) json_write(&trace->text, object);
    trace->list_ends += kind == LISTWATCH_LIST_END;
}

static void drain(struct listwatch *machine, int64_t now_ms, struct trace *trace) {
    struct arena arena;
    struct listwatch_event event;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    for (size_t i = 0; listwatch_next_event(machine, now_ms, &arena, &event); i++) {
        fuzz_expect(i < STEPS, "events without end");
        note(trace, event.kind, event.object);
        arena_release(&arena);
    }
    arena_release(&arena);
}

static void feed_watch(struct listwatch *machine, struct str bytes, size_t piece_bytes, int64_t now_ms, struct trace *trace) {
    listwatch_watch_opened(machine, now_ms);
    while (bytes.len && machine->phase == LISTWATCH_PHASE_WATCHING) {
        listwatch_watch_bytes(machine, str_first(bytes, piece_bytes), now_ms);
        bytes = str_from(bytes, piece_bytes);
        drain(machine, now_ms, trace);
    }
}

static void run(struct str input, size_t piece_bytes, struct trace *trace) {
    static const struct kube_resource kind = {{"g", 1}, {"v1", 2}, {"things", 6}, {"Thing", 5}};
    struct listwatch machine;
    struct listwatch_action action = {0};
    int64_t now_ms = 1000000;
    listwatch_init(&machine, &(struct listwatch_settings){.resource = kind}, 42);
    for (size_t turn = 0; turn < TURNS; turn++) {
        struct arena arena;
        arena_init(&arena, FUZZ_ARENA_BYTES);
        drain(&machine, now_ms, trace);
        listwatch_next_action(&machine, now_ms, &arena, &action);
        arena_release(&arena);
        if (action.kind == LISTWATCH_WATCH) {
            feed_watch(&machine, input, piece_bytes, now_ms, trace);
            break;
        }
        if (action.kind == LISTWATCH_LIST) {
            if (!input.len) break;
            struct strbuf body = strbuf_with_max(FUZZ_TEXT_BYTES);
            const struct kube_answer ok = {.kind = KUBE_OK, .http_status = 200};
            strbuf_append(&body, fuzz_section(&input));
            listwatch_list_answer(&machine, &ok, &body, now_ms);
            strbuf_release(&body);
        }
        if (action.kind == LISTWATCH_WAIT) now_ms = action.until_ms;
    }
    listwatch_release(&machine);
}

/* The plain reading. A page that is no list: NULL. */
static const yyjson_val *read_page(struct arena *arena, struct str text, struct str *out_token) {
    const yyjson_val *root = json_parse(arena, text, NULL), *items = json_get(root, "items"), *metadata = json_get(root, "metadata");
    struct str version = json_text(json_get(metadata, "resourceVersion"));
    size_t index, max;
    yyjson_val *item;
    if (!fuzz_is_plain(root) || !(yyjson_is_arr(json_loose(items)) || yyjson_is_null(json_loose(items))) || !version.len ||
        version.len > VERSION_BYTES)
        return NULL;
    yyjson_arr_foreach(json_loose(items), index, max, item) {
        if (!yyjson_is_obj(item)) return NULL;
    }
    *out_token = json_text(json_get(metadata, "continue"));
    return items;
}

static void read_watch(struct arena *arena, struct str bytes, struct trace *trace) {
    static const char *const types[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
    static const enum listwatch_event_kind kinds[] = {LISTWATCH_UPSERT, LISTWATCH_UPSERT, LISTWATCH_DELETE, LISTWATCH_BOOKMARK};
    while (str_find(bytes, STR("\n")) != SIZE_MAX) {
        struct str line = fuzz_line(&bytes);
        if (!line.len) continue;
        const yyjson_val *event = json_parse(arena, line, NULL), *object = json_get(event, "object");
        struct str version = json_text(json_path(object, "metadata", "resourceVersion", NULL));
        size_t type = 0;
        while (type < 4 && !json_is_text(json_get(event, "type"), types[type])) type++;
        if (type == 4 || !version.len || version.len >= VERSION_BYTES) return;
        note(trace, kinds[type], kinds[type] == LISTWATCH_BOOKMARK ? NULL : object);
    }
}

/* False: a page is none, and nothing is said of what is handed out of it. */
static bool read_plainly(struct arena *arena, struct str input, struct trace *trace) {
    struct str token;
    note(trace, LISTWATCH_LIST_BEGIN, NULL);
    do {
        if (!input.len) return true;
        const yyjson_val *items = read_page(arena, fuzz_section(&input), &token);
        size_t index, max;
        yyjson_val *item;
        if (!items) return false;
        yyjson_arr_foreach(json_loose(items), index, max, item) note(trace, LISTWATCH_UPSERT, item);
    } while (token.len);
    note(trace, LISTWATCH_LIST_END, NULL);
    read_watch(arena, input, trace);
    return true;
}

/* How many pages may end a list: not those that are JSON and no list. */
static size_t count_lists(struct arena *arena, struct str input) {
    size_t count = 0;
    struct str token;
    while (input.len) {
        struct str page = fuzz_section(&input);
        const yyjson_val *root = json_parse(arena, page, NULL);
        count += !root || !fuzz_is_plain(root) || read_page(arena, page, &token);
    }
    return count;
}

/* Of a page that is a list, every beginning is none: what is missing is never taken for gone. */
static void expect_nothing_of_parts(struct arena *arena, struct str page, size_t cut) {
    struct str token;
    if (!read_page(arena, page, &token)) return;
    struct trace trace = {.text = strbuf_with_max(FUZZ_TEXT_BYTES)};
    run(str_first(page, (str_trim(page).len - 1) * cut / 256), SIZE_MAX, &trace);
    fuzz_expect(trace.list_ends == 0, "a list cut short has ended well: %s", trace.text.ptr);
    strbuf_release(&trace.text);
}

FUZZ_TARGET(listwatch) {
    if (input.len < 2) return;
    size_t piece_bytes = 1 + (unsigned char)input.ptr[0] % 64;
    struct str rest = str_from(input, 1);
    struct trace whole = {.text = strbuf_with_max(FUZZ_TEXT_BYTES)}, cut = whole, plain = whole;
    run(rest, SIZE_MAX, &whole);
    run(rest, piece_bytes, &cut);
    fuzz_expect(str_equal(strbuf_view(&whole.text), strbuf_view(&cut.text)), "in one piece: %s\nin many: %s", whole.text.ptr, cut.text.ptr);
    /* Of a key written with escapes the machine says that it is none of a list's. */
    bool is_readable = read_plainly(arena, rest, &plain) && !str_contains(rest, STR("\\u"));
    if (is_readable && plain.list_ends)
        fuzz_expect(str_equal(strbuf_view(&whole.text), strbuf_view(&plain.text)), "handed out: %s\nexpected: %s", whole.text.ptr,
                    plain.text.ptr);
    fuzz_expect(whole.list_ends <= count_lists(arena, rest), "what is no list has ended well: %s", whole.text.ptr);
    expect_nothing_of_parts(arena, fuzz_section(&rest), (unsigned char)input.ptr[0]);
    strbuf_release(&whole.text);
    strbuf_release(&cut.text);
    strbuf_release(&plain.text);
}

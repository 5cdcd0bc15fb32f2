#include "kube/listwatch.h"

#include <assert.h>
#include <string.h>

#include "base/number.h"
#include "kube/listwatch_page.h"

enum {
    PAGE_LIMIT = 500,
    PAGE_LIMIT_MAX = 8000,
    POLL_MS = 10000,
    LIST_TIMEOUT_MS = 60000,
    RELIST_MS = 10000,         /* a list anew comes no sooner after the last than half of this, at random up to the whole */
    HURRY_MS = 250,            /* many that hurry do not come in the same moment */
    SCOUTINGS_MAX = 300,       /* some 4 minutes */
    WATCH_TIMEOUT_MIN_S = 300, /* the same range as client-go, so that not all watches end at once */
    WATCH_TIMEOUT_SPREAD_S = 300,
    WATCH_GRACE_MS = 10000,
    WATCH_OPEN_MS = 30000, /* API servers answer a watch at once, long before its first event */
    WATCH_SHORT_MS = 1000, /* one that ends sooner, with nothing in it, has failed */
    WATCH_HEALTHY_MS = 10000,
    MEMORY_WAIT_MS = 1000,
    VERSION_REFUSALS_MAX = 3, /* then the version is taken for one of another life of the server's storage */
    LINES_BYTES = 2 * LIMIT_WATCH_LINE_BYTES,
    LINES_KEPT_BYTES = 1024, /* an idle watch keeps no larger buffer: bookmarks fit */
    VERSION_BYTES = 1024,
    TOKEN_BYTES = 32 * 1024,
};

void listwatch_init(struct listwatch *machine, const struct listwatch_settings *settings, uint64_t seed) {
    *machine = (struct listwatch){
        .settings = *settings,
        .random = {seed},
        .phase = LISTWATCH_PHASE_LIST_DUE,
        .due_ms = INT64_MIN,
        .list_begun_ms = INT64_MIN,
        .continue_token = strbuf_with_max(TOKEN_BYTES),
        .version = strbuf_with_max(VERSION_BYTES),
        .lines = strbuf_with_max(LINES_BYTES),
    };
    if (!machine->settings.page_limit) machine->settings.page_limit = PAGE_LIMIT;
    if (!machine->settings.poll_ms) machine->settings.poll_ms = POLL_MS;
    machine->page_limit = machine->settings.page_limit;
    arena_init(&machine->answer_arena, LIMIT_BODY_BYTES);
}

static void forget_lines(struct listwatch *machine) {
    strbuf_release(&machine->lines);
    machine->line_at = machine->scanned_at = 0;
}

void listwatch_release(struct listwatch *machine) {
    listwatch_page_release(&machine->page);
    strbuf_release(&machine->continue_token);
    strbuf_release(&machine->version);
    forget_lines(machine);
    arena_release(&machine->answer_arena);
}

/* trouble */

/* A copy that lives as long as it is the last; causes are left out. */
static void keep_answer(struct listwatch *machine, const struct kube_answer *answer) {
    if (answer == &machine->answer) return;
    struct arena *arena = &machine->answer_arena;
    arena_release(arena);
    machine->answer = *answer;
    machine->answer.causes = NULL;
    machine->answer.cause_count = 0;
    struct str *texts[] = {&machine->answer.reason,       &machine->answer.message, &machine->answer.details_kind,
                           &machine->answer.details_name, &machine->answer.verb,    &machine->answer.resource};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = texts[i]->len ? arena_copy(arena, *texts[i]) : STR_EMPTY;
}

static void report_trouble(struct listwatch *machine) {
    if (machine->is_in_trouble && machine->reported_kind == machine->answer.kind) return;
    machine->is_in_trouble = machine->is_trouble_new = true;
    machine->reported_kind = machine->answer.kind;
}

static void report_success(struct listwatch *machine) {
    machine->is_in_trouble = machine->is_trouble_new = false;
    machine->scoutings = 0;
}

static void invent_answer(struct listwatch *machine, enum kube_answer_kind kind, const char *message) {
    arena_release(&machine->answer_arena);
    machine->answer = kube_answer_none(&machine->answer_arena, kind, str_of(message));
}

/* Nobody answers; or what was allowed is forbidden, as by an API server that has just started and knows no roles yet. */
static bool is_server_away(const struct listwatch *machine) {
    enum kube_answer_kind kind = machine->answer.kind;
    return kind == KUBE_NOT_SENT || (kind == KUBE_FORBIDDEN && machine->generation > 0);
}

/* After a failure: when to try again. A server that says when is taken at its word, so that a kind is followed again soon after the server
 * has restarted; of the others the delay grows with each failure. */
static int64_t after_backoff(struct listwatch *machine, int64_t now_ms) {
    int64_t told_ms = machine->answer.retry_after_ms;
    machine->is_backing_off = told_ms <= 0;
    if (machine->settings.is_scout && told_ms <= 0 && is_server_away(machine) && machine->scoutings < SCOUTINGS_MAX)
        return now_ms + backoff_delay_ms(BACKOFF_SCOUT, ++machine->scoutings, &machine->random);
    if (told_ms > 0) return now_ms + told_ms + (int64_t)number_random_below(&machine->random, (uint64_t)told_ms / 2 + 1);
    if (machine->failures < UINT32_MAX) machine->failures++;
    return now_ms + backoff_delay_ms(BACKOFF_LISTWATCH, machine->failures, &machine->random);
}

/* lists */

static void list_at(struct listwatch *machine, int64_t due_ms) {
    listwatch_page_release(&machine->page);
    machine->phase = LISTWATCH_PHASE_LIST_DUE;
    machine->due_ms = due_ms;
}

static void list_anew_at(struct listwatch *machine, int64_t due_ms) {
    strbuf_clear(&machine->continue_token);
    machine->is_list_begun = false;
    machine->pages = 0;
    machine->version_refusals = 0;
    list_at(machine, due_ms);
}

/* A list that is needed though nothing is wrong: at once, unless the last was a moment ago. */
static void list_anew(struct listwatch *machine, int64_t now_ms) {
    int64_t wait_ms = RELIST_MS / 2 + (int64_t)number_random_below(&machine->random, RELIST_MS / 2);
    bool is_recent = machine->list_begun_ms != INT64_MIN && now_ms - machine->list_begun_ms < wait_ms;
    list_anew_at(machine, is_recent ? machine->list_begun_ms + wait_ms : now_ms);
}

/* The kind or the right to it is missing; anything else leaves the state as it is. */
static void take_state(struct listwatch *machine) {
    switch (machine->answer.kind) {
    case KUBE_KIND_MISSING_MAYBE:
    case KUBE_NOT_FOUND: machine->state = LISTWATCH_NOT_INSTALLED; break;
    case KUBE_FORBIDDEN: machine->state = LISTWATCH_FORBIDDEN; break;
    default: break;
    }
}

/* `answer` is what went wrong with a list. */
static void list_failed(struct listwatch *machine, int64_t now_ms) {
    enum kube_answer_kind kind = machine->answer.kind;
    bool is_first_page = machine->continue_token.len == 0;
    take_state(machine);
    if (kind == KUBE_TOO_LARGE && machine->page_limit > 1) {
        machine->page_limit /= 2;
        list_at(machine, now_ms);
        return;
    }
    if (kind == KUBE_EXPIRED && !is_first_page) {
        /* The list takes longer than the server remembers: larger pages need fewer turns. */
        if (machine->page_limit < PAGE_LIMIT_MAX) machine->page_limit *= 2;
        list_anew_at(machine, after_backoff(machine, now_ms));
        return;
    }
    report_trouble(machine);
    if (machine->state == LISTWATCH_NOT_INSTALLED && (kind == KUBE_KIND_MISSING_MAYBE || kind == KUBE_NOT_FOUND)) {
        machine->failures = 0;
        machine->is_backing_off = true;
        list_anew_at(machine, now_ms + machine->settings.poll_ms);
    } else if (kube_answer_is_transient(kind)) {
        list_at(machine, after_backoff(machine, now_ms)); /* the same page */
    } else {
        list_anew_at(machine, after_backoff(machine, now_ms));
    }
}

void listwatch_list_answer(struct listwatch *machine, const struct kube_answer *answer, struct strbuf *body, int64_t now_ms) {
    if (machine->phase != LISTWATCH_PHASE_LISTING) return;
    if (answer->kind == KUBE_OK) {
        machine->page = (struct listwatch_page){.body = *body};
        *body = strbuf_with_max(0);
        machine->phase = LISTWATCH_PHASE_PAGE;
        return;
    }
    keep_answer(machine, answer);
    list_failed(machine, now_ms);
}

static void page_broken(struct listwatch *machine, const char *what, int64_t now_ms) {
    invent_answer(machine, KUBE_SERVER_ERROR, what);
    report_trouble(machine);
    list_anew_at(machine, after_backoff(machine, now_ms));
}

/* The whole page is handed out. True when it was the last, and `out` is LIST_END. */
static bool page_done(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_event *out) {
    const yyjson_val *metadata = json_parse(arena, machine->page.metadata, NULL);
    struct str token = json_text(json_get(metadata, "continue")), version = json_text(json_get(metadata, "resourceVersion"));
    strbuf_set(&machine->continue_token, token);
    strbuf_set(&machine->version, version);
    if (!version.len || machine->version.failed || machine->continue_token.failed) {
        page_broken(machine, "the list has no usable resourceVersion or continue token", now_ms);
        return false;
    }
    if (token.len && ++machine->pages >= LIMIT_LIST_PAGES) {
        page_broken(machine, "the list has no end", now_ms);
        return false;
    }
    if (token.len) {
        list_at(machine, now_ms);
        return false;
    }
    machine->failures = 0;
    machine->pages = 0;
    listwatch_page_release(&machine->page);
    strbuf_release(&machine->continue_token);
    machine->is_list_begun = false;
    machine->version_refusals = 0;
    machine->is_version_doubted = machine->is_another_life = false;
    machine->state = LISTWATCH_SYNCED;
    machine->phase = LISTWATCH_PHASE_WATCH_DUE;
    machine->due_ms = now_ms;
    report_success(machine);
    out->kind = LISTWATCH_LIST_END;
    return true;
}

/*
 * Is the list that has come of another life of the server's storage than `version`? One as new as that, after a server that was not so far
 * when the watch asked, is another replica's; of a list whose version comes behind its items the doubt alone tells.
 */
static void look_at_life(struct listwatch *machine, struct arena *arena) {
    int64_t listed, seen;
    listwatch_page_pass_head(&machine->page);
    const yyjson_val *metadata = json_parse(arena, machine->page.metadata, NULL);
    bool is_ordered = number_parse_int64(json_text(json_get(metadata, "resourceVersion")), &listed) &&
                      number_parse_int64(strbuf_view(&machine->version), &seen);
    machine->is_another_life |= is_ordered ? listed < seen : machine->is_version_doubted;
    /* Nothing is to be concluded from it any more. */
    if (machine->is_another_life) strbuf_clear(&machine->version);
}

static bool next_of_page(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_event *out) {
    struct str item;
    if (!machine->is_list_begun) {
        machine->is_list_begun = true;
        look_at_life(machine, arena);
        out->is_another_life = machine->is_another_life;
        out->generation = ++machine->generation;
        out->kind = LISTWATCH_LIST_BEGIN;
        return true;
    }
    enum page_step step = listwatch_page_next(&machine->page, &item);
    if (step == PAGE_END) return page_done(machine, now_ms, arena, out);
    out->object = step == PAGE_ITEM ? json_parse(arena, item, NULL) : NULL;
    if (!out->object) {
        page_broken(machine, "the list is not what an API server sends", now_ms);
        return false;
    }
    out->kind = LISTWATCH_UPSERT;
    return true;
}

void listwatch_refuse(struct listwatch *machine, const char *why, int64_t now_ms) {
    machine->wants_close = machine->is_watch_open;
    forget_lines(machine);
    invent_answer(machine, KUBE_TOO_LARGE, why);
    report_trouble(machine);
    list_anew(machine, now_ms);
}

void listwatch_begin_life(struct listwatch *machine, int64_t now_ms) {
    if (machine->generation == 0) return;
    bool is_due = machine->phase == LISTWATCH_PHASE_LIST_DUE || machine->phase == LISTWATCH_PHASE_WATCH_DUE;
    int64_t told_ms = is_due && !machine->is_backing_off ? machine->due_ms : now_ms;
    machine->is_another_life = true;
    machine->wants_close = machine->is_watch_open || machine->phase == LISTWATCH_PHASE_LISTING;
    strbuf_clear(&machine->version);
    forget_lines(machine);
    list_anew(machine, now_ms);
    if (machine->due_ms < told_ms) machine->due_ms = told_ms;
}

/* watches */

static void watch_at(struct listwatch *machine, int64_t due_ms) {
    machine->phase = LISTWATCH_PHASE_WATCH_DUE;
    machine->due_ms = due_ms;
}

/* What came before is still handed out; then the machine acts on `answer`. */
static void end_watch(struct listwatch *machine) {
    machine->wants_close = machine->is_watch_open;
    machine->phase = LISTWATCH_PHASE_DRAINING;
}

void listwatch_watch_opened(struct listwatch *machine, int64_t now_ms) {
    if (machine->phase != LISTWATCH_PHASE_WATCHING || machine->is_opened) return;
    machine->is_opened = true;
    machine->watch_dead_ms = machine->watch_begun_ms + machine->watch_timeout_s * 1000 + WATCH_GRACE_MS;
    if (machine->watch_dead_ms < now_ms) machine->watch_dead_ms = now_ms;
    machine->version_refusals = 0;
    machine->state = LISTWATCH_SYNCED;
    report_success(machine);
}

void listwatch_watch_bytes(struct listwatch *machine, struct str bytes, int64_t now_ms) {
    if (machine->phase != LISTWATCH_PHASE_WATCHING) return;
    listwatch_watch_opened(machine, now_ms);
    struct strbuf *lines = &machine->lines;
    if (machine->line_at > lines->len / 2) {
        memmove(lines->ptr, lines->ptr + machine->line_at, lines->len - machine->line_at);
        lines->len -= machine->line_at;
        machine->scanned_at -= machine->line_at;
        machine->line_at = 0;
    }
    strbuf_append(lines, bytes);
    if (lines->failed) {
        /* They come faster than they are handed out: those that are here, then from there on again. */
        lines->failed = false;
        invent_answer(machine, KUBE_LOST, "events came faster than they could be handled");
        end_watch(machine);
    }
}

void listwatch_watch_end(struct listwatch *machine, const struct kube_answer *answer, int64_t now_ms) {
    (void)now_ms;
    if (machine->phase != LISTWATCH_PHASE_WATCHING) return;
    keep_answer(machine, answer);
    machine->is_watch_open = false;
    end_watch(machine);
}

/* The next complete line, without its newline; false when there is none yet. */
static bool take_line(struct listwatch *machine, struct str *out_line) {
    struct strbuf *lines = &machine->lines;
    while (machine->scanned_at < lines->len) {
        const char *newline = memchr(lines->ptr + machine->scanned_at, '\n', lines->len - machine->scanned_at);
        if (!newline) break;
        *out_line = (struct str){lines->ptr + machine->line_at, (size_t)(newline - lines->ptr) - machine->line_at};
        machine->line_at = machine->scanned_at = (size_t)(newline - lines->ptr) + 1;
        if (out_line->len) return true;
    }
    machine->scanned_at = lines->len;
    return false;
}

/* Nothing is left to hand out: the buffer of a burst is given back. */
static void shrink_lines(struct listwatch *machine) {
    if (machine->line_at != machine->lines.len) return;
    machine->line_at = machine->scanned_at = 0;
    if (machine->lines.capacity > LINES_KEPT_BYTES)
        strbuf_release(&machine->lines);
    else
        strbuf_clear(&machine->lines);
}

static bool take_version(struct listwatch *machine, const yyjson_val *object) {
    struct str version = json_text(json_path(object, "metadata", "resourceVersion", NULL));
    if (!version.len || version.len >= VERSION_BYTES) return false;
    strbuf_set(&machine->version, version);
    return !machine->version.failed;
}

/* The stream cannot be followed any further: the lines after this one are worthless. */
static void break_off(struct listwatch *machine) {
    forget_lines(machine);
    end_watch(machine);
}

static bool next_of_line(struct listwatch *machine, struct str line, struct arena *arena, struct listwatch_event *out) {
    static const struct {
        const char *type;
        enum listwatch_event_kind kind;
    } types[] = {
        {"ADDED", LISTWATCH_UPSERT}, {"MODIFIED", LISTWATCH_UPSERT}, {"DELETED", LISTWATCH_DELETE}, {"BOOKMARK", LISTWATCH_BOOKMARK}};
    const yyjson_val *event = json_parse(arena, line, NULL), *type = json_get(event, "type");
    yyjson_val *object = json_get(event, "object");
    if (json_is_text(type, "ERROR")) {
        arena_release(&machine->answer_arena);
        machine->answer = kube_answer_of_status(&machine->answer_arena, object);
        break_off(machine);
        return false;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!json_is_text(type, types[i].type) || !take_version(machine, object)) continue;
        machine->had_event = true;
        machine->failures = 0;
        out->kind = types[i].kind;
        out->object = out->kind == LISTWATCH_BOOKMARK ? NULL : object;
        return true;
    }
    invent_answer(machine, KUBE_EXPIRED, "the watch is not what an API server sends");
    break_off(machine);
    return false;
}

/* The watch is over and all of it is handed out: what now? */
static void watch_over(struct listwatch *machine, int64_t now_ms) {
    enum kube_answer_kind kind = machine->answer.kind;
    int64_t lasted_ms = now_ms - machine->watch_begun_ms;
    forget_lines(machine);
    if (machine->is_opened && (machine->had_event || lasted_ms >= WATCH_HEALTHY_MS)) machine->failures = 0;
    take_state(machine);
    if (kind == KUBE_OK) {
        bool is_in_order = machine->had_event || lasted_ms >= WATCH_SHORT_MS;
        watch_at(machine, is_in_order ? now_ms : after_backoff(machine, now_ms));
    } else if (kind == KUBE_EXPIRED) {
        list_anew(machine, now_ms);
    } else if (machine->answer.is_version_too_large && ++machine->version_refusals >= VERSION_REFUSALS_MAX) {
        machine->is_version_doubted = true;
        list_anew(machine, now_ms);
    } else if (kind == KUBE_KIND_MISSING_MAYBE || kind == KUBE_NOT_FOUND) {
        report_trouble(machine);
        machine->is_backing_off = true;
        list_anew_at(machine, now_ms + machine->settings.poll_ms);
    } else {
        report_trouble(machine);
        watch_at(machine, after_backoff(machine, now_ms));
    }
}

static void check_line_length(struct listwatch *machine) {
    if (machine->phase != LISTWATCH_PHASE_WATCHING || machine->lines.len - machine->line_at <= LIMIT_WATCH_LINE_BYTES) return;
    invent_answer(machine, KUBE_EXPIRED, "an event is longer than its limit");
    break_off(machine);
}

static bool next_of_watch(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_event *out) {
    struct str line;
    if (take_line(machine, &line)) {
        if (next_of_line(machine, line, arena, out)) return true;
    } else {
        check_line_length(machine);
    }
    if (machine->phase == LISTWATCH_PHASE_DRAINING)
        watch_over(machine, now_ms);
    else
        shrink_lines(machine);
    return false;
}

/* both */

bool listwatch_next_event(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_event *out) {
    struct listwatch_event event = {.generation = machine->generation};
    bool has_event = false;
    if (machine->phase == LISTWATCH_PHASE_PAGE)
        has_event = next_of_page(machine, now_ms, arena, &event);
    else if (machine->phase == LISTWATCH_PHASE_WATCHING || machine->phase == LISTWATCH_PHASE_DRAINING)
        has_event = next_of_watch(machine, now_ms, arena, &event);
    if (!has_event && machine->is_trouble_new) {
        machine->is_trouble_new = false;
        event.kind = LISTWATCH_TROUBLE;
        event.trouble = &machine->answer;
        has_event = true;
    }
    if (has_event) *out = event;
    return has_event;
}

/* A path cannot be built: the request stays due. */
static void wait_for_memory(int64_t now_ms, struct listwatch_action *out) {
    *out = (struct listwatch_action){.kind = LISTWATCH_WAIT, .until_ms = now_ms + MEMORY_WAIT_MS};
}

static void send_list(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_action *out) {
    struct kube_list_query query = {
        .limit = machine->page_limit,
        .continue_token = strbuf_view(&machine->continue_token),
        .field_selector = machine->settings.field_selector,
    };
    struct str path = kube_list_path(arena, &machine->settings.resource, machine->settings.namespace, &query);
    if (!path.len) {
        wait_for_memory(now_ms, out);
        return;
    }
    if (!query.continue_token.len) machine->list_begun_ms = now_ms;
    machine->is_backing_off = false;
    machine->phase = LISTWATCH_PHASE_LISTING;
    *out = (struct listwatch_action){
        .kind = LISTWATCH_LIST,
        .path = path,
        .timeout_ms = LIST_TIMEOUT_MS,
        .until_ms = INT64_MAX,
    };
}

static void send_watch(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_action *out) {
    machine->watch_timeout_s = WATCH_TIMEOUT_MIN_S + (int64_t)number_random_below(&machine->random, WATCH_TIMEOUT_SPREAD_S + 1);
    struct kube_list_query query = {
        .resource_version = strbuf_view(&machine->version),
        .field_selector = machine->settings.field_selector,
        .is_watch = true,
        .allow_bookmarks = true,
        .timeout_s = machine->watch_timeout_s,
    };
    struct str path = kube_list_path(arena, &machine->settings.resource, machine->settings.namespace, &query);
    if (!path.len) {
        wait_for_memory(now_ms, out);
        return;
    }
    machine->phase = LISTWATCH_PHASE_WATCHING;
    machine->is_watch_open = true;
    machine->is_backing_off = false;
    machine->is_opened = machine->had_event = false;
    machine->watch_begun_ms = now_ms;
    machine->watch_dead_ms = now_ms + WATCH_OPEN_MS;
    *out = (struct listwatch_action){
        .kind = LISTWATCH_WATCH,
        .path = path,
        .until_ms = machine->watch_dead_ms,
    };
}

void listwatch_next_action(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_action *out) {
    *out = (struct listwatch_action){.kind = LISTWATCH_WAIT, .until_ms = INT64_MAX};
    if (machine->phase == LISTWATCH_PHASE_WATCHING && now_ms >= machine->watch_dead_ms) {
        invent_answer(machine, KUBE_LOST, machine->is_opened ? "the watch went silent past its end" : "the watch was not answered");
        end_watch(machine);
    }
    if (machine->wants_close) {
        machine->wants_close = machine->is_watch_open = false;
        out->kind = LISTWATCH_CLOSE;
        return;
    }
    switch (machine->phase) {
    case LISTWATCH_PHASE_LIST_DUE:
        if (now_ms >= machine->due_ms)
            send_list(machine, now_ms, arena, out);
        else
            out->until_ms = machine->due_ms;
        break;
    case LISTWATCH_PHASE_WATCH_DUE:
        if (now_ms >= machine->due_ms)
            send_watch(machine, now_ms, arena, out);
        else
            out->until_ms = machine->due_ms;
        break;
    case LISTWATCH_PHASE_WATCHING: out->until_ms = machine->watch_dead_ms; break;
    case LISTWATCH_PHASE_PAGE:
    case LISTWATCH_PHASE_DRAINING: out->until_ms = now_ms; break; /* there is more to hand out first */
    case LISTWATCH_PHASE_LISTING: break;
    }
}

void listwatch_hurry(struct listwatch *machine, int64_t now_ms) {
    bool is_due = machine->phase == LISTWATCH_PHASE_LIST_DUE || machine->phase == LISTWATCH_PHASE_WATCH_DUE;
    int64_t soon_ms = now_ms + (int64_t)number_random_below(&machine->random, HURRY_MS);
    if (is_due && machine->is_backing_off && machine->due_ms > soon_ms) machine->due_ms = soon_ms;
}

#include "reconcile_shell.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { ARENA_BYTES = 64 * 1024 * 1024, RUNS_MAX = 300, REQUESTS_MAX = 500 };

#define START_MS INT64_C(1767225600000)

static const struct {
    const char *name;
    bool has_effect;
    enum answer_kind answer;
} faults[] = {
#define SHELL_FAULT_ROW(id, name, effect, answer) {name, effect, answer},
    SHELL_FAULTS(SHELL_FAULT_ROW)
#undef SHELL_FAULT_ROW
};

const char *shell_fault_name(enum shell_fault fault) {
    return faults[fault].name;
}

/* ---- records ---- */

static int64_t version_of(struct str version) {
    int64_t number = 0;
    number_parse_int64(version, &number);
    return number;
}

static struct shell_record *find_record(const struct shell *shell, enum child_kind kind, struct str name) {
    for (size_t i = 0; i < SHELL_RECORDS_MAX; i++) {
        const struct shell_record *record = &shell->records[i];
        if (record->is_used && record->observed.kind == kind && str_equal(record->observed.name, name))
            return (struct shell_record *)(uintptr_t)record;
    }
    return NULL;
}

const struct observed *shell_record(const struct shell *shell, enum child_kind kind, const char *name) {
    struct shell_record *record = find_record(shell, kind, str_of(name));
    return record ? &record->observed : NULL;
}

static void forget_record(struct shell_record *record) {
    arena_release(&record->arena);
    record->is_used = false;
}

static struct shell_record *free_slot(struct shell *shell) {
    for (size_t i = 0; i < SHELL_RECORDS_MAX; i++) {
        if (!shell->records[i].is_used) return &shell->records[i];
    }
    fail_msg("the shell has too many records");
    return NULL;
}

/* `desired`: the object is the answer to our own write of it. `is_read`: judged anew even when its version is known. */
static void take_child(struct shell *shell, enum child_kind kind, struct str text, const struct child *desired, bool is_read) {
    struct shell_record fresh = {.is_used = true};
    arena_init(&fresh.arena, ARENA_BYTES);
    yyjson_val *live = json_parse(&fresh.arena, text, NULL);
    assert_non_null(live);
    assert_true(observed_read(&fresh.arena, kind, live, &fresh.observed));
    struct shell_record *known = find_record(shell, kind, fresh.observed.name);
    const struct observed *older = known ? &known->observed : NULL;
    int64_t version = version_of(fresh.observed.resource_version), known_version = older ? version_of(older->resource_version) : 0;
    bool is_same = older && version == known_version && !is_read && !desired && older->verdict != VERDICT_UNKNOWN;
    if (version < known_version || is_same) {
        arena_release(&fresh.arena);
        return;
    }
    if (desired)
        reconcile_judge_own(&fresh.arena, desired, live, older, shell->now_ms, &fresh.observed);
    else if (shell->booster) {
        assert_true(reconcile_judge(&fresh.arena, shell->booster, &shell->settings, shell->may_upgrade, live, older, shell->now_ms,
                                    &fresh.observed));
    } else
        observed_inherit(older, &fresh.observed);
    /* Texts of the older record may have been carried over: only values are (observed_inherit), so it can go. */
    if (known) forget_record(known);
    *(known ? known : free_slot(shell)) = fresh;
}

static void take_booster(struct shell *shell, struct str text) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *live = json_parse(&arena, text, NULL);
    assert_non_null(live);
    int64_t version = version_of(json_text(json_path(live, "metadata", "resourceVersion", NULL)));
    bool is_this = json_is_text(json_path(live, "metadata", "name", NULL), shell->booster_name);
    if (!is_this || (shell->booster && version <= shell->booster_version)) {
        arena_release(&arena);
        return;
    }
    struct str uid = json_text(json_path(live, "metadata", "uid", NULL));
    bool is_other = shell->booster && !str_equal(uid, json_text(json_path(shell->booster, "metadata", "uid", NULL)));
    if (is_other) shell->memory = (struct reconcile_memory){0};
    arena_release(&shell->booster_arena);
    shell->booster_arena = arena;
    shell->booster = live;
    shell->booster_version = version;
}

static void take_deletion(struct shell *shell, const struct fake_event *event) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *gone = json_parse(&arena, str_of(event->text), NULL);
    struct str name = json_text(json_path(gone, "metadata", "name", NULL)), uid = json_text(json_path(gone, "metadata", "uid", NULL));
    if (event->kind == FAKE_BOOSTER) {
        bool is_it = shell->booster && str_equal(uid, json_text(json_path(shell->booster, "metadata", "uid", NULL)));
        if (is_it) shell->booster = NULL;
    } else {
        struct shell_record *known = find_record(shell, (enum child_kind)event->kind, name);
        if (known && str_equal(known->observed.uid, uid)) forget_record(known);
    }
    arena_release(&arena);
}

bool shell_deliver(struct shell *shell) {
    bool is_news = shell->cursor < shell->server->event_count;
    while (shell->cursor < shell->server->event_count) {
        const struct fake_event *event = &shell->server->events[shell->cursor++];
        if (event->is_deleted)
            take_deletion(shell, event);
        else if (event->kind == FAKE_BOOSTER)
            take_booster(shell, str_of(event->text));
        else
            take_child(shell, (enum child_kind)event->kind, str_of(event->text), NULL, false);
    }
    return is_news;
}

/* ---- life ---- */

static void list(struct shell *shell) {
    shell->cursor = shell->server->event_count;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < shell->server->object_count; i++) {
            const struct fake_object *object = shell->server->objects[i];
            bool is_booster = object->kind == FAKE_BOOSTER;
            if (pass == 0 && is_booster) take_booster(shell, object->text);
            if (pass == 1 && !is_booster) take_child(shell, (enum child_kind)object->kind, object->text, NULL, false);
        }
    }
}

static void forget_all(struct shell *shell) {
    for (size_t i = 0; i < SHELL_RECORDS_MAX; i++) {
        if (shell->records[i].is_used) forget_record(&shell->records[i]);
    }
    arena_release(&shell->booster_arena);
    shell->booster = NULL;
    shell->booster_version = 0;
    shell->memory = (struct reconcile_memory){0};
}

struct shell *shell_new(struct fake_server *server, const char *booster_name) {
    struct shell *shell = calloc(1, sizeof *shell);
    assert_non_null(shell);
    shell->server = server;
    shell->booster_name = booster_name;
    shell->now_ms = START_MS;
    shell->settings = (struct reconcile_settings){
        .generate = {.images = {STR("downloader:1"), STR("runtime:1")}, .topology_shape = TOPOLOGY_KTHENA_MAIN},
        .status_shape = {true, true},
    };
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) shell->kinds[kind] = KIND_SYNCED;
    shell->trace = strbuf_with_max(1024 * 1024);
    arena_init(&shell->booster_arena, ARENA_BYTES);
    list(shell);
    return shell;
}

void shell_free(struct shell *shell) {
    forget_all(shell);
    strbuf_release(&shell->trace);
    free(shell);
}

void shell_crash(struct shell *shell) {
    forget_all(shell);
    list(shell);
    shell->has_crashed = true;
}

/* ---- one run ---- */

struct run {
    struct arena arena;
    struct reconcile machine;
    struct str uid;
};

static void observe(struct shell *shell, struct run *run, struct observation *out) {
    const struct observed **children = arena_array(&run->arena, SHELL_RECORDS_MAX, sizeof(struct observed *));
    size_t count = 0;
    for (size_t i = 0; i < SHELL_RECORDS_MAX; i++) {
        const struct observed *record = &shell->records[i].observed;
        if (!shell->records[i].is_used) continue;
        bool is_wanted = str_equal(record->owner_uid, run->uid);
        for (size_t k = 0; k < run->machine.key_count; k++) {
            is_wanted |= run->machine.keys[k].kind == record->kind && str_equal(run->machine.keys[k].name, record->name);
        }
        if (is_wanted) children[count++] = record;
    }
    *out = (struct observation){.now_ms = shell->now_ms, .children = children, .child_count = count, .may_upgrade = shell->may_upgrade};
    json_int64(json_path(shell->booster, "metadata", "generation", NULL), &out->booster_generation);
    memcpy(out->kinds, shell->kinds, sizeof out->kinds);
}

static void note(struct shell *shell, const struct request *request, const char *became) {
    static const char *const verbs[] = {"create", "dry-run", "patch", "delete", "get", "get-booster", "status", "discover"};
    bool is_booster = request->verb == REQUEST_GET_BOOSTER || request->verb == REQUEST_PATCH_STATUS;
    shell->verb_counts[request->verb]++;
    strbuf_printf(&shell->trace, "%s%s%s %.*s%s%s\n", verbs[request->verb], is_booster ? "" : " ",
                  is_booster ? "" : child_kind_name(request->kind), STR_ARG(request->name), became[0] ? " -> " : "", became);
}

static enum shell_fault fault_at(const struct shell *shell, size_t index, enum request_verb verb) {
    for (size_t i = 0; i < shell->fault_count; i++) {
        /* Reads are linearizable: no server says of a living child that there is none. */
        bool is_impossible = shell->faults[i].fault == FAULT_NOT_FOUND && verb == REQUEST_GET;
        if (shell->faults[i].at == index && !is_impossible) return shell->faults[i].fault;
    }
    return FAULT_NONE;
}

/* Brings the records up to date with an answer, as controller/job.c does. */
static void take_answer(struct shell *shell, struct run *run, const struct request *request, struct answer *answer, struct str body) {
    if (answer->kind == ANSWER_NOT_FOUND && request->verb == REQUEST_GET) {
        struct shell_record *known = find_record(shell, request->kind, request->name);
        if (known) forget_record(known);
    }
    if (answer->kind != ANSWER_OK) return;
    bool is_own_write = request->desired && (request->verb == REQUEST_CREATE || request->verb == REQUEST_PATCH);
    struct shell_record *known = find_record(shell, request->kind, request->name);
    switch (request->verb) {
    case REQUEST_CREATE:
    case REQUEST_PATCH: take_child(shell, request->kind, body, is_own_write ? request->desired : NULL, true); break;
    case REQUEST_GET: take_child(shell, request->kind, body, NULL, true); break;
    case REQUEST_DELETE:
        if (str_contains(body, STR("\"kind\":\"Status\""))) {
            if (known) forget_record(known);
        } else
            take_child(shell, request->kind, body, NULL, true);
        break;
    case REQUEST_GET_BOOSTER:
        answer->booster_uid = arena_copy(&run->arena, answer->booster_uid);
        take_booster(shell, body);
        break;
    case REQUEST_PATCH_STATUS: {
        yyjson_val *object = json_parse(&run->arena, body, NULL);
        reconcile_status_kept(&run->machine, json_get(object, "status"));
        take_booster(shell, body);
        break;
    }
    default: break;
    }
}

/* False when the process dies of it. */
static bool perform(struct shell *shell, struct run *run, const struct request *request) {
    size_t index = shell->request_count++;
    if (shell->before_request) shell->before_request(shell, index, request);
    enum shell_fault fault = fault_at(shell, index, request->verb);
    bool is_crash = fault == FAULT_CRASH_BEFORE || fault == FAULT_CRASH_AFTER;
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    struct answer answer = {.kind = ANSWER_OK};
    if (faults[fault].has_effect) answer = fake_server_perform(shell->server, STR("ns"), request, &body);
    bool is_lie = fault != FAULT_NONE;
    if (is_lie)
        answer =
            (struct answer){.kind = faults[fault].answer, .message = STR("by fault"), .retry_after_ms = fault == FAULT_TOO_MANY ? 1000 : 0};
    note(shell, request, is_lie ? faults[fault].name : answer.kind == ANSWER_OK ? "" : answer.message.ptr);
    if (is_crash)
        shell_crash(shell);
    else {
        if (shell->delivery == EVENTS_BEFORE_ANSWER) shell_deliver(shell);
        take_answer(shell, run, request, &answer, strbuf_view(&body));
        answer.message = arena_copy(&run->arena, answer.message);
        reconcile_answer(&run->machine, &answer, shell->now_ms);
        if (shell->delivery == EVENTS_AFTER_ANSWER) shell_deliver(shell);
    }
    strbuf_release(&body);
    return !is_crash;
}

bool shell_run(struct shell *shell) {
    struct run run = {0};
    size_t before = shell->request_count;
    shell->done = (struct done){0};
    shell_deliver(shell);
    if (!shell->booster) return false;
    arena_init(&run.arena, LIMIT_RECONCILE_ARENA_BYTES);
    /* The run has its own copy: the shell's is replaced by events. */
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, shell->booster);
    yyjson_val *object = json_parse(&run.arena, strbuf_view(&text), NULL);
    strbuf_release(&text);
    struct reconcile_memory memory = shell->memory;
    assert_true(reconcile_begin(&run.machine, &run.arena, object, &shell->settings, &memory));
    run.uid = run.machine.booster.uid;
    bool lives = true;
    while (lives) {
        struct observation observation;
        struct request request;
        observe(shell, &run, &observation);
        if (reconcile_next(&run.machine, &observation, &request, &shell->done) == STEP_DONE) break;
        lives = perform(shell, &run, &request);
        if (shell->request_count - before > REQUESTS_MAX) fail_msg("a run that never ends:\n%s", strbuf_view(&shell->trace).ptr);
    }
    bool is_same_booster = lives && shell->booster && str_equal(run.uid, json_text(json_path(shell->booster, "metadata", "uid", NULL)));
    if (is_same_booster) shell->memory = memory;
    if (!lives) shell->done = (struct done){.wants_retry = true};
    arena_release(&run.arena);
    return shell->request_count > before;
}

static bool has_news(const struct shell *shell) {
    return shell->cursor < shell->server->event_count;
}

/* Retries until it works, or for as long as a patient person would watch. */
static bool may_retry(struct shell *shell, int64_t *delay_ms) {
    bool is_hopeless = *delay_ms > 1000 * 1000;
    if (!shell->done.wants_retry || is_hopeless) return false;
    shell->now_ms += shell->done.retry_after_ms > *delay_ms ? shell->done.retry_after_ms : *delay_ms;
    *delay_ms *= 2;
    return true;
}

void shell_settle(struct shell *shell) {
    int64_t delay_ms = 5, waited_for_ms = 0;
    for (int runs = 0; runs < RUNS_MAX; runs++) {
        shell_run(shell);
        if (has_news(shell) || may_retry(shell, &delay_ms)) continue;
        if (fake_server_serve(shell->server) || fake_server_collect(shell->server)) continue;
        bool is_waiting = !shell->done.wants_retry && shell->done.again_ms > waited_for_ms;
        if (!is_waiting) return;
        waited_for_ms = shell->done.again_ms;
        if (shell->now_ms < waited_for_ms) shell->now_ms = waited_for_ms;
        delay_ms = 5;
    }
    fail_msg("never settles; requests:\n%s", strbuf_view(&shell->trace).ptr);
}

void shell_settle_now(struct shell *shell) {
    for (int runs = 0; runs < RUNS_MAX; runs++) {
        shell_run(shell);
        if (!has_news(shell)) return;
    }
    fail_msg("never settles; requests:\n%s", strbuf_view(&shell->trace).ptr);
}

const char *shell_take_trace(struct shell *shell) {
    static char text[65536];
    snprintf(text, sizeof text, "%.*s", STR_ARG(strbuf_view(&shell->trace)));
    strbuf_clear(&shell->trace);
    return text;
}

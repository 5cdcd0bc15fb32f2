#include "cli/live.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/output.h"

enum { PAGE = 500, PAGES_MAX = 100000, AGAIN_MS = 1000, LINE_ARENA_BYTES = 256 * 1024 * 1024 };

static struct kube_answer no_answer(struct arena *arena, const char *message) {
    return kube_answer_none(arena, KUBE_LOST, str_of(message));
}

struct kube_answer live_list(const struct live *live, struct arena *arena, struct str *out_version) {
    struct kube_list_query query = {.limit = PAGE, .label_selector = live->label_selector, .field_selector = live->field_selector};
    for (int page = 0; page < PAGES_MAX; page++) {
        struct cluster_answer answer;
        struct cluster_request request = {.path = kube_list_path(arena, &live->kind->resource, live->namespace, &query),
                                          .accept = view_accept(live->view)};
        if (!cluster_ask(live->cluster, arena, &request, &answer)) return answer.kube;
        yyjson_val *root = json_parse(arena, answer.body, NULL);
        if (!root) return no_answer(arena, "the list that came is no JSON");
        view_add(live->view, live->kind, STR("ADDED"), root, loop_wall_ms(live->cluster->loop));
        *out_version = json_text(json_path(root, "metadata", "resourceVersion", NULL));
        query.continue_token = json_text(json_path(root, "metadata", "continue", NULL));
        if (!query.continue_token.len) return (struct kube_answer){.kind = KUBE_OK};
    }
    return no_answer(arena, "the list has no end");
}

/* ---- following ---- */

struct following {
    const struct live *live;
    struct strbuf version; /* of the last event */
    struct kube_answer refusal;
    struct arena arena; /* of the refusal */
    bool is_refused, is_unwritable, has_heard;
};

static bool write_out(struct view *view) {
    view_flush(view);
    if (view->out.failed) fprintf(stderr, "model-booster: memory is out\n");
    bool is_written = !view->out.failed && output_now(strbuf_view(&view->out));
    strbuf_clear(&view->out);
    return is_written;
}

/* Of an object, a Table's rows, or the Table itself (a bookmark has no rows). */
static struct str version_of(const yyjson_val *object) {
    yyjson_val *row = yyjson_arr_get_last(json_get(object, "rows"));
    struct str version = json_text(json_path(row, "object", "metadata", "resourceVersion", NULL));
    return version.len ? version : json_text(json_path(object, "metadata", "resourceVersion", NULL));
}

static bool handle(struct following *following, const yyjson_val *event) {
    struct str type = json_text(json_get(event, "type"));
    yyjson_val *object = json_get(event, "object");
    if (str_is(type, "ERROR")) {
        arena_release(&following->arena);
        following->refusal = kube_answer_of_status(&following->arena, object);
        following->is_refused = true;
        return false;
    }
    struct str version = version_of(object);
    following->has_heard = true;
    if (version.len) strbuf_set(&following->version, version);
    if (str_is(type, "BOOKMARK")) return true;
    const struct live *live = following->live;
    view_add(live->view, live->kind, type, object, loop_wall_ms(live->cluster->loop));
    following->is_unwritable = !write_out(live->view);
    return !following->is_unwritable;
}

static bool on_line(void *context, struct str line) {
    struct arena scratch;
    arena_init(&scratch, LINE_ARENA_BYTES);
    yyjson_val *event = json_parse(&scratch, line, NULL);
    bool goes_on = event && handle(context, event);
    arena_release(&scratch);
    return goes_on;
}

/* Watches until something is to be decided: KUBE_OK, go on from there. */
static struct kube_answer watch_on(struct following *following, struct arena *arena) {
    const struct live *live = following->live;
    struct kube_list_query query = {.label_selector = live->label_selector,
                                    .field_selector = live->field_selector,
                                    .resource_version = strbuf_view(&following->version),
                                    .is_watch = true,
                                    .allow_bookmarks = true};
    struct cluster_request request = {.path = kube_list_path(arena, &live->kind->resource, live->namespace, &query),
                                      .accept = view_accept(live->view)};
    struct kube_answer answer;
    following->is_refused = following->has_heard = false;
    cluster_follow(live->cluster, arena, &request, INT64_MAX, on_line, following, &answer);
    if (following->is_refused) return following->refusal;
    return answer;
}

static bool list_anew(struct following *following, struct arena *arena, struct kube_answer *out) {
    struct str version = STR_EMPTY;
    *out = live_list(following->live, arena, &version);
    if (out->kind != KUBE_OK) return false;
    strbuf_set(&following->version, version);
    following->is_unwritable = !write_out(following->live->view);
    return !following->is_unwritable;
}

/* `is_waiting`: the person has been told that the server is away. */
static void note_trouble(const struct live *live, bool *is_waiting, const struct kube_answer *answer) {
    if (!*is_waiting) cluster_complain(live->cluster, "%.*s; trying again until it answers", STR_ARG(answer->message));
    *is_waiting = true;
    cluster_pause(live->cluster, AGAIN_MS);
}

/* Not for a server that has never answered: its name may be wrong. */
static bool is_worth_waiting(const struct following *following, enum kube_answer_kind kind) {
    return kube_answer_is_transient(kind) && kind != KUBE_UNAUTHORIZED && following->version.len;
}

int live_follow(const struct live *live) {
    struct following following = {.live = live, .version = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES)};
    struct arena arena;
    bool is_list_wanted = true, is_waiting = false;
    int status = EXIT_UNABLE;
    arena_init(&arena, LIMIT_INPUT_ARENA_BYTES);
    arena_init(&following.arena, LIMIT_BODY_BYTES);
    while (!following.is_unwritable) {
        struct kube_answer answer;
        arena_release(&arena);
        if (is_list_wanted) {
            is_list_wanted = !list_anew(&following, &arena, &answer);
        } else {
            answer = watch_on(&following, &arena);
            if (answer.kind == KUBE_OK && !following.has_heard && !following.is_unwritable) cluster_pause(live->cluster, AGAIN_MS);
        }
        if (following.is_unwritable) break;
        if (answer.kind == KUBE_OK) {
            is_waiting = false;
        } else if (answer.kind == KUBE_EXPIRED) {
            cluster_complain(live->cluster, "the server has forgotten what was before; all is listed anew");
            is_list_wanted = true;
        } else if (is_worth_waiting(&following, answer.kind)) {
            note_trouble(live, &is_waiting, &answer);
        } else {
            status = cluster_refuse(live->cluster, NULL, &answer);
            break;
        }
    }
    strbuf_release(&following.version);
    arena_release(&following.arena);
    arena_release(&arena);
    return status;
}

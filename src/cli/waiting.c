#include "cli/waiting.h"

enum { ROUND_ARENA_BYTES = 256 * 1024 * 1024, AGAIN_MS = 500 };

struct waiting {
    struct cluster *cluster;
    const struct kind_entry *kind;
    struct str namespace, selector;
    waiting_fn *is_met;
    void *context;
    bool has_met;
};

static bool on_line(void *context, struct str line) {
    struct waiting *waiting = context;
    struct arena scratch;
    arena_init(&scratch, ROUND_ARENA_BYTES);
    yyjson_val *event = json_parse(&scratch, line, NULL);
    struct str type = json_text(json_get(event, "type"));
    bool is_news = str_is(type, "ADDED") || str_is(type, "MODIFIED"), is_end = str_is(type, "DELETED");
    if (is_news || is_end) waiting->has_met = waiting->is_met(waiting->context, is_end ? NULL : json_get(event, "object"));
    arena_release(&scratch);
    return !waiting->has_met && (is_news || is_end);
}

/* KUBE_OK: looked at, and `out_version` is where to go on from. */
static struct kube_answer look(struct waiting *waiting, struct arena *arena, struct str *out_version) {
    struct kube_list_query query = {.field_selector = waiting->selector};
    struct cluster_answer answer;
    struct cluster_request request = {.path = kube_list_path(arena, &waiting->kind->resource, waiting->namespace, &query)};
    if (!cluster_ask(waiting->cluster, arena, &request, &answer)) return answer.kube;
    yyjson_val *list = json_parse(arena, answer.body, NULL);
    if (!list) return kube_answer_none(arena, KUBE_LOST, STR("the list that came is no JSON"));
    *out_version = json_text(json_path(list, "metadata", "resourceVersion", NULL));
    waiting->has_met = waiting->is_met(waiting->context, yyjson_arr_get_first(json_get(list, "items")));
    return answer.kube;
}

static struct kube_answer watch(struct waiting *waiting, struct arena *arena, struct str version, int64_t deadline_ms) {
    struct kube_list_query query = {.field_selector = waiting->selector, .resource_version = version, .is_watch = true};
    struct cluster_request request = {.path = kube_list_path(arena, &waiting->kind->resource, waiting->namespace, &query)};
    struct kube_answer answer;
    enum cluster_end end = cluster_follow(waiting->cluster, arena, &request, deadline_ms, on_line, waiting, &answer);
    return end == CLUSTER_ENDED ? answer : (struct kube_answer){.kind = KUBE_OK};
}

/* What may be another answer when it is asked again. */
static bool is_passing(enum kube_answer_kind kind) {
    return kind == KUBE_OK || kind == KUBE_EXPIRED || (kube_answer_is_transient(kind) && kind != KUBE_UNAUTHORIZED);
}

static struct kube_answer kept(struct cluster *cluster, const struct kube_answer *answer) {
    struct kube_answer copy = {.kind = answer->kind, .http_status = answer->http_status};
    copy.message = arena_copy(&cluster->arena, answer->message);
    return copy;
}

enum waiting_end waiting_for(struct cluster *cluster, const struct kind_entry *kind, struct str namespace, struct str name,
                             int64_t deadline_ms, waiting_fn *is_met, void *context, struct kube_answer *out_refusal) {
    struct waiting waiting = {.cluster = cluster, .kind = kind, .namespace = namespace, .is_met = is_met, .context = context};
    enum waiting_end end = WAITING_TIMEOUT;
    struct arena arena;
    arena_init(&arena, ROUND_ARENA_BYTES);
    for (int round = 0;; round++) {
        struct str version = STR_EMPTY;
        arena_release(&arena);
        waiting.selector = arena_join(&arena, STR("metadata.name="), name, STR_EMPTY);
        struct kube_answer answer = look(&waiting, &arena, &version);
        bool is_seen = answer.kind == KUBE_OK;
        if (is_seen && !waiting.has_met) answer = watch(&waiting, &arena, version, deadline_ms);
        if (waiting.has_met) {
            end = WAITING_MET;
            break;
        }
        /* A server that has never answered may be the wrong one. */
        if (!is_passing(answer.kind) || (round == 0 && !is_seen)) {
            *out_refusal = kept(cluster, &answer);
            end = WAITING_REFUSED;
            break;
        }
        if (loop_now_ms(cluster->loop) >= deadline_ms) break;
        if (answer.kind != KUBE_OK) cluster_pause(cluster, AGAIN_MS);
    }
    arena_release(&arena);
    return end;
}

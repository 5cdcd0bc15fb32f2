#include "controller/definitions.h"

#include "kube/backoff.h"

enum {
    READ_DEADLINE_MS = 15 * 1000,
    TRY_AGAIN_MS = 2000,
    TRY_AGAIN_MAX_MS = 60 * 1000,
    FORBIDDEN_PATIENCE_MS = 10 * 1000, /* as of lists: a server that has just started forbids everything for a moment */
};

static const char document_key[] = "apis/" API_VERSION_WORKLOAD;

static void read_index(struct definitions *definitions);

static void on_timer(void *owner) {
    read_index(owner);
}

bool definitions_init(struct definitions *definitions, struct loop *loop, struct client *client, uint64_t seed, definitions_told_fn *told,
                      void *context) {
    *definitions = (struct definitions){.loop = loop, .client = client, .random = {seed}, .told = told, .context = context};
    definitions->timer = loop_timer_new(loop, on_timer, definitions);
    return definitions->timer != NULL;
}

void definitions_release(struct definitions *definitions) {
    loop_timer_free(definitions->timer);
}

/* ---- the end of a reading ---- */

/* No sooner than the server says. */
static void try_again(struct definitions *definitions, int64_t told_ms) {
    const struct backoff_limits limits = {TRY_AGAIN_MS, TRY_AGAIN_MAX_MS};
    if (definitions->tries < UINT32_MAX) definitions->tries++;
    int64_t delay_ms = backoff_delay_ms(limits, definitions->tries, &definitions->random);
    loop_timer_set(definitions->timer, loop_now_ms(definitions->loop) + (told_ms > delay_ms ? told_ms : delay_ms));
}

static void conclude(struct definitions *definitions, struct arena *arena, enum definitions_answer answer, const yyjson_val *document,
                     const struct kube_answer *trouble) {
    struct definition_facts facts = settings_definition_facts(arena, document);
    bool is_wanted_again = definitions->is_wanted_again;
    definitions->is_busy = definitions->is_wanted_again = false;
    if (is_wanted_again || answer == DEFINITIONS_FOUND) definitions->tries = 0;
    if (is_wanted_again || answer != DEFINITIONS_FOUND) try_again(definitions, trouble ? trouble->retry_after_ms : 0);
    if (!trouble || trouble->http_status != 403) definitions->forbidden_ms = 0;
    definitions->told(definitions->context, answer, &facts, trouble ? trouble->message : STR_EMPTY);
}

static bool is_forbidden_for_good(struct definitions *definitions, const struct kube_answer *answer) {
    int64_t now_ms = loop_now_ms(definitions->loop);
    if (answer->http_status != 403) return false;
    if (!definitions->forbidden_ms) definitions->forbidden_ms = now_ms;
    return now_ms - definitions->forbidden_ms >= FORBIDDEN_PATIENCE_MS;
}

/* A server without such documents says 404. */
static void refused(struct definitions *definitions, struct arena *arena, const struct kube_answer *answer) {
    bool has_none = answer->http_status == 404 || is_forbidden_for_good(definitions, answer);
    conclude(definitions, arena, has_none ? DEFINITIONS_NOT_DESCRIBED : DEFINITIONS_UNREADABLE, NULL, answer);
}

static void garbled(struct definitions *definitions, struct arena *arena) {
    const struct kube_answer answer = kube_answer_none(arena, KUBE_SERVER_ERROR, STR("it is not what an API server sends"));
    refused(definitions, arena, &answer);
}

/* ---- the two reads ---- */

static bool get(struct definitions *definitions, struct str path, client_answer_fn *answered) {
    struct client_request request = {.method = "GET", .path = path, .deadline_ms = READ_DEADLINE_MS};
    return client_send(definitions->client, &request, answered, definitions);
}

static void take_document(struct definitions *definitions, struct arena *arena, struct str text) {
    yyjson_val *document = json_parse(arena, text, NULL);
    if (yyjson_is_obj(document))
        conclude(definitions, arena, DEFINITIONS_FOUND, document, NULL);
    else
        garbled(definitions, arena);
}

static void on_document(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, 4 * (size_t)LIMIT_BODY_BYTES);
    if (answer->kind == KUBE_OK)
        take_document(context, &arena, strbuf_view(body));
    else
        refused(context, &arena, answer);
    arena_release(&arena);
}

static void take_index(struct definitions *definitions, struct arena *arena, struct str text) {
    yyjson_val *paths = json_get(json_parse(arena, text, NULL), "paths"), *ours = json_get(paths, document_key);
    struct str path = json_text(json_get(ours, "serverRelativeURL"));
    if (yyjson_is_obj(paths) && !ours)
        conclude(definitions, arena, DEFINITIONS_NOT_DESCRIBED, NULL, NULL);
    else if (path.len == 0 || path.ptr[0] != '/' || !get(definitions, path, on_document))
        garbled(definitions, arena);
}

static void on_index(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    if (answer->kind == KUBE_OK)
        take_index(context, &arena, strbuf_view(body));
    else
        refused(context, &arena, answer);
    arena_release(&arena);
}

static void read_index(struct definitions *definitions) {
    if (definitions->is_busy) return;
    loop_timer_clear(definitions->timer);
    definitions->is_busy = get(definitions, STR("/openapi/v3"), on_index);
    if (!definitions->is_busy) try_again(definitions, 0);
}

void definitions_read(struct definitions *definitions) {
    definitions->is_wanted_again = definitions->is_busy;
    definitions->tries = 0;
    read_index(definitions);
}

#include "cli/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/report.h"

enum { ANSWER_TIMEOUT_MS = 60 * 1000, THROTTLED_TRIES = 5, THROTTLED_PAUSE_MS = 1000, TURN_MS = 1000, COMPLAINT_BYTES = 64 * 1024 };

/* ---- connecting ---- */

struct login {
    bool is_done;
    struct error error;
};

static void on_credentials(void *owner, const struct error *error) {
    struct login *login = owner;
    login->is_done = true;
    if (error) login->error = *error;
}

static bool connect_to(struct cluster *cluster, const struct cluster_flags *flags, struct error *error) {
    const char *configured = getenv("KUBECONFIG");
    bool is_configured = !flags->kubeconfig && configured && *configured;
    struct connect_options options = {is_configured ? configured : flags->kubeconfig, flags->context, flags->allow_exec};
    if (!connection_open(&cluster->arena, cluster->loop, &options, &cluster->connection, error)) return false;
    struct login login = {0};
    credentials_start(cluster->connection.credentials, on_credentials, &login);
    while (!login.is_done) loop_run_once(cluster->loop, TURN_MS);
    if (!login.error.kind) return true;
    *error = login.error;
    client_release(&cluster->connection.client);
    connection_close(&cluster->connection);
    return false;
}

bool cluster_connect(struct cluster *cluster, const char *command, const struct cluster_flags *flags, struct error *error) {
    *cluster = (struct cluster){.command = command};
    arena_init(&cluster->arena, LIMIT_INPUT_ARENA_BYTES);
    cluster->loop = loop_new(error);
    if (cluster->loop && connect_to(cluster, flags, error)) {
        cluster->is_namespace_given = flags->namespace != NULL;
        cluster->namespace = flags->namespace ? str_of(flags->namespace) : cluster->connection.namespace;
        return true;
    }
    loop_free(cluster->loop);
    arena_release(&cluster->arena);
    return false;
}

bool cluster_open(struct cluster *cluster, const char *command, const struct cluster_flags *flags) {
    struct error error = {0};
    if (cluster_connect(cluster, command, flags, &error)) return true;
    fprintf(stderr, "model-booster %s: %s%s%s\n", command, error.path, error.path[0] ? ": " : "", error.message);
    return false;
}

void cluster_close(struct cluster *cluster) {
    client_release(&cluster->connection.client);
    connection_close(&cluster->connection);
    loop_free(cluster->loop);
    arena_release(&cluster->arena);
}

/* ---- asking ---- */

struct asking {
    struct arena *arena;
    struct cluster_answer *out;
    bool is_done;
};

static void print_warnings(struct arena *arena, struct str warnings) {
    while (warnings.len) {
        size_t end = str_find(warnings, STR("\n"));
        struct str text = kube_warning_text(arena, str_first(warnings, end == SIZE_MAX ? warnings.len : end));
        struct str line = text.len ? arena_join(arena, STR("Warning: "), text, STR_EMPTY) : STR_EMPTY;
        if (line.len) report_line(line);
        warnings = end == SIZE_MAX ? STR_EMPTY : str_from(warnings, end + 1);
    }
}

static void on_answer(void *owner, struct http_answer *answer) {
    struct asking *asking = owner;
    struct cluster_answer *out = asking->out;
    out->kube = client_read_answer(asking->arena, answer);
    out->content_type = arena_copy(asking->arena, answer->content_type);
    out->body = arena_copy(asking->arena, strbuf_view(&answer->body));
    print_warnings(asking->arena, answer->warnings);
    asking->is_done = true;
}

static struct http_request wire_request(const struct cluster_request *request) {
    return (struct http_request){
        .method = request->method ? request->method : "GET",
        .path = request->path,
        .body = request->body,
        .content_type = request->body.len && !request->content_type ? "application/json" : request->content_type,
        .accept = request->accept,
        .accept_gzip = !request->method,
    };
}

static struct kube_answer no_memory(struct arena *arena) {
    return kube_answer_none(arena, KUBE_NOT_SENT, STR("memory is out"));
}

static void ask_once(struct cluster *cluster, struct arena *arena, const struct cluster_request *request, struct cluster_answer *out) {
    struct asking asking = {.arena = arena, .out = out};
    struct http_request wire = wire_request(request);
    wire.timeout_ms = ANSWER_TIMEOUT_MS;
    *out = (struct cluster_answer){.kube = no_memory(arena)};
    if (!request->path.len || !http_send(cluster->connection.client.http, &wire, on_answer, &asking)) return;
    while (!asking.is_done) loop_run_once(cluster->loop, TURN_MS);
}

bool cluster_ask(struct cluster *cluster, struct arena *arena, const struct cluster_request *request, struct cluster_answer *out) {
    for (int tries = 0;; tries++) {
        ask_once(cluster, arena, request, out);
        if (out->kube.kind != KUBE_THROTTLED || tries == THROTTLED_TRIES) break;
        cluster_pause(cluster, out->kube.retry_after_ms ? out->kube.retry_after_ms : THROTTLED_PAUSE_MS);
    }
    return out->kube.kind == KUBE_OK;
}

/* ---- streams ---- */

struct following {
    struct arena *arena;
    cluster_line_fn *on_line;
    void *context;
    struct strbuf text; /* of the line that is not complete yet */
    struct kube_answer *out_answer;
    bool is_enough, is_over;
};

static void on_bytes(void *owner, struct str bytes) {
    struct following *following = owner;
    while (bytes.len && !following->is_enough) {
        size_t end = str_find(bytes, STR("\n"));
        strbuf_append(&following->text, str_first(bytes, end == SIZE_MAX ? bytes.len : end));
        if (end == SIZE_MAX) return;
        bytes = str_from(bytes, end + 1);
        struct str line = strbuf_view(&following->text);
        if (line.len && !following->text.failed) following->is_enough = !following->on_line(following->context, line);
        strbuf_clear(&following->text);
    }
}

static void on_end(void *owner, struct http_answer *answer) {
    struct following *following = owner;
    following->is_over = true;
    *following->out_answer = client_read_answer(following->arena, answer);
}

static void on_time(void *owner) {
    (void)owner; /* the loop's turn is all that is wanted */
}

enum cluster_end cluster_follow(struct cluster *cluster, struct arena *arena, const struct cluster_request *request, int64_t deadline_ms,
                                cluster_line_fn *on_line, void *context, struct kube_answer *out_answer) {
    static const struct http_stream_events events = {.on_data = on_bytes, .on_end = on_end};
    struct following following = {
        .arena = arena, .on_line = on_line, .context = context, .text = strbuf_with_max(LIMIT_WATCH_LINE_BYTES), .out_answer = out_answer};
    struct http_request wire = wire_request(request);
    wire.accept_gzip = false;
    *out_answer = no_memory(arena);
    struct loop_timer *timer = loop_timer_new(cluster->loop, on_time, NULL);
    struct http_handle *handle = timer && request->path.len ? http_open(cluster->connection.client.http, &wire, &events, &following) : NULL;
    if (handle) {
        loop_timer_set(timer, deadline_ms);
        while (!following.is_over && !following.is_enough && loop_now_ms(cluster->loop) < deadline_ms)
            loop_run_once(cluster->loop, TURN_MS);
        if (!following.is_over) http_cancel(handle);
    }
    loop_timer_free(timer);
    strbuf_release(&following.text);
    if (following.is_enough) return CLUSTER_ENOUGH;
    return following.is_over || !handle ? CLUSTER_ENDED : CLUSTER_TIMEOUT;
}

void cluster_pause(struct cluster *cluster, int64_t pause_ms) {
    int64_t end_ms = loop_now_ms(cluster->loop) + pause_ms;
    struct loop_timer *timer = loop_timer_new(cluster->loop, on_time, NULL);
    if (!timer) return;
    loop_timer_set(timer, end_ms);
    while (loop_now_ms(cluster->loop) < end_ms) loop_run_once(cluster->loop, TURN_MS);
    loop_timer_free(timer);
}

/* ---- complaints ---- */

const char *cluster_remedy(enum kube_answer_kind kind) {
    switch (kind) {
    case KUBE_LOST:
    case KUBE_NOT_SENT: return "is the server up, and is it the one that --kubeconfig, $KUBECONFIG and --context name?";
    case KUBE_UNAUTHORIZED: return "the server does not know these credentials: check the kubeconfig's user";
    case KUBE_THROTTLED: return "the server is busy: try again later";
    case KUBE_SERVER_ERROR:
    case KUBE_TIMEOUT: return "try again; if it stays so, look at the server's log";
    case KUBE_CONFLICT: return "somebody else has changed it: try again";
    default: return NULL;
    }
}

/* Nobody answered, or nobody who knows us: the question was not decided. */
static bool is_undecided(enum kube_answer_kind kind) {
    return kube_answer_is_transient(kind);
}

int cluster_refuse(const struct cluster *cluster, const char *place, const struct kube_answer *answer) {
    const char *remedy = cluster_remedy(answer->kind);
    cluster_complain(cluster, "%s%s%.*s%s%s", place ? place : "", place ? ": " : "", STR_ARG(answer->message), remedy ? "; " : "",
                     remedy ? remedy : "");
    return is_undecided(answer->kind) ? EXIT_UNABLE : EXIT_FINDINGS;
}

int cluster_complain(const struct cluster *cluster, const char *format, ...) {
    struct strbuf line = strbuf_with_max(COMPLAINT_BYTES);
    char text[COMPLAINT_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    strbuf_printf(&line, "model-booster %s: %s", cluster->command, text);
    report_line(strbuf_view(&line));
    strbuf_release(&line);
    return EXIT_FINDINGS;
}

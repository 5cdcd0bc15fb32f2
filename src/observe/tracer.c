#include "observe/tracer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/number.h"
#include "data/json.h"
#include "io/http_client.h"

#define SERVICE "model-booster"

enum { EXPORT_DEADLINE_MS = 10 * 1000, ANSWER_BYTES = 64 * 1024, LEAST_WAIT_MS = 1000, MOST_WAIT_MS = 30 * 1000, HEAD_BYTES = 4096 };

struct tracer {
    struct loop *loop;
    struct http_client *http;
    struct loop_timer *timer;        /* for the next batch, or the next attempt */
    struct tracer_settings settings; /* without the endpoint, which the client has */
    struct number_random random;
    uint64_t instance;
    struct strbuf waiting; /* texts of spans, with commas */
    uint64_t waiting_count;
    struct strbuf batch; /* a whole request, sent or to be sent again */
    uint64_t batch_count;
    int64_t wait_ms; /* before the batch is sent again */
    bool is_sending, is_timer_set, is_troubled;
    struct tracer_counts counts;
    struct loop_timer *patience;
    loop_callback *finished;
    void *finished_owner;
};

static int64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- sending ---- */

static void send_batch(struct tracer *tracer);

static void set_timer(struct tracer *tracer, int64_t wait_ms) {
    tracer->is_timer_set = true;
    loop_timer_set(tracer->timer, loop_now_ms(tracer->loop) + wait_ms);
}

static void make_batch(struct tracer *tracer) {
    span_write_head(&tracer->batch, SERVICE, tracer->settings.version, tracer->instance);
    strbuf_append(&tracer->batch, strbuf_view(&tracer->waiting));
    span_write_tail(&tracer->batch);
    tracer->batch_count = tracer->waiting_count;
    tracer->waiting_count = 0;
    strbuf_release(&tracer->waiting);
    tracer->waiting = strbuf_with_max(TRACER_QUEUE_BYTES);
}

static void end_batch(struct tracer *tracer, uint64_t *count) {
    *count += tracer->batch_count;
    tracer->batch_count = 0;
    tracer->wait_ms = 0;
    strbuf_release(&tracer->batch);
    tracer->batch = strbuf_with_max(TRACER_QUEUE_BYTES + HEAD_BYTES);
}

static void tell_finished(void *owner) {
    struct tracer *tracer = owner;
    loop_callback *finished = tracer->finished;
    tracer->finished = NULL;
    loop_timer_clear(tracer->patience);
    if (finished) finished(tracer->finished_owner);
}

static void go_on(struct tracer *tracer) {
    if (tracer->is_sending) return;
    if (!tracer->batch_count && !tracer->waiting_count)
        tell_finished(tracer);
    else if (tracer->batch_count)
        set_timer(tracer, tracer->wait_ms);
    else if (tracer->finished || tracer->waiting.len >= TRACER_BATCH_BYTES)
        send_batch(tracer);
    else if (!tracer->is_timer_set)
        set_timer(tracer, TRACER_BATCH_MS);
}

static void wait_longer(struct tracer *tracer, int64_t retry_after_ms) {
    int64_t doubled = tracer->wait_ms ? tracer->wait_ms * 2 : LEAST_WAIT_MS;
    tracer->wait_ms = doubled > MOST_WAIT_MS ? MOST_WAIT_MS : doubled;
    if (retry_after_ms > tracer->wait_ms) tracer->wait_ms = retry_after_ms;
}

/* As OTLP has it: these may be sent again, all others may not. */
static bool may_be_repeated(const struct http_answer *answer) {
    if (answer->outcome != HTTP_ANSWERED) return answer->outcome != HTTP_TOO_LARGE;
    return answer->status == 429 || answer->status == 502 || answer->status == 503 || answer->status == 504;
}

static void tell_trouble(struct tracer *tracer, const struct http_answer *answer) {
    char status[64];
    snprintf(status, sizeof status, "the collector answers %d", answer->status);
    if (!tracer->is_troubled)
        tracer->settings.trouble(tracer->settings.owner, str_of(answer->outcome == HTTP_ANSWERED ? status : answer->error.message));
    tracer->is_troubled = true;
}

/* Of a batch that was taken, how many spans were not. */
static uint64_t rejected_count(struct str body) {
    struct arena arena;
    int64_t count = 0;
    arena_init(&arena, ANSWER_BYTES * 8);
    yyjson_val *rejected = json_path(json_parse(&arena, body, NULL), "partialSuccess", "rejectedSpans", NULL);
    if (!json_int64(rejected, &count)) number_parse_int64(json_text(rejected), &count);
    arena_release(&arena);
    return count > 0 ? (uint64_t)count : 0;
}

static void take_batch_as_exported(struct tracer *tracer, struct str body) {
    uint64_t rejected = rejected_count(body);
    if (rejected > tracer->batch_count) rejected = tracer->batch_count;
    tracer->batch_count -= rejected;
    tracer->counts.dropped += rejected;
    tracer->is_troubled = false;
    end_batch(tracer, &tracer->counts.exported);
}

static void on_answer(void *owner, struct http_answer *answer) {
    struct tracer *tracer = owner;
    bool is_taken = answer->outcome == HTTP_ANSWERED && answer->status >= 200 && answer->status < 300;
    tracer->is_sending = false;
    if (!is_taken) tell_trouble(tracer, answer);
    if (is_taken)
        take_batch_as_exported(tracer, strbuf_view(&answer->body));
    else if (may_be_repeated(answer))
        wait_longer(tracer, answer->retry_after_ms);
    else
        end_batch(tracer, &tracer->counts.dropped);
    go_on(tracer);
}

static void send_batch(struct tracer *tracer) {
    if (!tracer->batch_count) make_batch(tracer);
    const struct http_request request = {
        .method = "POST",
        .path = STR("/v1/traces"),
        .body = strbuf_view(&tracer->batch),
        .content_type = "application/json",
        .timeout_ms = EXPORT_DEADLINE_MS,
        .max_body_bytes = ANSWER_BYTES,
    };
    tracer->is_sending = !tracer->batch.failed && http_send(tracer->http, &request, on_answer, tracer);
    if (!tracer->is_sending) end_batch(tracer, &tracer->counts.dropped);
}

static void on_timer(void *owner) {
    struct tracer *tracer = owner;
    tracer->is_timer_set = false;
    if (!tracer->is_sending && (tracer->batch_count || tracer->waiting_count)) send_batch(tracer);
}

void tracer_finish(struct tracer *tracer, int64_t patience_ms, loop_callback *finished, void *owner) {
    if (!tracer || (!tracer->batch_count && !tracer->waiting_count)) {
        finished(owner);
        return;
    }
    tracer->finished = finished;
    tracer->finished_owner = owner;
    loop_timer_set(tracer->patience, loop_now_ms(tracer->loop) + patience_ms);
    go_on(tracer);
}

/* ---- spans ---- */

static uint64_t id_of(struct tracer *tracer) {
    uint64_t id = number_random_next(&tracer->random);
    return id ? id : 1;
}

struct span tracer_begin(struct tracer *tracer, const struct span *parent) {
    if (!tracer) return (struct span){0};
    bool is_child = parent && parent->id;
    return (struct span){
        .trace_high = is_child ? parent->trace_high : id_of(tracer),
        .trace_low = is_child ? parent->trace_low : id_of(tracer),
        .id = id_of(tracer),
        .parent = is_child ? parent->id : 0,
        .begun_ns = wall_ns(),
    };
}

void tracer_end(struct tracer *tracer, const struct span *span, struct str name, enum span_kind kind, struct str error,
                const struct span_attribute *attributes) {
    if (!tracer || !span->id) return;
    const struct span_end end = {.name = name, .kind = kind, .ended_ns = wall_ns(), .error = error, .attributes = attributes};
    size_t before = tracer->waiting.len;
    if (before) strbuf_append_char(&tracer->waiting, ',');
    span_write(&tracer->waiting, span, &end);
    if (tracer->waiting.failed) {
        /* Taken back: half a span would spoil all the others. */
        tracer->waiting.len = before;
        tracer->waiting.failed = false;
        tracer->counts.dropped++;
        return;
    }
    tracer->waiting_count++;
    go_on(tracer);
}

struct tracer_counts tracer_counts(const struct tracer *tracer) {
    return tracer ? tracer->counts : (struct tracer_counts){0};
}

/* ---- life ---- */

struct tracer *tracer_new(struct loop *loop, const struct tracer_settings *settings, struct error *error) {
    const struct http_client_settings collector = {.base_url = settings->endpoint};
    struct tracer *tracer = calloc(1, sizeof *tracer);
    if (!tracer) {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
        return NULL;
    }
    *tracer = (struct tracer){.loop = loop, .settings = *settings, .random = {settings->seed}};
    tracer->settings.endpoint = STR_EMPTY;
    tracer->instance = id_of(tracer);
    tracer->waiting = strbuf_with_max(TRACER_QUEUE_BYTES);
    tracer->batch = strbuf_with_max(TRACER_QUEUE_BYTES + HEAD_BYTES);
    tracer->timer = loop_timer_new(loop, on_timer, tracer);
    tracer->patience = loop_timer_new(loop, tell_finished, tracer);
    if (!tracer->timer || !tracer->patience) {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
    } else {
        tracer->http = http_client_new(loop, &collector, error);
    }
    if (tracer->http) return tracer;
    tracer_free(tracer);
    return NULL;
}

void tracer_free(struct tracer *tracer) {
    if (!tracer) return;
    http_client_free(tracer->http);
    loop_timer_free(tracer->timer);
    loop_timer_free(tracer->patience);
    strbuf_release(&tracer->waiting);
    strbuf_release(&tracer->batch);
    free(tracer);
}

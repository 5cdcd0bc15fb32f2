#include "apiserver/read.h"
#include "apiserver/server.h"
#include "apiserver/view.h"

/*
 * A list as an answer. Short ones go out whole; long ones as a stream, a slice a turn of the loop, and no faster than the other side reads.
 * What is read are revisions, which never change, so the list stays that of its revision however long it takes.
 *
 * Where no byte has to be changed, the stored texts themselves are the stream's pieces: nothing is copied together first.
 */

enum {
    SLICE_BYTES = 512 * 1024,
    SLICE_ITEMS = 256,
    WHOLE_BYTES = 4 * 1024 * 1024, /* up to here an answer is made whole, and compressed where wanted */
    MAX_UNREAD_BYTES = 1024 * 1024,
    POLL_MS = 5,
    PIECES_FROM_ITEMS = 16, /* with fewer, one text is as good */
};

struct list_answer {
    struct request *request;
    struct list_items items;
    size_t next;
    bool is_streaming;
    bool is_in_pieces;
    struct blob *comma;
    struct strbuf text;
    struct loop_deferred *go_on;
    struct loop_timer *poll;
};

/* With the request. */
static void release(void *held) {
    struct list_answer *answer = held;
    strbuf_release(&answer->text);
    blob_drop(answer->comma);
    loop_deferred_free(answer->go_on);
    loop_timer_free(answer->poll);
}

/* The other side has left. */
static void is_gone(struct exchange *exchange) {
    struct list_answer *answer = exchange->context;
    request_free(answer->request);
}

static bool append_items(struct list_answer *answer) {
    struct request *request = answer->request;
    size_t start = answer->text.len;
    for (size_t done = 0; answer->next < answer->items.count && done < SLICE_ITEMS && answer->text.len < start + SLICE_BYTES;
         done++, answer->next++) {
        const struct list_item *item = &answer->items.items[answer->next];
        struct error error;
        struct blob *body = objects_body(request->server->objects, item->revision, &error);
        if (!body) return refuse_internal(&request->arena, &request->refusal, "%s", error.message);
        if (answer->next) strbuf_append_char(&answer->text, ',');
        if (view_is_plain(request, item->revision)) {
            strbuf_append(&answer->text, blob_view(body));
        } else {
            struct arena scratch;
            arena_init(&scratch, REQUEST_ARENA_BYTES);
            if (!view_write_item(request, &scratch, body, &answer->text)) answer->text.failed = true;
            arena_release(&scratch);
        }
        blob_drop(body);
    }
    if (answer->next == answer->items.count) view_end_list(request, &answer->text);
    return !answer->text.failed || refuse_internal(&request->arena, &request->refusal, "the list is too large");
}

static void answer_whole(struct list_answer *answer) {
    struct request *request = answer->request;
    struct str type;
    struct blob *body = view_dress(request, strbuf_view(&answer->text), &type);
    if (body)
        request_answer_blob(request, 200, type, body);
    else
        request_fail_memory(request);
    blob_drop(body);
}

static void fail(struct list_answer *answer) {
    struct request *request = answer->request;
    struct exchange *exchange = request->exchange;
    if (!answer->is_streaming) {
        request_refuse(request);
        return;
    }
    request->exchange = NULL;
    request_free(request);
    exchange_end(exchange); /* cut short: no longer JSON, which every client notices */
}

static void begin_stream(struct list_answer *answer) {
    struct request *request = answer->request;
    request->exchange->context = answer;
    request->exchange->on_gone = is_gone;
    request_begin_stream(request, STR("application/json"));
    answer->is_streaming = true;
}

/* Hands over what is written. False: the other side is not there any more. */
static bool flush(struct list_answer *answer) {
    struct request *request = answer->request;
    if (!answer->is_streaming) begin_stream(answer);
    struct blob *slice = blob_new(strbuf_view(&answer->text));
    bool is_taken = slice && exchange_write(request->exchange, slice);
    blob_drop(slice);
    strbuf_clear(&answer->text);
    return is_taken;
}

/* The next slice, as it is stored. */
static bool hand_over_items(struct list_answer *answer) {
    struct request *request = answer->request;
    if (!answer->is_streaming && !flush(answer)) return false;
    for (size_t done = 0, bytes = 0; answer->next < answer->items.count && done < SLICE_ITEMS && bytes < SLICE_BYTES;
         done++, answer->next++) {
        const struct list_item *item = &answer->items.items[answer->next];
        struct error error;
        struct blob *body = objects_body(request->server->objects, item->revision, &error);
        if (!body || (answer->next && !exchange_write(request->exchange, answer->comma))) {
            blob_drop(body);
            return false;
        }
        bytes += body->len;
        bool is_taken = true;
        if (view_is_plain(request, item->revision)) {
            is_taken = exchange_write(request->exchange, body);
        } else {
            struct arena scratch;
            arena_init(&scratch, REQUEST_ARENA_BYTES);
            is_taken = view_write_item(request, &scratch, body, &answer->text) && flush(answer);
            arena_release(&scratch);
        }
        blob_drop(body);
        if (!is_taken) return false;
    }
    if (answer->next < answer->items.count) return true;
    view_end_list(request, &answer->text);
    return flush(answer);
}

static void end_stream(struct list_answer *answer) {
    struct request *request = answer->request;
    struct exchange *exchange = request->exchange;
    request->exchange = NULL;
    request_free(request);
    exchange_end(exchange);
}

static void go_on_in_pieces(struct list_answer *answer) {
    if (!hand_over_items(answer))
        fail(answer);
    else if (answer->next == answer->items.count)
        end_stream(answer);
    else
        loop_deferred_call(answer->go_on);
}

static void go_on(void *owner) {
    struct list_answer *answer = owner;
    struct request *request = answer->request;
    if (!request->exchange) {
        request_free(request);
        return;
    }
    if (answer->is_streaming && exchange_pending(request->exchange) > MAX_UNREAD_BYTES) {
        loop_timer_set(answer->poll, loop_now_ms(request->server->loop) + POLL_MS);
        return;
    }
    if (answer->is_in_pieces) {
        go_on_in_pieces(answer);
        return;
    }
    bool is_made = append_items(answer), is_done = is_made && answer->next == answer->items.count;
    bool goes_whole = !answer->is_streaming && (!view_is_compact(request) || answer->text.len < WHOLE_BYTES);
    if (!is_made) {
        fail(answer);
    } else if (is_done && goes_whole) {
        answer_whole(answer);
    } else if (goes_whole) {
        loop_deferred_call(answer->go_on);
    } else if (!flush(answer)) {
        fail(answer);
    } else if (is_done) {
        end_stream(answer);
    } else {
        loop_deferred_call(answer->go_on);
    }
}

void read_answer_list(void *owner, struct list_items *items) {
    struct request *request = owner;
    if (!request->exchange) { /* it left while its list was made */
        request_free(request);
        return;
    }
    struct list_answer *answer = arena_alloc(&request->arena, sizeof *answer);
    if (!answer) {
        request_fail_memory(request);
        return;
    }
    *answer = (struct list_answer){.request = request, .items = *items, .text = strbuf_with_max(LIMIT_OUTPUT_BYTES)};
    request->release = release;
    request->held = answer;
    answer->go_on = loop_deferred_new(request->server->loop, go_on, answer);
    answer->poll = loop_timer_new(request->server->loop, go_on, answer);
    if (!answer->go_on || !answer->poll) {
        request_fail_memory(request);
        return;
    }
    bool is_compressed = str_contains(exchange_header(request->exchange, "Accept-Encoding"), STR("gzip"));
    answer->is_in_pieces = items->count >= PIECES_FROM_ITEMS && view_is_compact(request) && !is_compressed;
    if (answer->is_in_pieces) answer->comma = blob_new(STR(","));
    view_begin_list(request, items, &answer->text);
    go_on(answer);
}

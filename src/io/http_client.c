#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "io/http_inner.h"

enum {
    /* What one turn of the deferred call may take before sockets have theirs. */
    TURN_MS = 1,
    /* API servers send a bookmark each minute on each watch; a pool with transfers that heard nothing for longer is not joined any more. */
    SILENT_POOL_MS = 90000,
    /* The same when a request has timed out. */
    SUSPECT_POOL_MS = 5000,
};

/* lists */

static void list_append(struct http_list *list, struct http_handle *handle) {
    handle->list = list;
    handle->prev = list->last;
    handle->next = NULL;
    if (list->last)
        list->last->next = handle;
    else
        list->first = handle;
    list->last = handle;
    list->count++;
}

static void list_remove(struct http_handle *handle) {
    struct http_list *list = handle->list;
    if (!list) return;
    if (handle->prev)
        handle->prev->next = handle->next;
    else
        list->first = handle->next;
    if (handle->next)
        handle->next->prev = handle->prev;
    else
        list->last = handle->prev;
    handle->list = NULL;
    list->count--;
}

static void move_to(struct http_handle *handle, enum http_state state, struct http_list *list) {
    list_remove(handle);
    handle->state = state;
    list_append(list, handle);
    loop_deferred_call(handle->client->work);
}

/* handles */

static void handle_free(struct http_handle *handle) {
    if (handle->pool) http_pool_remove(handle->pool, handle);
    http_local_detach(handle);
    http_transfer_end(handle);
    strbuf_release(&handle->answer.body);
    free(handle->answer.error);
    strbuf_release(&handle->received);
    strbuf_release(&handle->warnings);
    free(handle->method);
    free(handle->path);
    free(handle->content_type);
    free(handle->accept);
    free(handle->traceparent);
    free(handle->answered_type);
    blob_drop(handle->trust);
    free((void *)(uintptr_t)handle->body.ptr);
    free(handle);
}

static char *copy(struct str text) {
    char *bytes = malloc(text.len + 1);
    if (!bytes) return NULL;
    if (text.len) memcpy(bytes, text.ptr, text.len);
    bytes[text.len] = 0;
    return bytes;
}

static struct http_handle *enqueue(struct http_client *client, const struct http_request *request, struct http_handle prototype) {
    struct http_handle *handle = malloc(sizeof *handle);
    if (!handle) return NULL;
    *handle = prototype;
    handle->client = client;
    handle->deadline_ms = request->timeout_ms > 0 ? loop_now_ms(client->loop) + request->timeout_ms : INT64_MAX;
    handle->max_body_bytes = request->max_body_bytes ? request->max_body_bytes : LIMIT_BODY_BYTES;
    handle->accept_gzip = request->accept_gzip;
    handle->method = copy(str_of(request->method));
    handle->path = copy(request->path);
    handle->accept = copy(str_of(request->accept ? request->accept : "application/json"));
    handle->content_type = request->content_type ? copy(str_of(request->content_type)) : NULL;
    handle->traceparent = request->traceparent.len ? copy(request->traceparent) : NULL;
    handle->body = (struct str){request->body.len ? copy(request->body) : NULL, request->body.len};
    if (!handle->method || !handle->path || !handle->accept || (request->content_type && !handle->content_type) ||
        (request->traceparent.len && !handle->traceparent) || (request->body.len && !handle->body.ptr)) {
        handle_free(handle);
        return NULL;
    }
    move_to(handle, HTTP_QUEUED, &client->queued);
    return handle;
}

struct http_handle *http_send(struct http_client *client, const struct http_request *request, http_answer_callback *callback, void *owner) {
    return enqueue(client, request, (struct http_handle){.callback = callback, .owner = owner});
}

struct http_handle *http_open(struct http_client *client, const struct http_request *request, const struct http_stream_events *events,
                              void *owner) {
    return enqueue(client, request, (struct http_handle){.is_stream = true, .events = *events, .callback = events->on_end, .owner = owner});
}

void http_cancel(struct http_handle *handle) {
    if (!handle) return;
    switch (handle->state) {
    case HTTP_RUNNING: move_to(handle, HTTP_CANCELLED, &handle->client->cancelled); break;
    case HTTP_QUEUED:
    case HTTP_FINISHED:
        list_remove(handle);
        handle_free(handle);
        break;
    case HTTP_CANCELLED:
    case HTTP_DELIVERED: break;
    }
}

struct strbuf http_take_body(struct http_answer *answer) {
    struct strbuf body = answer->body;
    answer->body = strbuf_with_max(0);
    return body;
}

size_t http_in_flight(const struct http_client *client) {
    return client->queued.count + client->running.count + client->finished.count;
}

/* pools */

static void retire(struct http_client *client, int lane) {
    struct http_pool *pool = client->pools[lane];
    if (!pool) return;
    client->pools[lane] = NULL;
    pool->next_retired = client->retired;
    client->retired = pool;
    loop_deferred_call(client->work);
}

static int lane_of(const struct http_handle *handle) {
    return handle->is_stream ? HTTP_LANE_STREAMS : HTTP_LANE_REQUESTS;
}

static struct http_pool *pool_to_join(struct http_client *client, int lane) {
    struct http_pool *pool = client->pools[lane];
    if (pool && pool->active && loop_now_ms(client->loop) - pool->heard_at_ms > SILENT_POOL_MS) retire(client, lane);
    if (!client->pools[lane]) client->pools[lane] = http_pool_new(client, lane);
    return client->pools[lane];
}

static void free_empty_retired(struct http_client *client) {
    struct http_pool **link = &client->retired;
    while (*link) {
        struct http_pool *pool = *link;
        if (pool->active) {
            link = &pool->next_retired;
        } else {
            *link = pool->next_retired;
            http_pool_free(pool);
        }
    }
}

/* the life of a transfer */

void http_finish(struct http_handle *handle, CURLcode result) {
    struct http_client *client = handle->client;
    struct http_pool *pool = handle->pool;
    http_outcome_fill(handle, result);
    http_local_detach(handle);
    if (pool) {
        bool is_silent = loop_now_ms(client->loop) - pool->heard_at_ms > SUSPECT_POOL_MS;
        bool is_suspect = http_outcome_is_broken_connection(result) || (result == CURLE_OPERATION_TIMEDOUT && is_silent);
        if (is_suspect && pool == client->pools[lane_of(handle)]) retire(client, lane_of(handle));
        http_pool_remove(pool, handle);
    }
    move_to(handle, HTTP_FINISHED, &client->finished);
}

static void deadlines_passed(void *owner);

static CURLcode start_transfer(struct http_handle *handle) {
    struct http_pool *pool = pool_to_join(handle->client, lane_of(handle));
    CURLcode code = pool ? http_transfer_begin(handle) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK && !http_pool_add(pool, handle)) code = CURLE_OUT_OF_MEMORY;
    return code;
}

static CURLcode start_locally(struct http_handle *handle) {
    return http_local_start(handle) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static void start(struct http_handle *handle) {
    struct http_client *client = handle->client;
    move_to(handle, HTTP_RUNNING, &client->running);
    handle->warnings = strbuf_with_max(HTTP_WARNINGS_BYTES);
    handle->received = strbuf_with_max(handle->is_stream ? HTTP_REFUSAL_BYTES : handle->max_body_bytes);
    CURLcode code = client->local_handler ? start_locally(handle) : start_transfer(handle);
    if (code != CURLE_OK) {
        http_finish(handle, code);
    } else if (handle->deadline_ms < client->next_deadline_ms) {
        client->next_deadline_ms = handle->deadline_ms;
        loop_timer_set(client->deadlines, handle->deadline_ms);
    }
}

/* Our own deadlines, not curl's: those do not hold while a transfer waits for a connection. */
static void deadlines_passed(void *owner) {
    struct http_client *client = owner;
    int64_t now_ms = loop_now_ms(client->loop);
    client->next_deadline_ms = INT64_MAX;
    for (struct http_handle *handle = client->running.first, *next; handle; handle = next) {
        next = handle->next;
        if (handle->deadline_ms <= now_ms)
            http_finish(handle, CURLE_OPERATION_TIMEDOUT);
        else if (handle->deadline_ms < client->next_deadline_ms)
            client->next_deadline_ms = handle->deadline_ms;
    }
    loop_timer_set(client->deadlines, client->next_deadline_ms);
}

static void deliver(struct http_handle *handle) {
    list_remove(handle);
    handle->state = HTTP_DELIVERED;
    struct http_result *result = &handle->answer;
    struct http_answer answer = {
        .outcome = result->outcome,
        .status = result->status,
        .retry_after_ms = result->retry_after_ms,
        .warnings = result->warnings,
        .content_type = result->content_type,
        .body = result->body,
    };
    result->body = strbuf_with_max(0);
    if (result->error)
        answer.error = *result->error;
    else if (result->outcome != HTTP_ANSWERED)
        error_set(&answer.error, ERROR_MEMORY, "out of memory");
    handle->callback(handle->owner, &answer);
    strbuf_release(&answer.body);
    handle_free(handle);
}

/* The deferred call: everything that changes curl's handles or calls the user. */
static void work(void *owner) {
    struct http_client *client = owner;
    int64_t until_ms = loop_now_ms(client->loop) + TURN_MS;
    http_enter(client);
    while (client->cancelled.first) {
        struct http_handle *handle = client->cancelled.first;
        list_remove(handle);
        handle_free(handle);
    }
    while (!client->is_freed && client->finished.first && loop_now_ms(client->loop) <= until_ms) deliver(client->finished.first);
    http_local_work(client, until_ms);
    while (!client->is_freed && client->queued.first && loop_now_ms(client->loop) <= until_ms) start(client->queued.first);
    free_empty_retired(client);
    if (client->finished.first || client->queued.first || client->cancelled.first) loop_deferred_call(client->work);
    http_leave(client);
}

/* the client */

static void destroy(struct http_client *client) {
    struct http_list *lists[] = {&client->queued, &client->running, &client->cancelled, &client->finished};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        while (lists[i]->first) {
            struct http_handle *handle = lists[i]->first;
            list_remove(handle);
            handle_free(handle);
        }
    }
    http_local_end_all(client);
    for (int lane = 0; lane < HTTP_LANE_COUNT; lane++) http_pool_free(client->pools[lane]);
    free_empty_retired(client);
    while (client->spare_count) curl_easy_cleanup(client->spare[--client->spare_count]);
    curl_slist_free_all(client->connect_to);
    loop_timer_free(client->deadlines);
    loop_deferred_free(client->work);
    free(client->base);
    free(client->peer);
    free(client->host_header);
    blob_drop(client->trust);
    if (client->proxy_url) explicit_bzero(client->proxy_url, strlen(client->proxy_url)); /* it may hold a password */
    free(client->proxy_url);
    free(client->user_agent);
    free(client);
    curl_global_cleanup();
}

void http_enter(struct http_client *client) {
    client->depth++;
}

void http_leave(struct http_client *client) {
    if (--client->depth == 0 && client->is_freed) destroy(client);
}

void http_client_free(struct http_client *client) {
    if (!client) return;
    client->is_freed = true;
    /* No callback from here on, even when curl is on our stack. */
    while (client->running.first) move_to(client->running.first, HTTP_CANCELLED, &client->cancelled);
    if (client->depth == 0) destroy(client);
}

/* What is wanted of the base URL, checked by curl's own parser; each part is freed with curl_free. */
struct url_parts {
    char *scheme, *user, *host, *port, *path, *query;
};

static bool parse_url(CURLU *url, struct url_parts *parts) {
    curl_url_get(url, CURLUPART_USER, &parts->user, 0);
    curl_url_get(url, CURLUPART_QUERY, &parts->query, 0);
    return curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           curl_url_get(url, CURLUPART_PATH, &parts->path, 0) == CURLUE_OK;
}

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...) {
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    return text;
}

static bool use_url(struct http_client *client, const struct url_parts *parts, struct str name, struct error *error) {
    struct str path = str_of(parts->path);
    while (path.len && path.ptr[path.len - 1] == '/') path.len--;
    client->is_tls = strcmp(parts->scheme, "https") == 0;
    client->peer = text_of("%s:%s", parts->host, parts->port);
    bool is_renamed = client->is_tls && name.len && !str_is(name, parts->host);
    if (!is_renamed) {
        client->base = text_of("%s://%s:%s%.*s", parts->scheme, parts->host, parts->port, STR_ARG(path));
        return client->peer && client->base;
    }
    /* curl takes SNI and the name to check from the URL: so the URL gets that name, and the connection and the Host header the real one. */
    for (size_t i = 0; i < name.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", name.ptr[i]) || !name.ptr[i])
            return error_set(error, ERROR_INVALID, "tls-server-name %s is no host name", QUOTE(name));
    client->base = text_of("https://%.*s:%s%.*s", STR_ARG(name), parts->port, STR_ARG(path));
    client->host_header = copy(str_of(client->peer));
    char *route = text_of("%.*s:%s:%s:%s", STR_ARG(name), parts->port, parts->host, parts->port);
    if (route) client->connect_to = curl_slist_append(NULL, route);
    free(route);
    return client->peer && client->base && client->host_header && client->connect_to;
}

static bool read_url(struct http_client *client, const struct http_client_settings *settings, struct error *error) {
    struct url_parts parts = {0};
    CURLU *url = curl_url();
    char *text = copy(settings->base_url);
    bool is_parsed = url && text && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK && parse_url(url, &parts);
    bool ok = false;
    if (!is_parsed || (strcmp(parts.scheme, "https") != 0 && strcmp(parts.scheme, "http") != 0))
        error_set(error, ERROR_INVALID, "server: not an address of the form https://host:port");
    else if (parts.user || parts.query)
        error_set(error, ERROR_INVALID,
                  "server: %s:%s: an address here has no user name, password or query; write those in the user's entry", parts.host,
                  parts.port);
    else
        ok = use_url(client, &parts, settings->tls_server_name, error);
    char *all[] = {parts.scheme, parts.user, parts.host, parts.port, parts.path, parts.query};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) curl_free(all[i]);
    curl_url_cleanup(url);
    free(text);
    return ok;
}

static bool set_up_local(struct http_client *client, const struct http_client_settings *settings) {
    client->local_handler = settings->local_handler;
    client->local_owner = settings->local_owner;
    client->peer = copy(STR("local"));
    return client->peer;
}

static bool set_up(struct http_client *client, const struct http_client_settings *settings, struct error *error) {
    if (settings->local_handler ? !set_up_local(client, settings) : !read_url(client, settings, error)) return false;
    client->trust = settings->ca.len ? http_trust_new(settings->ca) : NULL;
    if (settings->ca.len && !client->trust)
        return error_set(error, ERROR_TLS, "%s: the certificate authority is no PEM certificate; check certificate-authority",
                         client->peer);
    client->proxy_url = settings->proxy_url.len ? copy(settings->proxy_url) : NULL;
    client->user_agent = copy(settings->user_agent.len ? settings->user_agent : STR("model-booster/" MODEL_BOOSTER_VERSION));
    client->work = loop_deferred_new(client->loop, work, client);
    client->deadlines = loop_timer_new(client->loop, deadlines_passed, client);
    return client->user_agent && client->work && client->deadlines && (client->proxy_url || !settings->proxy_url.len);
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings, struct error *error) {
    error_set(error, ERROR_MEMORY, "out of memory");
    if (http_memory_start() != CURLE_OK) return NULL;
    struct http_client *client = calloc(1, sizeof *client);
    if (!client) {
        curl_global_cleanup();
        return NULL;
    }
    *client = (struct http_client){.loop = loop,
                                   .next_deadline_ms = INT64_MAX,
                                   .is_insecure = settings->is_insecure,
                                   .credentials = settings->credentials,
                                   .credentials_owner = settings->credentials_owner};
    TAILQ_INIT(&client->locals);
    if (set_up(client, settings, error)) {
        if (error) *error = (struct error){0};
        return client;
    }
    destroy(client);
    return NULL;
}

bool http_url_port(struct str url, uint16_t *out) {
    CURLU *parsed = curl_url();
    char *text = copy(url), *port = NULL;
    int64_t number;
    bool is_read = parsed && text && curl_url_set(parsed, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                   curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   number_parse_int64(str_of(port), &number) && number > 0 && number <= UINT16_MAX;
    if (is_read) *out = (uint16_t)number;
    curl_free(port);
    curl_url_cleanup(parsed);
    if (text) explicit_bzero(text, url.len);
    free(text);
    return is_read;
}

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/number.h"
#include "io/http_inner.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    /* A peer that does not acknowledge for this long is gone: libcurl sends no HTTP/2 PING. */
    USER_TIMEOUT_MS = 20000,
    KEEPALIVE_IDLE_S = 15,
    KEEPALIVE_INTERVAL_S = 5,
    /*
     * One for each transfer; curl's own default for uploads is 64 KiB. Not less for streams: of an HTTP/2 frame that is larger than its
     * buffer, curl 7.88 keeps the rest to itself until something else comes.
     */
    BUFFER_BYTES = 16 * 1024,
};

static int prepare_socket(void *context, curl_socket_t fd, curlsocktype purpose) {
    (void)context;
    if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKOPT_OK;
    unsigned timeout_ms = USER_TIMEOUT_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    return CURL_SOCKOPT_OK;
}

static size_t give_body(char *room, size_t size, size_t count, void *context) {
    struct http_handle *handle = context;
    struct str rest = str_first(str_from(handle->body, handle->body_at), size * count);
    if (rest.len) memcpy(room, rest.ptr, rest.len);
    handle->body_at += rest.len;
    return rest.len;
}

/* Without this refusal curl would send the body again by itself when a kept connection turns out dead; that a write happened once or
 * twice has to be our caller's knowledge. */
static int refuse_rewind(void *context, curl_off_t offset, int origin) {
    (void)context, (void)offset, (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static bool is_success(int status) {
    return status >= 200 && status < 300;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200". What is none leaves the status at 0: no answer (http_outcome.c). */
static void take_status(struct http_handle *handle, struct str line) {
    int64_t status = 0;
    struct str rest = str_from(line, str_find(line, STR(" ")));
    if (!number_parse_int64(str_first(str_trim(rest), 3), &status) || status < 100) status = 0;
    if (str_starts_with(line, STR("HTTP/1"))) handle->client->is_http1 = true;
    handle->answer.status = (int)status;
    handle->is_in_headers = true;
    handle->is_header_done = false;
    strbuf_clear(&handle->warnings);
}

static void end_headers(struct http_handle *handle) {
    handle->is_in_headers = false;
    if (handle->answer.status < 200) return; /* 100 Continue and the like */
    handle->is_header_done = true;
    if (!handle->is_stream || !is_success(handle->answer.status) || handle->is_open_told) return;
    handle->is_open_told = true;
    if (handle->events.on_open) handle->events.on_open(handle->owner, handle->answer.status);
}

void http_take_warning(struct http_handle *handle, struct str value) {
    if (handle->warnings.len + value.len >= HTTP_WARNINGS_BYTES) return;
    if (handle->warnings.len) strbuf_append_char(&handle->warnings, '\n');
    strbuf_append(&handle->warnings, value);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    struct http_handle *handle = context;
    size_t length = size * count;
    if (handle->state != HTTP_RUNNING) return 0;
    handle->pool->heard_at_ms = loop_now_ms(handle->client->loop);
    struct str line = str_trim((struct str){bytes, length});
    struct str name = str_first(line, strlen("warning:"));
    if (!handle->is_in_headers && str_starts_with(line, STR("HTTP/"))) {
        take_status(handle, line);
    } else if (!line.len) {
        end_headers(handle);
    } else if (str_equal_ignoring_case(name, STR("warning:"))) {
        http_take_warning(handle, str_trim(str_from(line, name.len)));
    }
    return handle->state == HTTP_RUNNING ? length : 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    struct http_handle *handle = context;
    struct str chunk = {bytes, size * count};
    if (handle->state != HTTP_RUNNING) return 0;
    handle->pool->heard_at_ms = loop_now_ms(handle->client->loop);
    if (handle->is_stream && is_success(handle->answer.status)) {
        handle->events.on_data(handle->owner, chunk);
        return handle->state == HTTP_RUNNING ? chunk.len : 0;
    }
    if (chunk.len > handle->received.max - handle->received.len) {
        handle->is_body_too_large = true;
        return 0;
    }
    strbuf_append(&handle->received, chunk);
    if (!handle->received.failed) return chunk.len;
    handle->is_out_of_memory = true;
    return 0;
}

static bool has_control_character(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return true;
    return false;
}

/* False when memory is out or the value could break out of its line. */
static bool add_header(struct http_handle *handle, const char *name, struct str value) {
    if (has_control_character(value)) return false;
    struct strbuf line = strbuf_with_max(1024 * 1024);
    strbuf_printf(&line, "%s ", name);
    strbuf_append(&line, value);
    struct curl_slist *grown = line.failed ? NULL : curl_slist_append(handle->headers, line.ptr);
    if (line.ptr) explicit_bzero(line.ptr, line.len);
    strbuf_release(&line);
    if (grown) handle->headers = grown;
    return grown != NULL;
}

static bool add_headers(struct http_handle *handle, const struct http_credentials *credentials) {
    const struct http_client *client = handle->client;
    bool ok = add_header(handle, "Accept:", str_of(handle->accept));
    ok = ok && add_header(handle, "Expect:", STR_EMPTY); /* else curl waits for 100 Continue before long bodies */
    if (handle->content_type) ok = ok && add_header(handle, "Content-Type:", str_of(handle->content_type));
    if (handle->traceparent) ok = ok && add_header(handle, "traceparent:", str_of(handle->traceparent));
    if (client->host_header) ok = ok && add_header(handle, "Host:", str_of(client->host_header));
    struct str token = credentials->bearer_token;
    if (!token.len) return ok;
    struct strbuf value = strbuf_with_max(1024 * 1024);
    strbuf_append(&value, STR("Bearer "));
    strbuf_append(&value, token);
    ok = ok && !value.failed && add_header(handle, "Authorization:", strbuf_view(&value));
    if (value.ptr) explicit_bzero(value.ptr, value.len);
    strbuf_release(&value);
    return ok;
}

static void set_connection_options(struct http_handle *handle) {
    CURL *easy = handle->easy;
    const struct http_client *client = handle->client;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, client->is_tls ? "https" : "http");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy_url ? client->proxy_url : ""); /* "": not even the environment's */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, client->connect_to);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, client->is_tls && !client->is_http1 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
}

static CURLcode set_blob(CURL *easy, CURLoption option, struct str text, unsigned flags) {
    struct curl_blob blob = {.data = (void *)(uintptr_t)text.ptr, .len = text.len, .flags = flags};
    return curl_easy_setopt(easy, option, &blob);
}

static CURLcode set_identity(struct http_handle *handle, const struct http_credentials *credentials) {
    CURL *easy = handle->easy;
    CURLcode code = CURLE_OK;
    if (credentials->certificate.len) {
        code = set_blob(easy, CURLOPT_SSLCERT_BLOB, credentials->certificate, CURL_BLOB_COPY);
        if (code == CURLE_OK) code = set_blob(easy, CURLOPT_SSLKEY_BLOB, credentials->key, CURL_BLOB_COPY);
    }
    if (code != CURLE_OK || !credentials->username.len) return code;
    struct strbuf text = strbuf_with_max(64 * 1024);
    strbuf_append(&text, credentials->username);
    strbuf_append_char(&text, 0);
    strbuf_append(&text, credentials->password);
    if (text.failed) {
        code = CURLE_OUT_OF_MEMORY;
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        code = curl_easy_setopt(easy, CURLOPT_USERNAME, text.ptr);
        if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_PASSWORD, text.ptr + credentials->username.len + 1);
    }
    if (text.ptr) explicit_bzero(text.ptr, text.len);
    strbuf_release(&text);
    return code;
}

/* The few connections of HTTP/2 keep their buffers: else each read and write takes new ones, which the system maps and clears. */
static void on_tls_state(const SSL *ssl, int where, int status) {
    const unsigned char *protocol = NULL;
    unsigned length = 0;
    (void)status;
    if (!(where & SSL_CB_HANDSHAKE_DONE)) return;
    SSL_get0_alpn_selected(ssl, &protocol, &length);
    if (length == 2 && memcmp(protocol, "h2", 2) == 0) SSL_clear_mode((SSL *)(uintptr_t)ssl, SSL_MODE_RELEASE_BUFFERS);
}

/* Of HTTP/1.1 each idle watch has a connection of its own, which keeps none: else 34 KiB. */
static CURLcode prepare_tls(CURL *easy, void *context, void *owner) {
    (void)easy, (void)owner;
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_info_callback(context, on_tls_state);
    return CURLE_OK;
}

static CURLcode set_trust(struct http_handle *handle) {
    CURL *easy = handle->easy;
    const struct http_client *client = handle->client;
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, client->is_insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, client->is_insecure ? 0L : 2L);
    if (!handle->trust) return CURLE_OK;
    /* The build's default bundle and folder would be trusted beside it. */
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    return set_blob(easy, CURLOPT_CAINFO_BLOB, blob_view(handle->trust), CURL_BLOB_NOCOPY);
}

static void set_method(struct http_handle *handle) {
    CURL *easy = handle->easy;
    if (handle->body.len) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)handle->body.len);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(easy, CURLOPT_READDATA, handle);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, refuse_rewind);
    } else if (strcmp(handle->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    if (strcmp(handle->method, "GET") != 0) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, handle->method);
}

static CURLcode set_url(struct http_handle *handle) {
    struct strbuf url = strbuf_with_max(1024 * 1024);
    strbuf_append(&url, str_of(handle->client->base));
    strbuf_append(&url, str_of(handle->path));
    CURLcode code = url.failed ? CURLE_OUT_OF_MEMORY : curl_easy_setopt(handle->easy, CURLOPT_URL, url.ptr);
    strbuf_release(&url);
    return code;
}

CURLcode http_transfer_begin(struct http_handle *handle) {
    struct http_client *client = handle->client;
    /* The pages of a new one's buffer are not touched yet, and of most watches most never are. */
    handle->easy = client->spare_count && !handle->is_stream ? client->spare[--client->spare_count] : curl_easy_init();
    if (!handle->easy) return CURLE_OUT_OF_MEMORY;
    struct http_credentials credentials = {0};
    if (client->credentials) client->credentials(client->credentials_owner, &credentials);
    http_trust_renew(&client->trust, credentials.ca);
    handle->trust = blob_keep(client->trust);
    if (!add_headers(handle, &credentials)) return CURLE_BAD_FUNCTION_ARGUMENT;
    CURL *easy = handle->easy;
    set_connection_options(handle);
    set_method(handle);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, handle->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, client->user_agent);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, handle->accept_gzip ? "gzip" : NULL);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    CURLcode code = set_trust(handle);
    if (code == CURLE_OK) code = set_identity(handle, &credentials);
    return code == CURLE_OK ? set_url(handle) : code;
}

void http_transfer_end(struct http_handle *handle) {
    struct http_client *client = handle->client;
    if (handle->easy) {
        curl_easy_reset(handle->easy); /* forgets headers, tokens and keys, keeps TLS sessions */
        if (!handle->is_stream && client->spare_count < sizeof client->spare / sizeof *client->spare)
            client->spare[client->spare_count++] = handle->easy;
        else
            curl_easy_cleanup(handle->easy);
        handle->easy = NULL;
    }
    for (struct curl_slist *line = handle->headers; line; line = line->next) explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(handle->headers);
    handle->headers = NULL;
}

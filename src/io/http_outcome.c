#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_inner.h"

/* What went wrong, in words that say what to do. `before_request`: nothing of a request can have left at this stage of a connection. */
static const struct outcome_row {
    CURLcode code;
    enum error_kind kind;
    bool before_request;
    const char *text;
} rows[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ERROR_IO, true, "the host name is not known; check the server's address and DNS"},
    {CURLE_COULDNT_RESOLVE_PROXY, ERROR_IO, true, "the proxy's name is not known; check proxy-url"},
    {CURLE_COULDNT_CONNECT, ERROR_IO, true, "cannot connect"},
    {CURLE_PROXY, ERROR_IO, true, "the proxy refused the connection; check proxy-url"},
    {CURLE_SSL_CONNECT_ERROR, ERROR_TLS, true, "the TLS handshake failed; does the server speak TLS on this port?"},
    {CURLE_PEER_FAILED_VERIFICATION, ERROR_TLS, true,
     "the server's certificate is not trusted; check certificate-authority and tls-server-name"},
    {CURLE_SSL_CACERT_BADFILE, ERROR_TLS, true, "the certificate authority cannot be read; check that it is PEM"},
    {CURLE_SSL_CERTPROBLEM, ERROR_TLS, true,
     "the client certificate or its key cannot be used; check that both are PEM and belong together"},
    {CURLE_SSL_CIPHER, ERROR_TLS, true, "no TLS cipher in common"},
    {CURLE_URL_MALFORMAT, ERROR_INVALID, true, "the address is not a URL"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERROR_PROTOCOL, false, "what answers there does not speak HTTP"},
    {CURLE_BAD_FUNCTION_ARGUMENT, ERROR_INVALID, true, "the request cannot be written: a control character in a header"},
    {CURLE_OUT_OF_MEMORY, ERROR_MEMORY, false, "out of memory"},
    {CURLE_OPERATION_TIMEDOUT, ERROR_TIMEOUT, false, "no answer in time"},
    {CURLE_SEND_ERROR, ERROR_IO, false, "the connection broke while sending"},
    {CURLE_RECV_ERROR, ERROR_IO, false, "the connection broke before the answer was complete"},
    {CURLE_GOT_NOTHING, ERROR_IO, false, "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE, ERROR_IO, false, "the answer ended too early"},
    {CURLE_HTTP2, ERROR_PROTOCOL, false, "the HTTP/2 connection broke"},
    {CURLE_HTTP2_STREAM, ERROR_PROTOCOL, false, "the HTTP/2 stream was reset"},
    {CURLE_SEND_FAIL_REWIND, ERROR_IO, false, "the connection broke while sending"},
    {CURLE_WEIRD_SERVER_REPLY, ERROR_PROTOCOL, false, "what answers there does not speak HTTP"},
    {CURLE_BAD_CONTENT_ENCODING, ERROR_PROTOCOL, false, "the compressed answer is damaged"},
};

static const struct outcome_row *row_of(CURLcode code) {
    static const struct outcome_row other = {CURLE_OK, ERROR_IO, false, "the request failed"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code) return &rows[i];
    return &other;
}

bool http_outcome_is_broken_connection(CURLcode code) {
    static const CURLcode broken[] = {CURLE_SEND_ERROR, CURLE_RECV_ERROR,   CURLE_GOT_NOTHING,      CURLE_PARTIAL_FILE,
                                      CURLE_HTTP2,      CURLE_HTTP2_STREAM, CURLE_SEND_FAIL_REWIND, CURLE_SSL_CONNECT_ERROR};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (broken[i] == code) return true;
    return false;
}

/* True also when it cannot be told. A body that curl has asked for counts as sent. */
static bool may_have_been_sent(const struct http_handle *handle) {
    long request_bytes = 0;
    if (handle->is_sent_locally) return true;
    if (!handle->easy) return false;
    if (curl_easy_getinfo(handle->easy, CURLINFO_REQUEST_SIZE, &request_bytes) != CURLE_OK) return true;
    return request_bytes > 0 || handle->body_at > 0;
}

/* A request that never got as far as a connection has not been sent, whatever ended it. */
static bool never_connected(const struct http_handle *handle) {
    curl_off_t pretransfer_us = 0;
    if (!handle->easy) return true;
    return curl_easy_getinfo(handle->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us) == CURLE_OK && pretransfer_us == 0;
}

static struct error *error_of(struct http_handle *handle) {
    struct http_result *answer = &handle->answer;
    if (!answer->error) answer->error = calloc(1, sizeof *answer->error);
    return answer->error;
}

static void describe(struct http_handle *handle, CURLcode code, const struct outcome_row *row) {
    const char *peer = handle->client->peer, *detail = "";
    if (handle->easy && code == CURLE_PEER_FAILED_VERIFICATION) {
        long verdict = X509_V_OK;
        curl_easy_getinfo(handle->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
        /* where the chain is good but the name is not, curl leaves the value that it begins with */
        detail =
            verdict == X509_V_OK || verdict == X509_V_ERR_UNSPECIFIED ? "it is for another name" : X509_verify_cert_error_string(verdict);
    } else if (handle->easy && code == CURLE_COULDNT_CONNECT) {
        long os_error = 0;
        curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &os_error);
        detail = os_error ? strerror((int)os_error) : "is the server running?";
    } else if (row->code == CURLE_OK) {
        detail = curl_easy_strerror(code);
    }
    error_set(error_of(handle), row->kind, "%s: %s%s%s%s", peer, row->text, *detail ? " (" : "", detail, *detail ? ")" : "");
}

static void read_headers(struct http_handle *handle) {
    struct http_result *answer = &handle->answer;
    curl_off_t retry_after_s = 0;
    char *type = NULL;
    answer->warnings = strbuf_view(&handle->warnings);
    if (!handle->easy) return;
    if (curl_easy_getinfo(handle->easy, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK && retry_after_s > 0)
        answer->retry_after_ms = (retry_after_s < HTTP_RETRY_AFTER_MAX_S ? (int64_t)retry_after_s : HTTP_RETRY_AFTER_MAX_S) * 1000;
    if (curl_easy_getinfo(handle->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type) answer->content_type = str_of(type);
}

void http_outcome_fill(struct http_handle *handle, CURLcode code) {
    struct http_result *answer = &handle->answer;
    if (handle->is_header_done) read_headers(handle);
    answer->body = handle->received;
    handle->received = strbuf_with_max(0);
    /* curl is content with less than a status line and the end of the headers. */
    if (code == CURLE_OK && handle->easy && !handle->is_header_done) code = CURLE_WEIRD_SERVER_REPLY;
    if (code == CURLE_OK) {
        answer->outcome = HTTP_ANSWERED;
        return;
    }
    strbuf_release(&answer->body);
    if (handle->is_body_too_large) {
        answer->outcome = HTTP_TOO_LARGE;
        error_set(error_of(handle), ERROR_LIMIT, "%s: the answer is longer than %zu bytes", handle->client->peer, handle->max_body_bytes);
        return;
    }
    if (handle->is_out_of_memory) code = CURLE_OUT_OF_MEMORY;
    const struct outcome_row *row = row_of(code);
    bool is_unsent = !may_have_been_sent(handle) && (row->before_request || never_connected(handle));
    answer->outcome = is_unsent ? HTTP_NOT_SENT : HTTP_UNKNOWN;
    describe(handle, code, row);
}

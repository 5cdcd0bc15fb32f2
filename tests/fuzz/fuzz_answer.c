/*
 * An API server's answer as the client reads it: the first line is the code, the rest the body. The words for a person are one line of
 * UTF-8 within their limit, nothing refers to the body, and so it is with a Warning header and a Status in a watch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "harness.h"
#include "kube/answer.h"

enum { MESSAGE_BYTES = 4096, RETRY_AFTER_MAX_MS = 3600 * 1000 };

static void expect_words(struct str text, const char *what) {
    fuzz_expect(str_is_utf8(text), "%s is not UTF-8: %s", what, QUOTE(text));
    fuzz_expect(text.len <= MESSAGE_BYTES, "%s has %zu bytes", what, text.len);
    for (size_t i = 0; i < text.len; i++)
        fuzz_expect((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f, "%s has control characters: %s", what, QUOTE(text));
}

static void expect_answer(const struct kube_answer *answer) {
    fuzz_expect(answer->kind == KUBE_OK || answer->message.len, "a failure without words");
    expect_words(answer->message, "the message");
    fuzz_expect(answer->retry_after_ms >= 0 && answer->retry_after_ms <= RETRY_AFTER_MAX_MS, "a pause of %lld ms",
                (long long)answer->retry_after_ms);
    fuzz_expect(answer->kind != KUBE_LOST && answer->kind != KUBE_NOT_SENT, "an answer that has come is taken for none");
    for (size_t i = 0; i < answer->cause_count; i++) fuzz_expect(answer->causes[i].field.ptr != NULL, "a cause without a field");
}

FUZZ_TARGET(answer) {
    struct str body = input, line = fuzz_line(&body);
    int64_t code = 500;
    if (!number_parse_int64(line, &code) || code < 100 || code > 999) code = 500;
    char *copy = malloc(body.len + 1);
    if (!copy) return;
    if (body.len) memcpy(copy, body.ptr, body.len);
    struct kube_answer answer = kube_answer_read(arena, (int)code, 0, (struct str){copy, body.len});
    struct str warning = kube_warning_text(arena, (struct str){copy, body.len});
    free(copy);
    fuzz_expect((answer.kind == KUBE_OK) == (code >= 200 && code < 300), "HTTP %lld is taken for %s", (long long)code,
                kube_answer_kind_name(answer.kind));
    expect_answer(&answer);
    expect_words(warning, "the warning");
    const yyjson_val *status = json_parse(arena, body, NULL);
    struct kube_answer streamed = kube_answer_of_status(arena, status);
    fuzz_expect(streamed.kind != KUBE_OK, "an ERROR event that is none");
    expect_answer(&streamed);
}

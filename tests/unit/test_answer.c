#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "kube/answer.h"

#define STATUS(message, reason, details, code)                                                                                             \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"" message "\",\"reason\":\"" reason   \
    "\",\"details\":" details ",\"code\":" code "}"
#define SERVING "{\"name\":\"a\",\"group\":\"workload.serving.volcano.sh\",\"kind\":\"modelservings\"}"

/* Bodies as kube-apiserver 1.34 sends them. */
static const struct {
    const char *name;
    int status;
    const char *body;
    enum kube_answer_kind kind;
    const char *message; /* the whole of it */
    const char *verb, *resource;
} cases[] = {
    {"created", 201, "{\"kind\":\"ModelServing\"}", KUBE_OK, "", "", ""},
    {"no such object", 404, STATUS("modelservings.workload.serving.volcano.sh \\\"a\\\" not found", "NotFound", SERVING, "404"),
     KUBE_NOT_FOUND, "modelservings.workload.serving.volcano.sh \"a\" not found", "", ""},
    {"no such path", 404, "404 page not found\n", KUBE_KIND_MISSING_MAYBE, "HTTP 404: 404 page not found", "", ""},
    {"no such resource, as aggregated servers say it", 404,
     STATUS("the server could not find the requested resource", "NotFound", "{}", "404"), KUBE_KIND_MISSING_MAYBE,
     "the server could not find the requested resource", "", ""},
    {"no such namespace", 404,
     STATUS("namespaces \\\"nons\\\" not found", "NotFound", "{\"name\":\"nons\",\"kind\":\"namespaces\"}", "404"), KUBE_NAMESPACE_GONE,
     "namespaces \"nons\" not found", "", ""},
    {"namespace terminates", 403,
     STATUS("services \\\"c\\\" is forbidden: unable to create new content in namespace t1 because it is being terminated", "Forbidden",
            "{\"name\":\"c\",\"kind\":\"services\",\"causes\":[{\"reason\":\"NamespaceTerminating\",\"message\":\"namespace t1 is being "
            "terminated\",\"field\":\"metadata.namespace\"}]}",
            "403"),
     KUBE_NAMESPACE_GONE, "services \"c\" is forbidden: unable to create new content in namespace t1 because it is being terminated", "",
     ""},
    {"already exists", 409, STATUS("modelservings \\\"a\\\" already exists", "AlreadyExists", SERVING, "409"), KUBE_ALREADY_EXISTS,
     "modelservings \"a\" already exists", "", ""},
    {"stale resourceVersion", 409,
     STATUS("Operation cannot be fulfilled on modelservings \\\"a\\\": the object has been modified", "Conflict", SERVING, "409"),
     KUBE_CONFLICT, "Operation cannot be fulfilled on modelservings \"a\": the object has been modified", "", ""},
    {"another uid", 409,
     STATUS("Operation cannot be fulfilled on ConfigMap \\\"a\\\": the UID in the precondition (x) does not match the UID in record (y).",
            "Conflict", "{\"name\":\"a\",\"kind\":\"ConfigMap\"}", "409"),
     KUBE_CONFLICT,
     "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does not match the UID in record (y).", "", ""},
    {"strict create", 400,
     STATUS("ModelServing in version \\\"v1alpha1\\\" cannot be handled as a ModelServing: strict decoding error: unknown field "
            "\\\"spec.foo\\\"",
            "BadRequest", "{}", "400"),
     KUBE_INVALID, "strict decoding error: unknown field \"spec.foo\"", "", ""},
    {"strict patch quotes the whole object", 422,
     STATUS(" \\\"\\\" is invalid: patch: Invalid value: \\\"{\\\\\\\"spec\\\\\\\":{\\\\\\\"secret\\\\\\\":1}}\\\": strict decoding error: "
            "unknown field \\\"spec.foo\\\"",
            "Invalid",
            "{\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid value: \\\"{}\\\": strict decoding error: unknown field "
            "\\\"spec.foo\\\"\",\"field\":\"patch\"}]}",
            "422"),
     KUBE_INVALID, "strict decoding error: unknown field \"spec.foo\"", "", ""},
    {"schema and rules", 422,
     STATUS("ModelServing.workload.serving.volcano.sh \\\"a\\\" is invalid: [...]", "Invalid",
            "{\"name\":\"a\",\"kind\":\"ModelServing\",\"causes\":[{\"reason\":\"FieldValueTypeInvalid\",\"message\":\"Invalid value: "
            "\\\"string\\\": spec.replicas in body "
            "must be of type integer\",\"field\":\"spec.replicas\"},{\"reason\":\"FieldValueRequired\",\"message\":\"Required "
            "value\",\"field\":\"spec.x\"},{\"reason\":"
            "\"FieldValueInvalid\",\"message\":\"Invalid value: null: some validation rules were not checked\",\"field\":\"<nil>\"}]}",
            "422"),
     KUBE_INVALID, "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer; spec.x: Required value", "",
     ""},
    {"a patch that does not apply", 422, STATUS("the server rejected our request due to an error in our request", "Invalid", "{}", "422"),
     KUBE_INVALID, "the server rejected our request due to an error in our request", "", ""},
    {"quota", 403,
     STATUS("modelservings \\\"a\\\" is forbidden: exceeded quota: q, requested: count/x=1, used: count/x=1, limited: count/x=1",
            "Forbidden", SERVING, "403"),
     KUBE_DENIED, "modelservings \"a\" is forbidden: exceeded quota: q, requested: count/x=1, used: count/x=1, limited: count/x=1", "", ""},
    {"webhook denies with 403", 403, STATUS("admission webhook \\\"w.example.com\\\" denied the request: no", "Forbidden", "{}", "403"),
     KUBE_DENIED, "admission webhook \"w.example.com\" denied the request: no", "", ""},
    {"webhook denies with 400 and no reason", 400,
     STATUS("admission webhook \\\"w.example.com\\\" denied the request without explanation", "", "{}", "400"), KUBE_DENIED,
     "admission webhook \"w.example.com\" denied the request without explanation", "", ""},
    {"policy denies", 422,
     STATUS("secrets \\\"c\\\" is forbidden: ValidatingAdmissionPolicy 'nope' with binding 'nope' denied request: no secrets", "Invalid",
            "{}", "422"),
     KUBE_DENIED, "secrets \"c\" is forbidden: ValidatingAdmissionPolicy 'nope' with binding 'nope' denied request: no secrets", "", ""},
    {"Pod Security", 403,
     STATUS("pods \\\"c\\\" is forbidden: violates PodSecurity \\\"restricted:latest\\\": runAsNonRoot != true", "Forbidden", SERVING,
            "403"),
     KUBE_DENIED, "pods \"c\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true", "", ""},
    {"RBAC", 403,
     STATUS("modelservings.workload.serving.volcano.sh is forbidden: User \\\"weak\\\" cannot list resource \\\"modelservings\\\" in API "
            "group "
            "\\\"workload.serving.volcano.sh\\\" at the cluster scope",
            "Forbidden", "{\"kind\":\"modelservings\"}", "403"),
     KUBE_FORBIDDEN,
     "modelservings.workload.serving.volcano.sh is forbidden: User \"weak\" cannot list resource \"modelservings\" in API group "
     "\"workload.serving.volcano.sh\" at the "
     "cluster scope",
     "list", "modelservings"},
    {"RBAC of a subresource", 403,
     STATUS("x is forbidden: User \\\"system:serviceaccount:a:b\\\" cannot patch resource \\\"modelboosters/status\\\" in API group "
            "\\\"w\\\" in the namespace \\\"d\\\"",
            "Forbidden", SERVING, "403"),
     KUBE_FORBIDDEN,
     "x is forbidden: User \"system:serviceaccount:a:b\" cannot patch resource \"modelboosters/status\" in API group \"w\" in the "
     "namespace \"d\"",
     "patch", "modelboosters/status"},
    {"owner's finalizers", 403,
     STATUS("modelservings \\\"b\\\" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set "
            "finalizers on: , <nil>",
            "Forbidden", SERVING, "403"),
     KUBE_FORBIDDEN,
     "modelservings \"b\" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers "
     "on: , <nil>",
     "update", "finalizers of the owner"},
    {"owner's kind not known yet", 403,
     STATUS("modelroutes \\\"b\\\" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion "
            "w/v1 Kind "
            "ModelBooster: no matches for kind \\\"ModelBooster\\\" in version \\\"w/v1\\\"",
            "Forbidden", SERVING, "403"),
     KUBE_SERVER_ERROR,
     "modelroutes \"b\" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion w/v1 Kind "
     "ModelBooster: no matches for kind \"ModelBooster\" in version \"w/v1\"",
     "", ""},
    {"a proxy's page in another encoding", 502, "caf\xe9", KUBE_SERVER_ERROR, "HTTP 502: \"caf\\xe9\"", "", ""},
    {"a field with a line's end", 422, STATUS("m", "Invalid", "{\"causes\":[{\"field\":\"a\\nb\",\"message\":\"c\"}]}", "422"), KUBE_INVALID, "a b: c", "", ""},
    {"a proxy's 403", 403, "<html>no</html>", KUBE_FORBIDDEN, "HTTP 403: <html>no</html>", "", ""},
    {"unauthorized", 401, STATUS("Unauthorized", "Unauthorized", "{}", "401"), KUBE_UNAUTHORIZED, "Unauthorized", "", ""},
    {"throttled", 429, STATUS("too many requests, please try again later", "TooManyRequests", "{\"retryAfterSeconds\":1}", "429"),
     KUBE_THROTTLED, "too many requests, please try again later", "", ""},
    {"webhook denies with 429", 429, STATUS("admission webhook \\\"w.example.com\\\" denied the request: later", "", "{}", "429"), KUBE_DENIED,
     "admission webhook \"w.example.com\" denied the request: later", "", ""},
    {"webhook is down", 500,
     STATUS("Internal error occurred: failed calling webhook \\\"dead\\\": connection refused", "InternalError",
            "{\"causes\":[{\"message\":\"x\"}]}", "500"),
     KUBE_SERVER_ERROR, "Internal error occurred: failed calling webhook \"dead\": connection refused", "", ""},
    {"starting up", 503, STATUS("the server is currently unable to handle the request", "ServiceUnavailable", "{}", "503"),
     KUBE_SERVER_ERROR, "the server is currently unable to handle the request", "", ""},
    {"bad gateway without a body", 502, "", KUBE_SERVER_ERROR, "the API server answered 502 without saying why", "", ""},
    {"a redirect", 302, "", KUBE_SERVER_ERROR, "the API server answered 302 without saying why", "", ""},
    {"etcd's limit", 500, STATUS("etcdserver: request is too large", "", "{}", "500"), KUBE_TOO_LARGE, "etcdserver: request is too large",
     "", ""},
    {"an apply that the schema does not know", 500,
     STATUS("failed to create typed patch object (default/a; v1, Kind=ConfigMap): errors:\\n  .dta: field not declared in schema\\n  .x: y", "",
            "{}", "500"),
     KUBE_INVALID,
     "failed to create typed patch object (default/a; v1, Kind=ConfigMap): errors:   .dta: field not declared in schema   .x: y", "", ""},
    {"too long a body", 413, STATUS("Request entity too large: limit is 3145728", "RequestEntityTooLarge", "{}", "413"), KUBE_TOO_LARGE,
     "Request entity too large: limit is 3145728", "", ""},
    {"continue token expired", 410, STATUS("The provided continue parameter is too old", "Expired", "{}", "410"), KUBE_EXPIRED,
     "The provided continue parameter is too old", "", ""},
    {"gateway timeout", 504, STATUS("Timeout: request did not complete within the allotted timeout", "Timeout", "{}", "504"), KUBE_TIMEOUT,
     "Timeout: request did not complete within the allotted timeout", "", ""},
    {"unknown media type", 415, STATUS("the body of the request was in an unknown format", "UnsupportedMediaType", "{}", "415"),
     KUBE_INVALID, "the body of the request was in an unknown format", "", ""},
    {"quoted objects are cut out", 422,
     STATUS("x is invalid: Invalid value: {\\\"a\\\":[{\\\"b\\\":\\\"}\\\\\\\"\\\"}]}: no", "Invalid",
            "{\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid value: {\\\"a\\\":[1]}: no\",\"field\":\"spec\"},{\"message\":\"all "
            "of it\"},{\"message\":\"some\",\"field\":\"<nil>\"},{\"message\":\"spec.y is wrong\",\"field\":\"spec.y\"}]}",
            "422"),
     KUBE_INVALID, "spec: Invalid value: {\"a\":[1]}: no; all of it; spec.y is wrong", "", ""},
    {"the first cause is of the whole", 422, STATUS("no", "Invalid", "{\"causes\":[{\"message\":\"whole\",\"field\":\"<nil>\"}]}", "422"), KUBE_INVALID,
     "whole", "", ""},
    {"policy without its end", 422, STATUS("ValidatingAdmissionPolicy 'nope' said nothing", "Invalid", "{}", "422"), KUBE_INVALID,
     "ValidatingAdmissionPolicy 'nope' said nothing", "", ""},
    {"webhook without its end", 409, STATUS("admission webhook \\\"w\\\" is slow", "Conflict", "{}", "409"), KUBE_CONFLICT,
     "admission webhook \"w\" is slow", "", ""},
    {"RBAC of a path", 403, STATUS("forbidden: User \\\"u\\\" cannot get path \\\"/metrics\\\"", "Forbidden", "{}", "403"), KUBE_FORBIDDEN,
     "forbidden: User \"u\" cannot get path \"/metrics\"", "get", "/metrics"},
    {"etcd's other limit", 500, STATUS("trying to send message larger than max (3000000 vs. 2097152)", "", "{}", "500"), KUBE_TOO_LARGE,
     "trying to send message larger than max (3000000 vs. 2097152)", "", ""},
    {"not acceptable", 406, "", KUBE_INVALID, "the API server answered 406 without saying why", "", ""},
    {"a conflict that a webhook wants", 409, STATUS("admission webhook \\\"w\\\" denied the request: busy", "", "{}", "409"), KUBE_DENIED,
     "admission webhook \"w\" denied the request: busy", "", ""},
    {"informational", 199, "", KUBE_SERVER_ERROR, "the API server answered 199 without saying why", "", ""},
    {"a damaged Status", 500, "{\"kind\":\"Status\",", KUBE_SERVER_ERROR, "HTTP 500: {\"kind\":\"Status\",", "", ""},
    {"control characters", 500, "a\033[31m\nb", KUBE_SERVER_ERROR, "HTTP 500: a [31m b", "", ""},
};

static void real_answers_are_told_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct kube_answer answer = kube_answer_read(&arena, cases[i].status, 0, str_of(cases[i].body));
        if (answer.kind != cases[i].kind) fail_msg("%s: got \"%s\"", cases[i].name, kube_answer_kind_name(answer.kind));
        if (!str_is(answer.message, cases[i].message)) fail_msg("%s: got message %.*s", cases[i].name, STR_ARG(answer.message));
        if (!str_is(answer.verb, cases[i].verb) || !str_is(answer.resource, cases[i].resource))
            fail_msg("%s: got %.*s of %.*s", cases[i].name, STR_ARG(answer.verb), STR_ARG(answer.resource));
        arena_release(&arena);
    }
}

static void details_and_retry_after_are_read(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct str body = str_of(
        STATUS("later", "TooManyRequests",
               "{\"name\":\"n\",\"kind\":\"k\",\"retryAfterSeconds\":7,\"causes\":[{\"field\":\"f\",\"message\":\"m\",\"reason\":\"r\"}]}",
               "429"));
    struct kube_answer answer = kube_answer_read(&arena, 429, 0, body);
    assert_int_equal(answer.retry_after_ms, 7000);
    assert_true(str_is(answer.details_name, "n") && str_is(answer.details_kind, "k"));
    assert_int_equal(answer.cause_count, 1);
    assert_true(str_is(answer.causes[0].field, "f") && str_is(answer.causes[0].message, "m") && str_is(answer.causes[0].reason, "r"));
    assert_int_equal(kube_answer_read(&arena, 429, 2000, body).retry_after_ms, 2000); /* the header goes first */
    arena_release(&arena);
}

static void version_too_large_is_a_timeout_of_its_own(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct kube_answer answer = kube_answer_read(
        &arena, 504, 0,
        str_of(STATUS(
            "Timeout: Too large resource version: 99, current: 10", "Timeout",
            "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],\"retryAfterSeconds\":1}",
            "504")));
    assert_int_equal(answer.kind, KUBE_TIMEOUT);
    assert_true(answer.is_version_too_large);
    assert_int_equal(answer.retry_after_ms, 1000);
    answer = kube_answer_read(&arena, 504, 0, str_of(STATUS("Timeout: x", "Timeout", "{}", "504")));
    assert_false(answer.is_version_too_large);
    arena_release(&arena);
}

static void watch_errors_are_read(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    yyjson_val *status = json_parse(
        &arena, STR("{\"kind\":\"Status\",\"message\":\"too old resource version: 1 (225)\",\"reason\":\"Expired\",\"code\":410}"), NULL);
    assert_int_equal(kube_answer_of_status(&arena, status).kind, KUBE_EXPIRED);
    assert_int_equal(kube_answer_of_status(&arena, NULL).kind, KUBE_SERVER_ERROR);
    arena_release(&arena);
}

static void no_answer_is_an_answer(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct kube_answer answer = kube_answer_none(&arena, KUBE_LOST, STR("h:1: the connection broke"));
    assert_int_equal(answer.kind, KUBE_LOST);
    assert_true(str_is(answer.message, "h:1: the connection broke") && kube_answer_is_transient(answer.kind));
    assert_true(kube_answer_none(&arena, KUBE_NOT_SENT, STR_EMPTY).message.len > 0);
    assert_false(kube_answer_is_transient(KUBE_INVALID));
    arena_release(&arena);
}

/* A message of two megabytes that quotes an object is cut to what a person needs, in no time. */
static void huge_quotes_are_cut(void **state) {
    (void)state;
    struct arena arena;
    struct strbuf body = strbuf_with_max(16 << 20);
    arena_init(&arena, 1 << 20);
    strbuf_append(&body, STR("{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"X is invalid: spec: Invalid value: \\\""));
    for (int i = 0; i < 2000000; i++) strbuf_append_char(&body, 'x');
    strbuf_append(&body, STR("\\\": too long\"}"));
    struct kube_answer answer = kube_answer_read(&arena, 422, 0, strbuf_view(&body));
    assert_true(str_starts_with(answer.message, STR("X is invalid: spec: Invalid value: \"xxx")));
    assert_true(str_ends_with(answer.message, STR("xxx...\": too long")));
    assert_true(answer.message.len < 200);
    strbuf_clear(&body);
    for (int i = 0; i < 500000; i++) strbuf_append(&body, STR("{["));
    answer = kube_answer_read(&arena, 500, 0, strbuf_view(&body));
    assert_true(answer.message.len < 300);
    strbuf_release(&body);
    arena_release(&arena);
}

static void warnings_are_read(void **state) {
    (void)state;
    static const struct {
        const char *value, *text;
    } warnings[] = {
        {"299 - \"unknown field \\\"spec.x\\\"\"", "unknown field \"spec.x\""},
        {"299 - \"a\\\\b\" \"Tue, 15 Nov 1994 08:12:31 GMT\"", "a\\b"},
        {"299 - \"\"", ""},
        {"299 -", ""},
        {"", ""},
        {"299 - \"open", ""},
        {"299 - \"red \033[31m, and a line\n\"", "red  [31m, and a line "},
        {"299 - \"\x80\"", "\"\\x80\""},
        {"299 - \"", ""},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++)
        if (!str_is(kube_warning_text(&arena, str_of(warnings[i].value)), warnings[i].text)) fail_msg("%s", warnings[i].value);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_answers_are_told_apart),
        cmocka_unit_test(details_and_retry_after_are_read),
        cmocka_unit_test(version_too_large_is_a_timeout_of_its_own),
        cmocka_unit_test(watch_errors_are_read),
        cmocka_unit_test(no_answer_is_an_answer),
        cmocka_unit_test(huge_quotes_are_cut),
        cmocka_unit_test(warnings_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

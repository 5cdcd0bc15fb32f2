#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "io/credentials.h"
#include "io/files.h"

/* The clock of everything in this program, libevent included: the system's, and what the test has moved it by. */
static int64_t moved_s;
int clock_gettime(clockid_t id, struct timespec *out) {
    long code = syscall(SYS_clock_gettime, id, out);
    out->tv_sec += moved_s;
    return (int)code;
}

static struct loop *loop;
static struct arena arena;
static char folder[] = "/tmp/mb-credentials-XXXXXX";

static int set_up(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    moved_s = 0;
    arena_init(&arena, 1 << 20);
    loop = loop_new(NULL);
    return loop && mkdtemp(folder) ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    char command[64];
    loop_free(loop);
    arena_release(&arena);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static struct str path_of(const char *name) {
    return arena_printf(&arena, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *text) {
    assert_true(files_write(path_of(name).ptr, str_of(text), true, NULL));
}

static void expect_token(struct credentials *credentials, const char *token) {
    struct http_credentials got;
    credentials_get(credentials, &got);
    if (!str_is(got.bearer_token, token)) fail_msg("got token %.*s, expected %s", STR_ARG(got.bearer_token), token);
}

static struct credentials *make(struct credential_sources sources) {
    struct error error = {0};
    struct credentials *credentials = credentials_new(loop, &sources, &error);
    if (!credentials) fail_msg("%s", error.message);
    return credentials;
}

/* What the ready callback said. */
struct readiness {
    bool is_told;
    struct error error;
};

static void on_ready(void *owner, const struct error *error) {
    struct readiness *readiness = owner;
    assert_false(readiness->is_told);
    readiness->is_told = true;
    if (error) readiness->error = *error;
}

static struct error start(struct credentials *credentials) {
    struct readiness readiness = {0};
    credentials_start(credentials, on_ready, &readiness);
    assert_false(readiness.is_told);
    for (int i = 0; i < 2000 && !readiness.is_told; i++) loop_run_once(loop, 10);
    assert_true(readiness.is_told);
    return readiness.error;
}

static void values_and_files_are_given(void **state) {
    (void)state;
    struct http_credentials got;
    write_file("token", "  from-file\n");
    write_file("cert", "CERT\n");
    write_file("key", "KEY\n");
    struct credentials *credentials = make((struct credential_sources){.token_file = path_of("token"),
                                                                       .certificate_file = path_of("cert"),
                                                                       .key_file = path_of("key"),
                                                                       .username = STR("u"),
                                                                       .password = STR("p")});
    assert_int_equal(start(credentials).kind, ERROR_NONE);
    credentials_get(credentials, &got);
    assert_true(str_is(got.bearer_token, "from-file") && str_is(got.certificate, "CERT\n") && str_is(got.key, "KEY\n"));
    assert_true(str_is(got.username, "u") && str_is(got.password, "p"));
    credentials_free(credentials);
    credentials = make((struct credential_sources){.token = STR("value"), .token_file = path_of("none")});
    expect_token(credentials, "value");
    credentials_free(credentials);
}

static void a_token_file_is_read_again_within_10_s(void **state) {
    (void)state;
    write_file("token", "one");
    struct credentials *credentials = make((struct credential_sources){.token_file = path_of("token")});
    write_file("token", "two");
    moved_s += 4;
    expect_token(credentials, "one"); /* not at each request */
    moved_s += 5;
    expect_token(credentials, "two");
    assert_int_equal(unlink(path_of("token").ptr), 0);
    moved_s += 10;
    expect_token(credentials, "two"); /* the last good one */
    write_file("token", "a\nb");
    moved_s += 10;
    expect_token(credentials, "two");
    credentials_free(credentials);
}

static void certificates_and_links_are_read_again_within_10_s(void **state) {
    (void)state;
    static const char *const names[] = {"ca", "cert", "key"};
    struct http_credentials got;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) write_file(names[i], "old");
    /* as kubelet projects a token: a link to a file in a folder that a link names */
    assert_int_equal(mkdir(path_of("1").ptr, 0700) | mkdir(path_of("2").ptr, 0700), 0);
    write_file("1/token", "old");
    write_file("2/token", "new");
    assert_int_equal(symlink("1", path_of("..data").ptr) | symlink("..data/token", path_of("token").ptr), 0);
    struct credentials *credentials = make((struct credential_sources){.token_file = path_of("token"),
                                                                       .ca_file = path_of("ca"),
                                                                       .certificate_file = path_of("cert"),
                                                                       .key_file = path_of("key")});
    credentials_get(credentials, &got);
    assert_true(str_is(got.ca, "old") && str_is(got.certificate, "old") && str_is(got.key, "old") && str_is(got.bearer_token, "old"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) write_file(names[i], "new");
    assert_int_equal(symlink("2", path_of("..next").ptr) | rename(path_of("..next").ptr, path_of("..data").ptr), 0);
    moved_s += 10;
    credentials_get(credentials, &got);
    assert_true(str_is(got.ca, "new") && str_is(got.certificate, "new") && str_is(got.key, "new") && str_is(got.bearer_token, "new"));
    credentials_free(credentials);
}

static void a_refused_token_is_read_again_at_once_but_not_all_the_time(void **state) {
    (void)state;
    write_file("token", "one");
    struct credentials *credentials = make((struct credential_sources){.token_file = path_of("token")});
    write_file("token", "two");
    credentials_rejected(credentials);
    expect_token(credentials, "two");
    write_file("token", "three");
    credentials_rejected(credentials);
    expect_token(credentials, "two");
    moved_s += 10;
    credentials_rejected(credentials);
    expect_token(credentials, "three");
    credentials_free(credentials);
}

static void unusable_files_are_named(void **state) {
    (void)state;
    static const struct {
        const char *content, *message;
    } cases[] = {{NULL, "cannot open it"}, {"", "is empty"}, {" \n", "is empty"}, {"secret-a\nsecret-b", "a token is one line"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        struct credential_sources sources = {.token_file = path_of("token")};
        if (cases[i].content) write_file("token", cases[i].content);
        assert_null(credentials_new(loop, &sources, &error));
        if (!strstr(error.message, cases[i].message) || !strstr(error.message, folder) || strstr(error.message, "secret"))
            fail_msg("%s", error.message);
    }
}

/* plugins */

static struct credential_sources plugin(const char *script) {
    write_file("plugin", script);
    assert_int_equal(chmod(path_of("plugin").ptr, 0700), 0);
    return (struct credential_sources){.plugin = {.command = path_of("plugin"), .api_version = STR("client.authentication.k8s.io/v1")}};
}

#define CREDENTIAL(status) "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{" status "}}"
#define PRINT(status)      "#!/bin/sh\nprintf '%s' '" CREDENTIAL(status) "'\n"

static void a_plugin_gives_a_token_or_a_certificate(void **state) {
    (void)state;
    struct http_credentials got;
    struct credentials *credentials = make(plugin(PRINT("\"token\":\"t0\",\"expirationTimestamp\":\"2126-01-01T00:00:00Z\"")));
    expect_token(credentials, "");
    assert_int_equal(start(credentials).kind, ERROR_NONE);
    expect_token(credentials, "t0");
    credentials_free(credentials);
    credentials = make(plugin(PRINT("\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\"")));
    assert_int_equal(start(credentials).kind, ERROR_NONE);
    credentials_get(credentials, &got);
    assert_true(str_is(got.certificate, "C") && str_is(got.key, "K"));
    credentials_free(credentials);
}

static void a_plugin_gets_arguments_and_environment_without_a_shell(void **state) {
    (void)state;
    struct credential_sources sources =
        plugin("#!/bin/sh\nprintf '%s|' \"$@\" \"$EXTRA\" \"$HOME_OF_TEST\" \"$KUBERNETES_EXEC_INFO\" > \"$0.seen\"\n"
               "echo '" CREDENTIAL("\"token\":\"t\"") "'\n");
    const struct str args[] = {STR("a b"), STR("$(echo no)"), STR("")};
    const struct credential_env env[] = {{STR("EXTRA"), STR("x y")}};
    sources.plugin.args = args;
    sources.plugin.arg_count = 3;
    sources.plugin.env = env;
    sources.plugin.env_count = 1;
    sources.plugin.cluster_json = STR("{\"server\":\"https://h\"}");
    setenv("HOME_OF_TEST", "ours", 1);
    setenv("EXTRA", "overridden", 1);
    struct credentials *credentials = make(sources);
    assert_int_equal(start(credentials).kind, ERROR_NONE);
    struct str seen;
    assert_true(files_read(&arena, path_of("plugin.seen").ptr, 10000, &seen, NULL));
    assert_string_equal(
        seen.ptr,
        "a b|$(echo no)||x y|ours|{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"spec\":{\"cluster\":"
        "{\"server\":\"https://h\"},\"interactive\":false}}|");
    credentials_free(credentials);
}

static void failing_plugins_are_named_and_their_secrets_are_not(void **state) {
    (void)state;
    static const struct {
        const char *name, *script, *message;
    } cases[] = {
        {"bad status", "#!/bin/sh\nexit 3\n", "ended with status 3"},
        {"killed", "#!/bin/sh\nkill -9 $$\n", "killed by signal 9"},
        {"no JSON", "#!/bin/sh\necho secret\n", "no ExecCredential"},
        {"nothing", "#!/bin/sh\n", "no ExecCredential"},
        {"another version",
         "#!/bin/sh\necho "
         "'{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"secret\"}}'\n",
         "the kubeconfig says apiVersion"},
        {"no token", PRINT(""), "neither a token nor a client certificate"},
        {"certificate without key", PRINT("\"clientCertificateData\":\"secret\""), "neither a token nor a client certificate"},
        {"two lines", PRINT("\"token\":\"secret\\r\\nEvil: yes\""), "more than one line"},
        {"bad time", PRINT("\"token\":\"secret\",\"expirationTimestamp\":\"tomorrow\""), "expirationTimestamp \"tomorrow\""},
        {"no day", PRINT("\"token\":\"secret\",\"expirationTimestamp\":\"2026-02-31T00:00:00Z\""), "is no RFC 3339 time"},
        {"endless", "#!/bin/sh\nexec cat /dev/zero\n", "printed more than"},
        {"no interpreter", "#!/no/such/interpreter\n", "cannot run it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct credentials *credentials = make(plugin(cases[i].script));
        struct error error = start(credentials);
        if (error.kind == ERROR_NONE || !strstr(error.message, cases[i].message) || strstr(error.message, "secret"))
            fail_msg("%s: %s", cases[i].name, error.message);
        if (!strstr(error.message, "credential plugin")) fail_msg("%s: %s", cases[i].name, error.message);
        credentials_free(credentials);
    }
}

static void a_plugin_is_run_by_another_process(void **state) {
    (void)state;
    struct error error;
    struct credentials *credentials = make(plugin(PRINT("\"token\":\"t0\",\"expirationTimestamp\":\"2126-01-01T00:00:00Z\"")));
    assert_true(credentials_hand_over(credentials, NULL));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(start(credentials).kind, ERROR_NONE);
        expect_token(credentials, "t0");
    }
    credentials_free(credentials);
    credentials = make(plugin("#!/bin/sh\nexit 3\n"));
    assert_true(credentials_hand_over(credentials, NULL));
    error = start(credentials);
    assert_non_null(strstr(error.message, "ended with status 3"));
    assert_int_equal(unlink(path_of("plugin").ptr), 0);
    error = start(credentials);
    assert_non_null(strstr(error.message, "cannot run it: No such file"));
    credentials_free(credentials);
    credentials = make(plugin("#!/bin/sh\nexec cat /dev/zero\n"));
    assert_true(credentials_hand_over(credentials, NULL));
    error = start(credentials);
    assert_non_null(strstr(error.message, "printed more than"));
    credentials_free(credentials);
}

static void a_missing_plugin_shows_the_hint(void **state) {
    (void)state;
    struct credential_sources sources = {.plugin = {.command = STR("no-such-plugin-anywhere"),
                                                    .api_version = STR("client.authentication.k8s.io/v1"),
                                                    .install_hint = STR("get it there")}};
    struct credentials *credentials = make(sources);
    struct error error = start(credentials);
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "its kubeconfig says: \"get it there\""));
    credentials_free(credentials);
}

static void wait_for_token(struct credentials *credentials, const char *token) {
    struct http_credentials got = {0};
    for (int i = 0; i < 2000; i++) {
        credentials_get(credentials, &got);
        if (str_is(got.bearer_token, token)) return;
        loop_run_once(loop, 10);
    }
    fail_msg("got token %.*s, expected %s", STR_ARG(got.bearer_token), token);
}

/* Each run prints the next token; what it says of its end is 10 minutes from the moved clock. */
static void a_credential_is_renewed_before_its_end(void **state) {
    (void)state;
    char script[2048];
    const char *format =
        "#!/bin/sh\nn=$(cat \"$0.n\" 2>/dev/null || echo 0); n=$((n+1)); echo $n > \"$0.n\"\n[ -f \"$0.broken\" ] && exit 1\n"
        "echo "
        "'{\"apiVersion\":\"client.authentication.k8s.io/"
        "v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t'$n'\",\"expirationTimestamp\":\"%s\"}}'\n";
    char end[64];
    time_t soon = (time_t)(loop_wall_ms(loop) / 1000) + 600;
    struct tm tm;
    strftime(end, sizeof end, "%Y-%m-%dT%H:%M:%S.123+00:00", gmtime_r(&soon, &tm));
    snprintf(script, sizeof script, format, end);
    struct credentials *credentials = make(plugin(script));
    assert_int_equal(start(credentials).kind, ERROR_NONE);
    expect_token(credentials, "t1");
    moved_s += 500;
    loop_run_once(loop, 0);
    expect_token(credentials, "t1");
    write_file("plugin.broken", "x");
    moved_s += 45; /* within a minute of the end: run 2 fails, and the old one serves on */
    while (access(path_of("plugin.n").ptr, F_OK) == 0) {
        struct str count;
        assert_true(files_read(&arena, path_of("plugin.n").ptr, 100, &count, NULL));
        if (str_is(count, "2\n")) break;
        loop_run_once(loop, 10);
    }
    for (int i = 0; i < 5; i++) loop_run_once(loop, 20);
    expect_token(credentials, "t1");
    assert_int_equal(unlink(path_of("plugin.broken").ptr), 0);
    moved_s += 11;
    wait_for_token(credentials, "t3");
    moved_s += 11;
    credentials_rejected(credentials);
    wait_for_token(credentials, "t4");
    credentials_free(credentials);
}

static void a_plugin_that_hangs_is_killed(void **state) {
    (void)state;
    struct readiness readiness = {0};
    struct credentials *credentials = make(plugin("#!/bin/sh\necho started > \"$0.up\"\nsleep 1000 & wait\n"));
    credentials_start(credentials, on_ready, &readiness);
    while (access(path_of("plugin.up").ptr, F_OK) != 0) loop_run_once(loop, 10);
    moved_s += 61;
    while (!readiness.is_told) loop_run_once(loop, 10);
    assert_int_equal(readiness.error.kind, ERROR_TIMEOUT);
    credentials_free(credentials);
    /* and freeing does not wait for one either */
    credentials = make(plugin("#!/bin/sh\nsleep 1000 & wait\n"));
    credentials_start(credentials, on_ready, &(struct readiness){0});
    loop_run_once(loop, 10);
    credentials_free(credentials);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(values_and_files_are_given),
        CASE(a_token_file_is_read_again_within_10_s),
        CASE(certificates_and_links_are_read_again_within_10_s),
        CASE(a_refused_token_is_read_again_at_once_but_not_all_the_time),
        CASE(unusable_files_are_named),
        CASE(a_plugin_gives_a_token_or_a_certificate),
        CASE(a_plugin_gets_arguments_and_environment_without_a_shell),
        CASE(failing_plugins_are_named_and_their_secrets_are_not),
        CASE(a_plugin_is_run_by_another_process),
        CASE(a_missing_plugin_shows_the_hint),
        CASE(a_credential_is_renewed_before_its_end),
        CASE(a_plugin_that_hangs_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "data/yaml_read.h"
#include "kube/kubeconfig.h"

static struct arena arena;
static struct error error;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 16 << 20);
    error = (struct error){0};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct kubeconfig_file file_of(const char *path, const char *text) {
    struct yaml_documents documents = {0};
    if (!yaml_read(&arena, str_of(text), &documents, &error)) fail_msg("%s: %s", path, error.message);
    return (struct kubeconfig_file){str_of(path), STR("/home/u/.kube"), documents.count ? documents.items[0].root : NULL};
}

#define HEAD                                                                                                                               \
    "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: ns}}, {name: d, "    \
    "context: {cluster: k2}}]\n"
#define CLUSTER      "clusters: [{name: k, cluster: {server: 'https://h:6443/'}}, {name: k2, cluster: {server: 'https://h2'}}]\n"
#define USER(fields) HEAD CLUSTER "users: [{name: u, user: {" fields "}}]\n"

static bool read_one(const char *text, const char *context, bool allow_exec, struct cluster_settings *out) {
    struct kubeconfig_file file = file_of("/home/u/.kube/config", text);
    return kubeconfig_read(&arena, &file, 1, str_of(context), allow_exec, out, &error);
}

static void expect(struct str got, const char *want, const char *what) {
    if (!str_is(got, want)) fail_msg("%s: got %.*s, expected %s", what, STR_ARG(got), want);
}

static void every_field_is_read(void **state) {
    (void)state;
    struct cluster_settings got;
    const char *text = HEAD "clusters: [{name: k, cluster: {server: 'https://h:6443/p/', tls-server-name: sni, certificate-authority-data: "
                            "Q0EK, proxy-url: 'http://p:1'}}]\n"
                            "users: [{name: u, user: {client-certificate: c.pem, client-key: /abs/k.pem, token: t, tokenFile: tok}}]\n";
    if (!read_one(text, "", false, &got)) fail_msg("%s", error.message);
    expect(got.context, "c", "context");
    expect(got.namespace, "ns", "namespace");
    expect(got.server, "https://h:6443/p", "server");
    expect(got.tls_server_name, "sni", "tls-server-name");
    expect(got.ca_data, "CA\n", "ca");
    expect(got.proxy_url, "http://p:1", "proxy");
    expect(got.certificate_file, "/home/u/.kube/c.pem", "relative path");
    expect(got.key_file, "/abs/k.pem", "absolute path");
    expect(got.token, "", "token, beside a file");
    expect(got.token_file, "/home/u/.kube/tok", "tokenFile");
    assert_false(got.is_insecure);
}

static void data_goes_before_files(void **state) {
    (void)state;
    struct cluster_settings got;
    const char *text = HEAD
        "clusters: [{name: k, cluster: {server: h, certificate-authority-data: Q0E=, certificate-authority: f}}]\n"
        "users: [{name: u, user: {client-certificate-data: QQ==, client-certificate: f, client-key-data: \"QU\\nJD\", client-key: f}}]\n";
    if (!read_one(text, "", false, &got)) fail_msg("%s", error.message);
    expect(got.server, "https://h", "server without scheme");
    expect(got.ca_data, "CA", "ca");
    expect(got.certificate_data, "A", "certificate");
    expect(got.key_data, "ABC", "key");
    expect(got.ca_file, "", "ca file");
    expect(got.certificate_file, "", "certificate file");
    expect(got.key_file, "", "key file");
}

static void a_context_is_chosen_by_name(void **state) {
    (void)state;
    struct cluster_settings got;
    if (!read_one(USER("username: a, password: b"), "d", false, &got)) fail_msg("%s", error.message);
    expect(got.server, "https://h2", "server");
    expect(got.username, "", "no user");
    if (!read_one(USER("username: a, password: b"), "", false, &got)) fail_msg("%s", error.message);
    expect(got.username, "a", "username");
    expect(got.password, "b", "password");
}

static void plugins_run_only_when_allowed(void **state) {
    (void)state;
    struct cluster_settings got;
    const char *text = USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, args: [a, 'b c'], env: [{name: X, "
                            "value: 'y'}], provideClusterInfo: true, installHint: get it}");
    assert_false(read_one(text, "", false, &got));
    assert_int_equal(error.kind, ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "--allow-exec"));
    if (!read_one(text, "", true, &got)) fail_msg("%s", error.message);
    expect(got.exec.command, "/home/u/.kube/bin/login", "command");
    assert_int_equal(got.exec.arg_count, 2);
    expect(got.exec.args[1], "b c", "args");
    assert_int_equal(got.exec.env_count, 1);
    expect(got.exec.env[0].value, "y", "env");
    assert_true(got.exec.wants_cluster_info);
    expect(got.exec.install_hint, "get it", "hint");
    assert_true(read_one(USER("exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: login}"), "", true, &got));
    expect(got.exec.command, "login", "a command without slash is for PATH");
}

/* All 64 digits, in both paddings. */
static void base64_is_read(void **state) {
    (void)state;
    struct cluster_settings got;
    assert_true(read_one(USER("client-certificate-data: 'AAECAwQF+/z9/v8Z', client-key-data: 'YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo='"), "", false, &got));
    assert_int_equal(got.certificate_data.len, 12);
    assert_memory_equal(got.certificate_data.ptr, "\0\1\2\3\4\5\xfb\xfc\xfd\xfe\xff\x19", 12);
    expect(got.key_data, "abcdefghijklmnopqrstuvwxyz", "key");
    assert_true(read_one(USER("client-certificate-data: 'QUI=', client-key-data: 'QQ=='"), "", false, &got));
    expect(got.certificate_data, "AB", "certificate");
    expect(got.key_data, "A", "key");
    assert_true(read_one(USER("token: null, username: a"), "", false, &got));
    expect(got.username, "a", "null is absent");
}

static void what_has_no_end_is_refused(void **state) {
    (void)state;
    struct cluster_settings got;
    static char text[20000];
    size_t length = (size_t)snprintf(text, sizeof text, HEAD "clusters: [{name: k, cluster: {server: 'https://");
    memset(text + length, 'h', 9000);
    snprintf(text + length + 9000, 200, "'}}]\nusers: [{name: u}]\n");
    assert_false(read_one(text, "", false, &got));
    assert_non_null(strstr(error.message, "server is too long"));
    static const char *const lists[][2] = {{"args", "a, "}, {"env", "{name: A}, "}};
    for (size_t i = 0; i < 2; i++) {
        struct strbuf out = strbuf_with_max(1 << 16);
        strbuf_printf(&out, HEAD CLUSTER "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: x, %s: [", lists[i][0]);
        for (int k = 0; k < 1001; k++) strbuf_append(&out, str_of(lists[i][1]));
        strbuf_append(&out, STR("]}}}]\n"));
        assert_false(read_one(out.ptr, "", true, &got));
        assert_int_equal(error.kind, ERROR_LIMIT);
        strbuf_release(&out);
    }
}

static void several_files_merge_and_the_first_wins(void **state) {
    (void)state;
    struct cluster_settings got;
    struct kubeconfig_file files[] = {
        file_of("/a", "clusters: [{name: k, cluster: {server: 'https://first'}}]\n"),
        file_of("/b", HEAD CLUSTER),
        file_of("/c", "current-context: d\nusers: [{name: u, user: {token: t, tokenFile: ''}}]\nclusters: [{name: k, cluster: {server: "
                      "'https://third'}}]\n"),
        file_of("/empty", ""),
    };
    if (!kubeconfig_read(&arena, files, 4, STR_EMPTY, false, &got, &error)) fail_msg("%s", error.message);
    expect(got.context, "c", "context");
    expect(got.server, "https://first", "server");
    expect(got.token, "t", "token");
}

static void mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *context;
        enum error_kind kind;
        const char *message; /* a part of it */
    } cases[] = {
        {"no current context", CLUSTER, "", ERROR_NOT_FOUND, "set current-context or give --context; contexts there are: none"},
        {"unknown context", USER("token: t"), "x", ERROR_NOT_FOUND, "context \"x\" does not exist; contexts there are: \"c\", \"d\""},
        {"unknown cluster", HEAD "users: [{name: u}]\n", "", ERROR_NOT_FOUND,
         "names the cluster \"k\", which does not exist; clusters there are: none"},
        {"unknown user", HEAD CLUSTER "users: [{name: v}]\n", "", ERROR_NOT_FOUND,
         "names the user \"u\", who does not exist; users there are: \"v\""},
        {"no server", HEAD "clusters: [{name: k, cluster: {}}]\nusers: [{name: u}]\n", "", ERROR_INVALID,
         "cluster \"k\": server is missing"},
        {"ca and insecure",
         HEAD "clusters: [{name: k, cluster: {server: h, insecure-skip-tls-verify: true, certificate-authority: x}}]\nusers: [{name: u}]\n",
         "", ERROR_INVALID, "both insecure-skip-tls-verify"},
        {"bad base64", HEAD "clusters: [{name: k, cluster: {server: h, certificate-authority-data: '*'}}]\nusers: [{name: u}]\n", "",
         ERROR_INVALID, "certificate-authority-data is not base64"},
        {"short base64", HEAD "clusters: [{name: k, cluster: {server: h, certificate-authority-data: 'QUJ'}}]\nusers: [{name: u}]\n", "",
         ERROR_INVALID, "is not base64"},
        {"number as token", USER("token: 12"), "", ERROR_INVALID, "user \"u\": token is no text"},
        {"certificate without key", USER("client-certificate: x"), "", ERROR_INVALID, "no client-key"},
        {"key without certificate", USER("client-key: x"), "", ERROR_INVALID, "no client-certificate"},
        {"token and username", USER("token: x, username: me"), "", ERROR_INVALID, "both a token and a username"},
        {"auth-provider", USER("auth-provider: {name: gcp}"), "", ERROR_UNSUPPORTED, "auth-provider"},
        {"impersonation", USER("as: other"), "", ERROR_UNSUPPORTED, "impersonation"},
        {"plugin of an old version", USER("exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"), "", ERROR_UNSUPPORTED,
         "apiVersion must be"},
        {"plugin without command", USER("exec: {apiVersion: client.authentication.k8s.io/v1}"), "", ERROR_INVALID,
         "exec.command is missing"},
        {"plugin that asks", USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}"), "",
         ERROR_UNSUPPORTED, "interactiveMode"},
        {"plugin's args", USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: [1]}"), "", ERROR_INVALID,
         "exec.args"},
        {"plugin's env", USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [{value: v}]}"), "", ERROR_INVALID,
         "exec.env"},
        {"plugin's env with a number", USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [{name: E, value: 1}]}"), "",
         ERROR_INVALID, "exec.env"},
        {"base64 of one digit", USER("client-key-data: 'Q==='"), "", ERROR_INVALID, "is not base64"},
        {"base64 after its end", USER("client-certificate-data: 'QQ==QQ=='"), "", ERROR_INVALID, "is not base64"},
        {"number as password", USER("username: a, password: 1"), "", ERROR_INVALID, "password is no text"},
        {"number as username", USER("username: 1"), "", ERROR_INVALID, "username is no text"},
        {"list as key", USER("client-certificate: a, client-key: [b]"), "", ERROR_INVALID, "client-key is no text"},
        {"number as key data", USER("client-certificate-data: QQ==, client-key-data: 1"), "", ERROR_INVALID, "client-key-data is no text"},
        {"number as server", HEAD "clusters: [{name: k, cluster: {server: 1}}]\nusers: [{name: u}]\n", "", ERROR_INVALID, "server is no text"},
        {"number as server name", HEAD "clusters: [{name: k, cluster: {server: h, tls-server-name: 1}}]\nusers: [{name: u}]\n", "", ERROR_INVALID,
         "tls-server-name is no text"},
        {"number as proxy", HEAD "clusters: [{name: k, cluster: {server: h, proxy-url: 1}}]\nusers: [{name: u}]\n", "", ERROR_INVALID,
         "proxy-url is no text"},
        {"number as authority", HEAD "clusters: [{name: k, cluster: {server: h, certificate-authority: 1}}]\nusers: [{name: u}]\n", "",
         ERROR_INVALID, "certificate-authority is no text"},
        {"data and insecure",
         HEAD "clusters: [{name: k, cluster: {server: h, insecure-skip-tls-verify: true, certificate-authority-data: QQ==}}]\nusers: [{name: u}]\n",
         "", ERROR_INVALID, "both insecure-skip-tls-verify"},
        {"number as cluster", "current-context: c\ncontexts: [{name: c, context: {cluster: 1}}]\n", "", ERROR_INVALID, "cluster is no text"},
        {"number as user", "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: 1}}]\n" CLUSTER, "", ERROR_INVALID, "user is no text"},
        {"number as namespace", "current-context: c\ncontexts: [{name: c, context: {cluster: k, namespace: 1}}]\n" CLUSTER, "", ERROR_INVALID,
         "namespace is no text"},
        {"entries without a name, and many",
         "contexts: [{context: {}}, {name: 1}, {name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}, {name: i}, {name: j}, "
         "{name: k}, {name: l}, {name: m}, {name: n}, {name: o}, {name: p}, {name: q}, {name: r}, {name: s}, {name: t}, {name: u}, {name: v}]\n",
         "x", ERROR_NOT_FOUND, " more"},
        {"another kind", "kind: Pod\n", "", ERROR_INVALID, "its kind is \"Pod\""},
        {"no map", "- a\n", "", ERROR_INVALID, "its content is no map"},
        {"control characters", "current-context: \"x\\e[31m\"\n", "", ERROR_NOT_FOUND, "context \"x\\x1b[31m\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cluster_settings got = {.server = STR("untouched")};
        error = (struct error){0};
        if (read_one(cases[i].text, cases[i].context, true, &got)) fail_msg("%s: accepted", cases[i].name);
        if (error.kind != cases[i].kind || !strstr(error.message, cases[i].message)) fail_msg("%s: %s", cases[i].name, error.message);
        expect(got.server, "untouched", cases[i].name);
    }
}

static void a_pod_has_its_settings(void **state) {
    (void)state;
    struct cluster_settings got;
    assert_true(kubeconfig_in_cluster(&arena, STR("10.0.0.1"), STR("443"), STR("/t"), STR("/ca"), &got, &error));
    expect(got.server, "https://10.0.0.1:443", "server");
    expect(got.token_file, "/t", "token");
    expect(got.ca_file, "/ca", "ca");
    assert_true(kubeconfig_in_cluster(&arena, STR("fd00::1"), STR("443"), STR("/t"), STR("/ca"), &got, &error));
    expect(got.server, "https://[fd00::1]:443", "server");
    assert_false(kubeconfig_in_cluster(&arena, STR_EMPTY, STR("443"), STR("/t"), STR("/ca"), &got, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_true(kubeconfig_in_cluster(&arena, STR("[fd00::1]"), STR("443"), STR("/t"), STR("/ca"), &got, &error));
    expect(got.server, "https://[fd00::1]:443", "in brackets already");
    assert_false(kubeconfig_in_cluster(&arena, STR("h"), STR_EMPTY, STR("/t"), STR("/ca"), &got, &error));
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(every_field_is_read),
        CASE(data_goes_before_files),
        CASE(a_context_is_chosen_by_name),
        CASE(plugins_run_only_when_allowed),
        CASE(several_files_merge_and_the_first_wins),
        CASE(mistakes_are_named),
        CASE(base64_is_read),
        CASE(what_has_no_end_is_refused),
        CASE(a_pod_has_its_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

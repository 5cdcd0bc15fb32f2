/* What any client of Kubernetes needs. */
#include "data/yaml_read.h"
#include "kube/kubeconfig.h"
#include "kube/listwatch.h"
#include "kube/workqueue.h"
#include "scenario.h"

static struct arena arena;
static struct error error;

static void begin(void) {
    arena_init(&arena, 64 << 20);
    error = (struct error){0};
}

static const struct kube_resource things = {{"g", 1}, {"v1", 2}, {"things", 6}, {"Thing", 5}};

static bool paths_are_built(void) {
    struct kube_list_query list = {.limit = 500, .continue_token = STR("a=b"), .label_selector = STR("x in (y)"), .is_watch = true};
    struct kube_write_query write = {.field_manager = STR("me & you"), .field_validation = STR("Strict"), .is_dry_run = true};
    begin();
    torture_on();
    struct str paths[] = {kube_list_path(&arena, &things, STR("n"), &list), kube_create_path(&arena, &things, STR("n"), &write),
                          kube_object_path(&arena, &things, STR("n"), STR("o"), STR("status"), &write), kube_discovery_path(&arena, &things),
                          kube_api_version(&arena, &things)};
    torture_off();
    bool ok = !arena.exhausted;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) torture_result(paths[i]);
    arena_release(&arena);
    return ok;
}

/* The kind is what a caller acts on: an answer that could not be read counts as lost. */
static bool answers_are_told_apart(void) {
    static const struct answer_case {
        int status;
        const char *body;
        enum kube_answer_kind kind;
    } cases[] = {
        {409, "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"the object has been modified\",\"code\":409}", KUBE_CONFLICT},
        {409, "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"exists\",\"details\":{\"name\":\"a\",\"kind\":\"things\"}}", KUBE_ALREADY_EXISTS},
        {422, "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"no\",\"details\":{\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"bad\","
              "\"field\":\"spec.x\"},{\"reason\":\"FieldValueRequired\",\"message\":\"Required value\",\"field\":\"spec.y\"}]}}",
         KUBE_INVALID},
        {403, "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"things.g is forbidden: User \\\"u\\\" cannot create resource \\\"things\\\" in API "
              "group \\\"g\\\" in the namespace \\\"n\\\"\"}",
         KUBE_FORBIDDEN},
        {502, "<html>\nBad Gateway\n</html>", KUBE_SERVER_ERROR},
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        torture_on();
        struct kube_answer answer = kube_answer_read(&arena, cases[i].status, 0, str_of(cases[i].body));
        torture_off();
        bool is_told = answer.kind != KUBE_LOST;
        torture_expect(!is_told || answer.kind == cases[i].kind, "another kind of answer");
        torture_expect(answer.message.len, "no word about it");
        torture_result(answer.message);
        ok &= is_told;
        arena_release(&arena);
    }
    return ok;
}

static bool kubeconfigs_are_read(void) {
    static const char text[] =
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: ns}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://h:6443/', certificate-authority-data: Q0EK, proxy-url: 'http://p:1'}}]\n"
        "users: [{name: u, user: {client-certificate: c.pem, client-key: k.pem, tokenFile: tok, exec: {command: ./x, apiVersion: "
        "client.authentication.k8s.io/v1, interactiveMode: Never, args: [a, b], env: [{name: ENV, value: v}]}}}]\n";
    struct yaml_documents documents = {0};
    struct cluster_settings settings, in_cluster;
    begin();
    yaml_read(&arena, str_of(text), &documents, NULL);
    struct kubeconfig_file file = {STR("/home/u/.kube/config"), STR("/home/u/.kube"), documents.items[0].root};
    torture_mark(&settings);
    torture_mark(&in_cluster);
    torture_on();
    bool ok = kubeconfig_read(&arena, &file, 1, STR_EMPTY, true, &settings, &error);
    bool ok_too = ok && kubeconfig_in_cluster(&arena, STR("::1"), STR("443"), STR("/t"), STR("/c"), &in_cluster, &error);
    torture_off();
    torture_expect(ok_too || error.kind == ERROR_MEMORY, error.message);
    torture_expect(ok || torture_untouched(&settings), "the output is touched");
    torture_expect(ok_too || torture_untouched(&in_cluster), "the output is touched");
    if (ok_too) {
        struct str texts[] = {settings.server, settings.ca_data, settings.certificate_file, settings.exec.command, settings.exec.args[1],
                              settings.exec.env[0].value, in_cluster.server};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) torture_result(texts[i]);
    }
    arena_release(&arena);
    return ok_too;
}

/* A call that says no has changed nothing; all others can be relied upon. */
static bool a_queue_keeps_its_word(void) {
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    enum { KEYS = sizeof keys / sizeof *keys };
    struct workqueue queue;
    struct number_random random = {7};
    bool is_in[KEYS], ok = true;
    workqueue_init(&queue, (struct backoff_limits){5, 1000});
    for (size_t i = 0; i < KEYS; i++) {
        torture_on();
        is_in[i] = i % 3 == 0   ? workqueue_add(&queue, str_of(keys[i]))
                   : i % 3 == 1 ? workqueue_add_at(&queue, str_of(keys[i]), 100 + (int64_t)i)
                                : workqueue_add_failed(&queue, str_of(keys[i]), 0, 0, &random);
        torture_off();
        ok &= is_in[i];
        if (i % 3 == 2 && !is_in[i]) torture_expect(workqueue_failures(&queue, str_of(keys[i])) == 0, "a failure is counted that was not taken");
    }
    torture_on();
    workqueue_tick(&queue, 1000000);
    torture_off();
    size_t expected = 0, found = 0;
    for (size_t i = 0; i < KEYS; i++) expected += is_in[i];
    for (struct str key; workqueue_get(&queue, &key); found++) workqueue_done(&queue, key);
    torture_expect(found == expected, "what was taken is not what comes out");
    workqueue_release(&queue);
    return ok;
}

/* A list in two pages, then a watch: whatever fails, the machine comes to know every object, or still knows that it does not. */
static bool run_machine(struct listwatch *machine, int64_t *now_ms, struct strbuf *told) {
    static const char *const pages[] = {
        "{\"metadata\":{\"resourceVersion\":\"9\",\"continue\":\"t\"},\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":\"b\"}}]}",
        "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[{\"metadata\":{\"name\":\"c\"}}]}",
    };
    struct listwatch_event event;
    struct listwatch_action action;
    for (int step = 0; step < 200; step++) {
        arena_release(&arena);
        torture_on();
        bool is_event = listwatch_next_event(machine, *now_ms, &arena, &event);
        if (!is_event) listwatch_next_action(machine, *now_ms, &arena, &action);
        torture_off();
        torture_recover();
        if (is_event) {
            struct str name = json_text(json_path(event.object, "metadata", "name", NULL));
            if (event.kind == LISTWATCH_LIST_BEGIN) strbuf_clear(told);
            if (event.kind == LISTWATCH_UPSERT) strbuf_append(told, name);
            if (event.kind == LISTWATCH_UPSERT && str_is(name, "d")) return true;
            continue;
        }
        struct kube_answer good = {.kind = KUBE_OK, .http_status = 200};
        if (action.kind == LISTWATCH_WAIT) *now_ms = action.until_ms;
        if (action.kind == LISTWATCH_LIST) {
            struct strbuf body = strbuf_with_max(1 << 16);
            strbuf_append(&body, str_of(pages[str_contains(action.path, STR("continue=t"))]));
            torture_on();
            listwatch_list_answer(machine, &good, &body, *now_ms);
            torture_off();
            strbuf_release(&body);
        }
        if (action.kind == LISTWATCH_WATCH) {
            torture_on();
            listwatch_watch_opened(machine, *now_ms);
            listwatch_watch_bytes(machine, STR("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"d\",\"resourceVersion\":\"10\"}}}\n{\"ty"), *now_ms);
            torture_off();
        }
        torture_recover();
    }
    return false;
}

static bool lists_and_watches_are_followed(void) {
    struct listwatch machine;
    struct listwatch_settings settings = {.resource = things};
    struct strbuf told = strbuf_with_max(1 << 16);
    int64_t now_ms = 1000000;
    begin();
    listwatch_init(&machine, &settings, 42);
    bool is_known = run_machine(&machine, &now_ms, &told);
    torture_expect(is_known && machine.state == LISTWATCH_SYNCED, "it never comes to know all objects");
    torture_result(strbuf_view(&told));
    strbuf_release(&told);
    listwatch_release(&machine);
    arena_release(&arena);
    return true;
}

static const struct scenario scenarios[] = {
    {"paths are built", paths_are_built},
    {"answers are told apart", answers_are_told_apart},
    {"kubeconfigs are read", kubeconfigs_are_read},
    {"a queue keeps its word", a_queue_keeps_its_word},
    {"lists and watches are followed", lists_and_watches_are_followed},
};

int main(int argument_count, char **arguments) {
    return torture_main(scenarios, sizeof scenarios / sizeof *scenarios, argument_count, arguments);
}

#include "standalone/simulation_plan.h"

#include "base/hash.h"
#include "base/number.h"
#include "booster/names.h"
#include "data/rfc3339.h"

#define SAYS                   "simulation: "
#define LABEL_SERVING_REVISION LABEL_SERVING_PREFIX "revision"
#define LABEL_SERVING_ROLE_ID  LABEL_SERVING_PREFIX "role-id"

static const struct phase_facts {
    const char *word;
    bool fails;
    const char *text;
} phases[] = {
#define PHASE_FACTS(id, word, fails, text) {word, fails, SAYS text},
    POD_PHASES(PHASE_FACTS)
#undef PHASE_FACTS
};

/* ---- scripts ---- */

enum { SCRIPT_STEPS = 4 };

/* Phases with the percent of the delay after which each begins; ends with PHASE_NONE. */
static const struct script {
    const char *word;
    struct {
        enum pod_phase phase;
        int after_percent;
    } steps[SCRIPT_STEPS + 1];
} scripts[] = {
    {"", {{PHASE_DOWNLOADING, 0}, {PHASE_LOADING, 50}, {PHASE_READY, 100}}},
    {"schedule", {{PHASE_UNSCHEDULABLE, 0}}},
    {"pull", {{PHASE_PULL_FAILED, 0}}},
    {"download", {{PHASE_DOWNLOADING, 0}, {PHASE_DOWNLOAD_FAILED, 50}}},
    {"load", {{PHASE_DOWNLOADING, 0}, {PHASE_LOADING, 50}, {PHASE_LOAD_FAILED, 100}}},
    {"crash", {{PHASE_DOWNLOADING, 0}, {PHASE_LOADING, 50}, {PHASE_READY, 100}, {PHASE_CRASHED, 150}}},
};

struct failing {
    const struct script *script; /* never NULL */
    int64_t group;               /* -1: all */
    bool is_of_template;         /* said by a pod template: pods of an older one go on as they are */
    struct str unknown;          /* what the annotation says, where that is no script */
};

static struct str fail_word(const yyjson_val *metadata) {
    struct str word = json_text(json_path(metadata, "annotations", SIMULATION_FAIL, NULL));
    return word.len ? word : json_text(json_path(metadata, "labels", SIMULATION_FAIL, NULL));
}

static yyjson_val *roles_of(const yyjson_val *serving) {
    return json_path(serving, "spec", "template", "roles", NULL);
}

static struct failing read_failing(const yyjson_val *serving) {
    struct failing failing = {.script = scripts, .group = -1};
    struct str word = fail_word(json_get(serving, "metadata"));
    size_t index, max;
    yyjson_val *role;
    failing.is_of_template = !word.len;
    yyjson_arr_foreach(roles_of(serving), index, max, role) {
        if (!word.len) word = fail_word(json_path(role, "entryTemplate", "metadata", NULL));
        if (!word.len) word = fail_word(json_path(role, "workerTemplate", "metadata", NULL));
    }
    size_t colon = str_find(word, STR(":"));
    struct str name = str_first(word, colon);
    bool is_understood = colon == SIZE_MAX || (number_parse_int64(str_from(word, colon + 1), &failing.group) && failing.group >= 0);
    for (size_t i = 1; i < sizeof scripts / sizeof *scripts && is_understood; i++)
        if (str_is(name, scripts[i].word)) failing.script = &scripts[i];
    if (word.len && failing.script == scripts) failing.unknown = word;
    return failing;
}

/* The phase that is due, and when the next one is. */
static enum pod_phase due_phase(const struct script *script, int64_t age_ms, int64_t delay_ms, int64_t *out_next_age_ms) {
    enum pod_phase phase = PHASE_NONE;
    *out_next_age_ms = INT64_MAX;
    for (size_t i = 0; script->steps[i].phase != PHASE_NONE; i++) {
        int64_t begins_ms = delay_ms / 100 * script->steps[i].after_percent + delay_ms % 100 * script->steps[i].after_percent / 100;
        if (begins_ms > age_ms) {
            *out_next_age_ms = begins_ms;
            break;
        }
        phase = script->steps[i].phase;
    }
    return phase;
}

/* ---- the shape of a ModelServing ---- */

struct wanted_pod {
    struct str name;
    int64_t group;
    yyjson_val *role;
    struct str role_name, role_id;
    bool is_entry;
};

struct planning {
    struct arena *arena;
    const yyjson_val *serving;
    const struct simulated_pod *pods;
    struct str name, namespace;
    int64_t now_ms, delay_ms, replicas;
    uint64_t revision;
    struct failing failing;
    struct wanted_pod *wanted;
    size_t wanted_count;
    struct simulation_next *out;
    int64_t ready_groups;
    bool is_up_to_date;
    struct str trouble; /* the first pod that is not ready, in words */
    bool is_failing;    /* and it will not be */
    enum pod_phase trouble_phase;
};

static int64_t number_or(const yyjson_val *value, int64_t fallback) {
    int64_t number;
    return json_int64(value, &number) && number >= 0 ? number : fallback;
}

static uint64_t revision_of(struct arena *arena, const yyjson_val *serving) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write_canonical(&text, json_path(serving, "spec", "template", NULL));
    uint64_t revision = hash_xxh3(strbuf_view(&text));
    if (text.failed) arena->exhausted = true;
    strbuf_release(&text);
    return revision ? revision : 1;
}

static void add_wanted(struct planning *planning, int64_t group, yyjson_val *role, int64_t copy, int64_t worker) {
    if (planning->wanted_count == SIMULATION_PODS_MAX) return;
    struct str role_name = json_text(json_get(role, "name"));
    struct wanted_pod *pod = &planning->wanted[planning->wanted_count++];
    *pod = (struct wanted_pod){.group = group, .role = role, .role_name = role_name, .is_entry = worker == 0};
    pod->role_id = arena_printf(planning->arena, "%.*s-%lld", STR_ARG(role_name), (long long)copy);
    pod->name = arena_printf(planning->arena, "%.*s-%lld-%.*s-%lld", STR_ARG(planning->name), (long long)group, STR_ARG(pod->role_id),
                             (long long)worker);
}

static void list_wanted(struct planning *planning) {
    size_t index, max;
    yyjson_val *role;
    planning->wanted = arena_array(planning->arena, SIMULATION_PODS_MAX, sizeof *planning->wanted);
    if (!planning->wanted) return;
    for (int64_t group = 0; group < planning->replicas && group < SIMULATION_GROUPS_MAX; group++) {
        yyjson_arr_foreach(roles_of(planning->serving), index, max, role) {
            int64_t copies = number_or(json_get(role, "replicas"), 1), workers = number_or(json_get(role, "workerReplicas"), 0);
            for (int64_t copy = 0; copy < copies && planning->wanted_count < SIMULATION_PODS_MAX; copy++)
                for (int64_t worker = 0; worker <= workers && planning->wanted_count < SIMULATION_PODS_MAX; worker++)
                    add_wanted(planning, group, role, copy, worker);
        }
    }
}

static const struct simulated_pod *find_pod(const struct planning *planning, struct str name) {
    const struct simulated_pod *pod = planning->pods;
    while (pod && !str_equal(pod->name, name)) pod = pod->next;
    return pod;
}

static const struct wanted_pod *find_wanted(const struct planning *planning, struct str name) {
    for (size_t i = 0; i < planning->wanted_count; i++)
        if (str_equal(planning->wanted[i].name, name)) return &planning->wanted[i];
    return NULL;
}

static const struct script *script_of(const struct planning *planning, int64_t group, const struct simulated_pod *pod) {
    const struct failing *failing = &planning->failing;
    bool is_meant = failing->group < 0 || failing->group == group;
    bool is_told = !failing->is_of_template || pod->revision == planning->revision;
    return is_meant && is_told ? failing->script : scripts;
}

static bool decide(struct planning *planning, enum simulation_step step, struct str name, yyjson_val *body) {
    planning->out->step = step;
    planning->out->name = name;
    planning->out->body = body;
    return true;
}

/* ---- pods ---- */

static void add_owner(yyjson_mut_doc *doc, yyjson_mut_val *metadata, const struct planning *planning) {
    yyjson_mut_val *owner = yyjson_mut_arr_add_obj(doc, yyjson_mut_obj_add_arr(doc, metadata, "ownerReferences"));
    yyjson_mut_obj_add_str(doc, owner, "apiVersion", API_VERSION_WORKLOAD);
    yyjson_mut_obj_add_str(doc, owner, "kind", "ModelServing");
    json_add_text(doc, owner, "name", planning->name);
    json_add_text(doc, owner, "uid", json_text(json_path(planning->serving, "metadata", "uid", NULL)));
    yyjson_mut_obj_add_bool(doc, owner, "controller", true);
    yyjson_mut_obj_add_bool(doc, owner, "blockOwnerDeletion", true);
}

/* Labels or annotations of the template, then ours: those that the ModelServing controller sets. */
static yyjson_mut_val *add_map(yyjson_mut_doc *doc, yyjson_mut_val *metadata, const char *field, const yyjson_val *template) {
    yyjson_mut_val *map = yyjson_mut_obj_add_obj(doc, metadata, field);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(json_path(template, "metadata", field, NULL), index, max, key, value) {
        json_add_copy(doc, map, yyjson_get_str(key), value);
    }
    return map;
}

static yyjson_val *pod_object(struct planning *planning, const struct wanted_pod *pod) {
    yyjson_mut_doc *doc = json_builder(planning->arena);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_val *template = json_get(pod->role, pod->is_entry ? "entryTemplate" : "workerTemplate");
    yyjson_mut_obj_add_str(doc, object, "apiVersion", "v1");
    yyjson_mut_obj_add_str(doc, object, "kind", "Pod");
    yyjson_mut_val *metadata = yyjson_mut_obj_add_obj(doc, object, "metadata");
    json_add_text(doc, metadata, "name", pod->name);
    json_add_text(doc, metadata, "namespace", planning->namespace);
    yyjson_mut_val *labels = add_map(doc, metadata, "labels", template);
    yyjson_mut_obj_add_str(doc, labels, SIMULATION_LABEL, "true");
    json_add_text(doc, labels, LABEL_SERVING_NAME, planning->name);
    json_add_text(doc, labels, LABEL_SERVING_GROUP_NAME,
                  arena_printf(planning->arena, "%.*s-%lld", STR_ARG(planning->name), (long long)pod->group));
    json_add_text(doc, labels, LABEL_SERVING_ROLE, pod->role_name);
    json_add_text(doc, labels, LABEL_SERVING_ROLE_ID, pod->role_id);
    json_add_text(doc, labels, LABEL_SERVING_REVISION, hash_hex(planning->arena, planning->revision));
    if (pod->is_entry) yyjson_mut_obj_add_str(doc, labels, LABEL_SERVING_ENTRY, "true");
    add_map(doc, metadata, "annotations", template);
    add_owner(doc, metadata, planning);
    json_add_copy(doc, object, "spec", json_get(template, "spec"));
    return json_freeze(planning->arena, object);
}

/* How the containers of one list stand in a phase. */
enum standing { STANDS_WAITING, STANDS_RUNNING, STANDS_READY, STANDS_DONE, STANDS_FAILED };

static enum standing standing_of(enum pod_phase phase, bool is_init) {
    switch (phase) {
    case PHASE_DOWNLOADING: return is_init ? STANDS_RUNNING : STANDS_WAITING;
    case PHASE_LOADING: return is_init ? STANDS_DONE : STANDS_RUNNING;
    case PHASE_READY: return is_init ? STANDS_DONE : STANDS_READY;
    case PHASE_PULL_FAILED:
    case PHASE_DOWNLOAD_FAILED: return is_init ? STANDS_FAILED : STANDS_WAITING;
    case PHASE_LOAD_FAILED:
    case PHASE_CRASHED: return is_init ? STANDS_DONE : STANDS_FAILED;
    default: return STANDS_WAITING;
    }
}

static void add_failed_state(yyjson_mut_doc *doc, yyjson_mut_val *status, enum pod_phase phase) {
    bool has_run = phase != PHASE_PULL_FAILED;
    yyjson_mut_val *waiting = yyjson_mut_obj_add_obj(doc, yyjson_mut_obj_add_obj(doc, status, "state"), "waiting");
    yyjson_mut_obj_add_str(doc, waiting, "reason", has_run ? "CrashLoopBackOff" : "ImagePullBackOff");
    yyjson_mut_obj_add_str(doc, waiting, "message", has_run ? SAYS "back-off restarting failed container" : phases[phase].text);
    if (!has_run) return;
    yyjson_mut_val *ended = yyjson_mut_obj_add_obj(doc, yyjson_mut_obj_add_obj(doc, status, "lastState"), "terminated");
    yyjson_mut_obj_add_int(doc, ended, "exitCode", phase == PHASE_CRASHED ? 137 : 1);
    yyjson_mut_obj_add_str(doc, ended, "reason", phase == PHASE_CRASHED ? "OOMKilled" : "Error");
    yyjson_mut_obj_add_str(doc, ended, "message", phases[phase].text);
}

static void add_container(yyjson_mut_doc *doc, yyjson_mut_val *list, const yyjson_val *container, enum standing standing,
                          enum pod_phase phase) {
    yyjson_mut_val *status = yyjson_mut_arr_add_obj(doc, list);
    json_add_text(doc, status, "name", json_text(json_get(container, "name")));
    json_add_text(doc, status, "image", json_text(json_get(container, "image")));
    yyjson_mut_obj_add_str(doc, status, "imageID", "");
    yyjson_mut_obj_add_bool(doc, status, "ready", standing == STANDS_READY || standing == STANDS_DONE);
    yyjson_mut_obj_add_int(doc, status, "restartCount", standing == STANDS_FAILED && phase != PHASE_PULL_FAILED ? 1 : 0);
    if (standing == STANDS_FAILED) {
        add_failed_state(doc, status, phase);
        return;
    }
    yyjson_mut_val *state = yyjson_mut_obj_add_obj(doc, status, "state");
    if (standing == STANDS_WAITING)
        yyjson_mut_obj_add_str(doc, yyjson_mut_obj_add_obj(doc, state, "waiting"), "reason", "PodInitializing");
    else if (standing == STANDS_DONE)
        yyjson_mut_obj_add_int(doc, yyjson_mut_obj_add_obj(doc, state, "terminated"), "exitCode", 0);
    else
        yyjson_mut_obj_add_obj(doc, state, "running");
}

static void add_containers(yyjson_mut_doc *doc, yyjson_mut_val *status, const char *field, yyjson_val *containers, bool is_init,
                           enum pod_phase phase) {
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, status, field);
    enum standing standing = standing_of(phase, is_init);
    size_t count = yyjson_arr_size(containers), index = 0;
    for (; index < count; index++) {
        /* One container fails; those beside it run. */
        bool is_beside = standing == STANDS_FAILED && index + 1 < count && !is_init;
        add_container(doc, list, yyjson_arr_get(containers, index), is_beside ? STANDS_READY : standing, phase);
    }
}

/* `since`: when it became what it is; empty: now. */
static void add_condition(struct planning *planning, yyjson_mut_doc *doc, yyjson_mut_val *list, const char *type, bool is_true,
                          const char *reason, struct str message, struct str since) {
    yyjson_mut_val *condition = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, condition, "type", type);
    yyjson_mut_obj_add_str(doc, condition, "status", is_true ? "True" : "False");
    json_add_text(doc, condition, "lastTransitionTime",
                  since.len ? since : rfc3339_format_ms(planning->arena, planning->now_ms, RFC3339_SECONDS));
    yyjson_mut_obj_add_str(doc, condition, "reason", reason);
    json_add_text(doc, condition, "message", message);
}

static yyjson_val *pod_status(struct planning *planning, const struct wanted_pod *pod, enum pod_phase phase) {
    yyjson_mut_doc *doc = json_builder(planning->arena);
    yyjson_mut_val *body = yyjson_mut_obj(doc), *status = yyjson_mut_obj_add_obj(doc, body, "status");
    yyjson_val *spec = json_path(pod->role, pod->is_entry ? "entryTemplate" : "workerTemplate", "spec", NULL);
    bool is_scheduled = phase != PHASE_UNSCHEDULABLE, is_ready = phase == PHASE_READY;
    bool is_running = standing_of(phase, false) != STANDS_WAITING;
    struct str text = str_of(phases[phase].text);
    yyjson_mut_obj_add_str(doc, status, "phase", is_running ? "Running" : "Pending");
    yyjson_mut_val *conditions = yyjson_mut_obj_add_arr(doc, status, "conditions");
    add_condition(planning, doc, conditions, "PodScheduled", is_scheduled, is_scheduled ? "Simulated" : "Unschedulable", text, STR_EMPTY);
    add_condition(planning, doc, conditions, "Ready", is_ready, is_ready ? "Simulated" : phases[phase].word, text, STR_EMPTY);
    add_condition(planning, doc, conditions, SIMULATION_PHASE_CONDITION, true, phases[phase].word, text, STR_EMPTY);
    if (is_scheduled) {
        add_containers(doc, status, "initContainerStatuses", json_get(spec, "initContainers"), true, phase);
        add_containers(doc, status, "containerStatuses", json_get(spec, "containers"), false, phase);
    }
    return json_freeze(planning->arena, body);
}

static bool delete_extra(struct planning *planning) {
    for (const struct simulated_pod *pod = planning->pods; pod; pod = pod->next)
        if (pod->is_deleting || !find_wanted(planning, pod->name)) return decide(planning, SIMULATION_DELETE_POD, pod->name, NULL);
    return false;
}

static bool create_missing(struct planning *planning) {
    for (size_t i = 0; i < planning->wanted_count; i++) {
        const struct wanted_pod *wanted = &planning->wanted[i];
        if (!find_pod(planning, wanted->name)) return decide(planning, SIMULATION_CREATE_POD, wanted->name, pod_object(planning, wanted));
    }
    return false;
}

static bool move_on(struct planning *planning) {
    for (size_t i = 0; i < planning->wanted_count; i++) {
        const struct wanted_pod *wanted = &planning->wanted[i];
        const struct simulated_pod *pod = find_pod(planning, wanted->name);
        int64_t age_ms = planning->now_ms > pod->created_ms ? planning->now_ms - pod->created_ms : 0, next_age_ms;
        enum pod_phase due = due_phase(script_of(planning, wanted->group, pod), age_ms, planning->delay_ms, &next_age_ms);
        if (due != pod->phase && due != PHASE_NONE)
            return decide(planning, SIMULATION_POD_STATUS, pod->name, pod_status(planning, wanted, due));
        if (next_age_ms < INT64_MAX && pod->created_ms + next_age_ms < planning->out->until_ms)
            planning->out->until_ms = pod->created_ms + next_age_ms;
    }
    return false;
}

/* ---- groups ---- */

static void note_trouble(struct planning *planning, const struct simulated_pod *pod) {
    const struct phase_facts *facts = &phases[pod->phase];
    bool is_worse = facts->fails && !planning->is_failing;
    if (planning->trouble.len && !is_worse) return;
    planning->is_failing = facts->fails;
    planning->trouble_phase = pod->phase;
    planning->trouble = arena_printf(planning->arena, "pod %.*s: %s: %s", STR_ARG(pod->name), facts->word, facts->text + sizeof SAYS - 1);
}

/* Counts groups whose pods are all ready; the first group of an older template goes when all newer ones are ready, one at a time. */
static bool judge_groups(struct planning *planning) {
    int64_t groups = planning->replicas < SIMULATION_GROUPS_MAX ? planning->replicas : SIMULATION_GROUPS_MAX;
    bool are_newer_ready = true, is_last_ready = true;
    const struct simulated_pod *oldest = NULL;
    planning->is_up_to_date = true;
    for (int64_t group = 0; group < groups; group++) {
        bool is_ready = true, is_old = false;
        for (size_t i = 0; i < planning->wanted_count; i++) {
            if (planning->wanted[i].group != group) continue;
            const struct simulated_pod *pod = find_pod(planning, planning->wanted[i].name);
            if (pod->phase != PHASE_READY) note_trouble(planning, pod);
            is_ready &= pod->phase == PHASE_READY;
            if (pod->revision == planning->revision) continue;
            is_old = true;
            if (!oldest) oldest = pod;
        }
        are_newer_ready &= is_old || is_ready;
        planning->is_up_to_date &= !is_old;
        planning->ready_groups += is_ready;
        is_last_ready = is_ready;
    }
    if (is_last_ready && planning->replicas > groups) planning->ready_groups += planning->replicas - groups;
    return oldest && are_newer_ready && decide(planning, SIMULATION_DELETE_POD, oldest->name, NULL);
}

/* ---- the ModelServing's status ---- */

static struct str available_message(struct planning *planning) {
    struct str counts = arena_printf(planning->arena, SAYS "%lld of %lld replicas available", (long long)planning->ready_groups,
                                     (long long)planning->replicas);
    if (planning->trouble.len) counts = arena_join(planning->arena, counts, STR("; "), planning->trouble);
    if (!planning->failing.unknown.len) return counts;
    return arena_printf(planning->arena,
                        "%.*s; annotation " SIMULATION_FAIL " is %s: write schedule, pull, download, load or crash, and :0 for replica 0",
                        STR_ARG(counts), QUOTE(planning->failing.unknown));
}

static bool is_same_condition(const yyjson_val *a, const yyjson_val *b) {
    static const char *const fields[] = {"type", "status", "reason", "message", "observedGeneration"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!json_equal(json_get(a, fields[i]), json_get(b, fields[i]))) return false;
    return true;
}

static bool is_same_status(const yyjson_val *live, const yyjson_val *wanted) {
    static const char *const fields[] = {"observedGeneration", "replicas", "availableReplicas", "currentReplicas", "updatedReplicas"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!json_equal(json_get(live, fields[i]), json_get(wanted, fields[i]))) return false;
    yyjson_val *a = json_get(live, "conditions"), *b = json_get(wanted, "conditions");
    return yyjson_arr_size(a) == 1 && is_same_condition(yyjson_arr_get_first(a), yyjson_arr_get_first(b));
}

/* The time of the live condition, where its status stays. */
static struct str since(const struct planning *planning, bool is_available) {
    const yyjson_val *live = yyjson_arr_get_first(json_path(planning->serving, "status", "conditions", NULL));
    bool is_same = json_is_text(json_get(live, "status"), is_available ? "True" : "False");
    return is_same ? json_text(json_get(live, "lastTransitionTime")) : STR_EMPTY;
}

static bool write_status(struct planning *planning) {
    yyjson_mut_doc *doc = json_builder(planning->arena);
    yyjson_mut_val *body = yyjson_mut_obj(doc), *status = yyjson_mut_obj_add_obj(doc, body, "status");
    int64_t generation = number_or(json_path(planning->serving, "metadata", "generation", NULL), 0);
    bool is_available = planning->ready_groups >= planning->replicas;
    const char *reason = is_available           ? "SimulatedReady"
                         : planning->is_failing ? phases[planning->trouble_phase].word
                                                : "SimulatedProgress";
    json_add_int64(doc, status, "observedGeneration", generation);
    json_add_int64(doc, status, "replicas", planning->replicas);
    json_add_int64(doc, status, "availableReplicas", planning->ready_groups);
    json_add_int64(doc, status, "currentReplicas", planning->replicas);
    json_add_int64(doc, status, "updatedReplicas", planning->is_up_to_date ? planning->replicas : 0);
    json_add_text(doc, status, "labelSelector", arena_join(planning->arena, STR(LABEL_SERVING_NAME "="), planning->name, STR_EMPTY));
    yyjson_mut_val *conditions = yyjson_mut_obj_add_arr(doc, status, "conditions");
    add_condition(planning, doc, conditions, "Available", is_available, reason, available_message(planning), since(planning, is_available));
    json_add_int64(doc, yyjson_mut_arr_get_first(conditions), "observedGeneration", generation);
    yyjson_val *frozen = json_freeze(planning->arena, body);
    if (!frozen || is_same_status(json_get(planning->serving, "status"), json_get(frozen, "status"))) return false;
    return decide(planning, SIMULATION_STATUS, planning->name, frozen);
}

/*
 * Who deletes a ModelServing says what becomes of its pods: garbage collection deletes them, or lets go of them. Here they are only
 * finished once they are deleted, as a kubelet would.
 */
static void finish_deleted(const struct simulated_pod *pods, struct simulation_next *out) {
    while (pods && !pods->is_deleting) pods = pods->next;
    if (!pods) return;
    out->step = SIMULATION_DELETE_POD;
    out->name = pods->name;
}

bool simulation_plan(struct arena *arena, const yyjson_val *serving, const struct simulated_pod *pods, int64_t now_ms, int64_t delay_ms,
                     struct simulation_next *out) {
    struct planning planning = {.arena = arena, .serving = serving, .pods = pods, .now_ms = now_ms, .delay_ms = delay_ms, .out = out};
    yyjson_val *metadata = json_get(serving, "metadata");
    *out = (struct simulation_next){.step = SIMULATION_WAIT, .until_ms = INT64_MAX};
    if (!serving || json_get(metadata, "deletionTimestamp")) {
        finish_deleted(pods, out);
        return !arena->exhausted;
    }
    planning.name = json_text(json_get(metadata, "name"));
    planning.namespace = json_text(json_get(metadata, "namespace"));
    planning.replicas = number_or(json_path(serving, "spec", "replicas", NULL), 1);
    planning.revision = revision_of(arena, serving);
    planning.failing = read_failing(serving);
    list_wanted(&planning);
    if (!arena->exhausted && !delete_extra(&planning) && !create_missing(&planning) && !move_on(&planning) && !judge_groups(&planning))
        write_status(&planning);
    return !arena->exhausted;
}

bool simulation_read_pod(const yyjson_val *pod, struct simulated_pod *out, struct str *out_serving) {
    yyjson_val *metadata = json_get(pod, "metadata"), *labels = json_get(metadata, "labels"), *condition;
    size_t index, max;
    if (!json_is_text(json_get(labels, SIMULATION_LABEL), "true")) return false;
    *out = (struct simulated_pod){.name = json_text(json_get(metadata, "name")), .uid = json_text(json_get(metadata, "uid"))};
    *out_serving = json_text(json_get(labels, LABEL_SERVING_NAME));
    out->is_deleting = json_get(metadata, "deletionTimestamp") != NULL;
    if (!number_parse_hex64(json_text(json_get(labels, LABEL_SERVING_REVISION)), &out->revision)) out->revision = 0;
    if (!rfc3339_parse_ms(json_text(json_get(metadata, "creationTimestamp")), &out->created_ms, NULL)) out->created_ms = 0;
    yyjson_arr_foreach(json_path(pod, "status", "conditions", NULL), index, max, condition) {
        if (!json_is_text(json_get(condition, "type"), SIMULATION_PHASE_CONDITION)) continue;
        for (int phase = 0; phase < PHASE_COUNT; phase++)
            if (json_is_text(json_get(condition, "reason"), phases[phase].word)) out->phase = (enum pod_phase)phase;
    }
    return out->name.len && out->uid.len && out_serving->len;
}

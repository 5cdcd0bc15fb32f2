#include "apiserver/table_pod.h"

#include "data/rfc3339.h"

static const yyjson_val *condition_of(const yyjson_val *pod, const char *type) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_path(pod, "status", "conditions", NULL), index, max, condition) {
        if (json_is_text(json_get(condition, "type"), type)) return condition;
    }
    return NULL;
}

static bool is_true(const yyjson_val *pod, const char *condition) {
    return json_is_text(json_get(condition_of(pod, condition), "status"), "True");
}

/* A sidecar: an init container that goes on running. */
static bool is_restartable(const yyjson_val *pod, struct str name) {
    size_t index, max;
    yyjson_val *container;
    yyjson_arr_foreach(json_path(pod, "spec", "initContainers", NULL), index, max, container) {
        if (str_equal(json_text(json_get(container, "name")), name)) return json_is_text(json_get(container, "restartPolicy"), "Always");
    }
    return false;
}

static void count_restarts(struct pod_row *row, const yyjson_val *status) {
    int64_t count = 0, finished_ms;
    struct error error;
    json_int64(json_get(status, "restartCount"), &count);
    row->restarts += count;
    struct str finished = json_text(json_path(status, "lastState", "terminated", "finishedAt", NULL));
    if (!rfc3339_parse_ms(finished, &finished_ms, &error) || (row->has_restarted && finished_ms <= row->restarted_ms)) return;
    row->has_restarted = true;
    row->restarted_ms = finished_ms;
}

/* "Error", else "Signal:9" or "ExitCode:1". */
static struct str end_of(struct arena *arena, const char *prefix, const yyjson_val *terminated) {
    struct str reason = json_text(json_get(terminated, "reason"));
    int64_t number = 0;
    if (reason.len) return arena_join(arena, str_of(prefix), reason, STR_EMPTY);
    bool has_signal = json_int64(json_get(terminated, "signal"), &number) && number;
    if (!has_signal) json_int64(json_get(terminated, "exitCode"), &number);
    return arena_printf(arena, "%s%s:%lld", prefix, has_signal ? "Signal" : "ExitCode", (long long)number);
}

/* True while an init container holds up the others: the row's status then says which way. */
static bool read_init_container(struct arena *arena, const yyjson_val *pod, const yyjson_val *status, size_t index, struct pod_row *row) {
    const yyjson_val *terminated = json_path(status, "state", "terminated", NULL);
    int64_t exit_code = 0;
    json_int64(json_get(terminated, "exitCode"), &exit_code);
    if (terminated && exit_code == 0) return false;
    if (is_restartable(pod, json_text(json_get(status, "name"))) && json_bool_or(json_get(status, "started"), false)) {
        row->ready += json_bool_or(json_get(status, "ready"), false);
        return false;
    }
    struct str waiting = json_text(json_path(status, "state", "waiting", "reason", NULL));
    if (terminated)
        row->status = end_of(arena, "Init:", terminated);
    else if (waiting.len && !str_is(waiting, "PodInitializing"))
        row->status = arena_join(arena, STR("Init:"), waiting, STR_EMPTY);
    else
        row->status = arena_printf(arena, "Init:%zu/%zu", index, yyjson_arr_size(json_path(pod, "spec", "initContainers", NULL)));
    return true;
}

/* `sidecars` gets the restarts that count once the pod is initialized. */
static bool read_init_containers(struct arena *arena, const yyjson_val *pod, struct pod_row *row, struct pod_row *sidecars) {
    size_t index, max;
    yyjson_val *status;
    yyjson_arr_foreach(json_path(pod, "status", "initContainerStatuses", NULL), index, max, status) {
        count_restarts(row, status);
        if (is_restartable(pod, json_text(json_get(status, "name")))) count_restarts(sidecars, status);
        if (read_init_container(arena, pod, status, index, row)) return true;
    }
    return false;
}

static void read_containers(struct arena *arena, const yyjson_val *pod, struct pod_row *row) {
    yyjson_val *statuses = json_path(pod, "status", "containerStatuses", NULL);
    bool has_running = false;
    for (size_t i = yyjson_arr_size(statuses); i-- > 0;) {
        const yyjson_val *status = yyjson_arr_get(statuses, i), *terminated = json_path(status, "state", "terminated", NULL);
        struct str waiting = json_text(json_path(status, "state", "waiting", "reason", NULL));
        count_restarts(row, status);
        if (waiting.len) {
            row->status = waiting;
        } else if (terminated) {
            row->status = end_of(arena, "", terminated);
        } else if (json_bool_or(json_get(status, "ready"), false) && json_path(status, "state", "running", NULL)) {
            has_running = true;
            row->ready++;
        }
    }
    if (has_running && str_is(row->status, "Completed")) row->status = is_true(pod, "Ready") ? STR("Running") : STR("NotReady");
}

static void read_gates(const yyjson_val *pod, struct pod_row *row) {
    size_t index, max;
    yyjson_val *gate;
    yyjson_arr_foreach(json_path(pod, "spec", "readinessGates", NULL), index, max, gate) {
        const char *type = yyjson_get_str(json_get(gate, "conditionType"));
        row->gates++;
        row->open_gates += type && is_true(pod, type);
    }
}

static size_t count_containers(const yyjson_val *pod) {
    size_t count = yyjson_arr_size(json_path(pod, "spec", "containers", NULL)), index, max;
    yyjson_val *container;
    yyjson_arr_foreach(json_path(pod, "spec", "initContainers", NULL), index, max, container) {
        count += json_is_text(json_get(container, "restartPolicy"), "Always");
    }
    return count;
}

struct pod_row pod_row_of(struct arena *arena, const yyjson_val *pod) {
    struct str phase = json_text(json_path(pod, "status", "phase", NULL)), reason = json_text(json_path(pod, "status", "reason", NULL));
    struct pod_row row = {.containers = count_containers(pod), .status = reason.len ? reason : phase}, sidecars = {0};
    if (json_is_text(json_get(condition_of(pod, "PodScheduled"), "reason"), "SchedulingGated")) row.status = STR("SchedulingGated");
    if (!read_init_containers(arena, pod, &row, &sidecars) || is_true(pod, "Initialized")) {
        row.restarts = sidecars.restarts;
        row.has_restarted = sidecars.has_restarted;
        row.restarted_ms = sidecars.restarted_ms;
        read_containers(arena, pod, &row);
    }
    if (json_path(pod, "metadata", "deletionTimestamp", NULL)) {
        if (str_is(reason, "NodeLost"))
            row.status = STR("Unknown");
        else if (!str_is(phase, "Succeeded") && !str_is(phase, "Failed"))
            row.status = STR("Terminating");
    }
    read_gates(pod, &row);
    return row;
}

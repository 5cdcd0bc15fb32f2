/* What kubectl get shows of a pod beyond its fields, as printPod of Kubernetes 1.34 finds it. For table_cells.c. */
#ifndef MB_APISERVER_TABLE_POD_H
#define MB_APISERVER_TABLE_POD_H

#include "data/json.h"

struct pod_row {
    size_t containers, ready;
    struct str status; /* "Running", "Init:0/1", "CrashLoopBackOff" */
    int64_t restarts;
    bool has_restarted; /* then the last time: */
    int64_t restarted_ms;
    size_t gates, open_gates; /* readiness gates, and those whose condition is True */
};

/* Texts lie in the object or in `arena`. */
struct pod_row pod_row_of(struct arena *arena, const yyjson_val *pod);

#endif

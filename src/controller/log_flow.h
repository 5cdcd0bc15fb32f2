/*
 * Which lines get through: by level, which may change while the process runs, and in a storm by how many there are. Pure: fed with the
 * time. One for a process, shared by every struct log in it.
 *
 *   - A warning or error that this object has not had in the last ten minutes always gets through.
 *   - Of one object (or, where a line names none, of one message) 60 lines get through at once, and one more a second.
 *   - Of all together 2,000 at once, and 200 more a second.
 *   - At level debug somebody wants to see all of one thing: then only the last of these holds.
 *
 * What is held back is counted: the next line of the object says how many it misses (suppressed=), and once a minute one line says it
 * of all.
 */
#ifndef MB_CONTROLLER_LOG_FLOW_H
#define MB_CONTROLLER_LOG_FLOW_H

#include "base/allowance.h"
#include "base/recent.h"
#include "controller/log.h"

enum {
    LOG_OBJECT_BURST = 60,
    LOG_OBJECT_REFILL_MS = 1000,
    LOG_TOTAL_BURST = 2000,
    LOG_TOTAL_REFILL_MS = 5,
    LOG_SUM_MS = 60 * 1000,
    LOG_NEWS_MS = 10 * 60 * 1000
};

struct log_flow {
    enum log_level level;  /* least that is written */
    struct recent objects; /* allowance of each, and what was held back */
    struct recent news;    /* warnings and errors: when they were seen last */
    struct allowance total;
    int64_t suppressed, suppressed_objects; /* since the last sum */
    int64_t sum_due_ms;                     /* 0: nothing was held back */
    uint32_t round;                         /* counts sums */
    uint64_t lines[LOG_ERROR + 1];          /* written, by level */
};

/* False when memory is out. */
bool log_flow_init(struct log_flow *flow, enum log_level level);
void log_flow_release(struct log_flow *flow);

struct log_line {
    enum log_level level;
    uint64_t object;  /* hash of what it is about */
    uint64_t content; /* hash of what it says of it, without what differs each time */
};

/*
 * True when the line is to be written; *out_suppressed is how many lines of its object were held back since the last. `now_ms` > 0,
 * monotonic.
 */
bool log_flow_admit(struct log_flow *flow, const struct log_line *line, int64_t now_ms, int64_t *out_suppressed);

struct log_sum {
    int64_t suppressed, objects;
};
/* True when lines were held back and the minute (or, `is_last`, the process) is over: *out is to be told, and counting starts anew. */
bool log_flow_sum(struct log_flow *flow, int64_t now_ms, bool is_last, struct log_sum *out);

#endif

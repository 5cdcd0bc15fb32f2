#include "controller/log_flow.h"

enum { OBJECTS_MAX = 4096, NEWS_MAX = 8192 };

struct object_flow {
    struct allowance allowance;
    int64_t suppressed; /* since its last line */
    uint32_t round;     /* in which it was last counted among those held back */
};

struct news {
    int64_t seen_ms;
};

bool log_flow_init(struct log_flow *flow, enum log_level level) {
    *flow = (struct log_flow){.level = level, .round = 1};
    if (recent_init(&flow->objects, OBJECTS_MAX, sizeof(struct object_flow)) && recent_init(&flow->news, NEWS_MAX, sizeof(struct news)))
        return true;
    log_flow_release(flow);
    return false;
}

void log_flow_release(struct log_flow *flow) {
    recent_release(&flow->objects);
    recent_release(&flow->news);
}

static bool is_news(struct log_flow *flow, const struct log_line *line, int64_t now_ms) {
    if (line->level < LOG_WARN) return false;
    bool is_new;
    struct news *news = recent_at(&flow->news, line->object ^ line->content, &is_new);
    is_new = is_new || now_ms - news->seen_ms >= LOG_NEWS_MS;
    news->seen_ms = now_ms;
    return is_new;
}

static bool is_affordable(struct log_flow *flow, struct object_flow *object, int64_t now_ms) {
    static const struct allowance_rate of_object = {LOG_OBJECT_BURST, LOG_OBJECT_REFILL_MS};
    static const struct allowance_rate of_all = {LOG_TOTAL_BURST, LOG_TOTAL_REFILL_MS};
    if (flow->level > LOG_DEBUG && !allowance_take(&object->allowance, of_object, now_ms)) return false;
    return allowance_take(&flow->total, of_all, now_ms);
}

static void hold_back(struct log_flow *flow, struct object_flow *object, int64_t now_ms) {
    object->suppressed++;
    flow->suppressed++;
    if (object->round != flow->round) flow->suppressed_objects++;
    object->round = flow->round;
    if (!flow->sum_due_ms) flow->sum_due_ms = now_ms + LOG_SUM_MS;
}

bool log_flow_admit(struct log_flow *flow, const struct log_line *line, int64_t now_ms, int64_t *out_suppressed) {
    if (line->level < flow->level) return false;
    struct object_flow *object = recent_at(&flow->objects, line->object, NULL);
    if (!is_news(flow, line, now_ms) && !is_affordable(flow, object, now_ms)) {
        hold_back(flow, object, now_ms);
        return false;
    }
    *out_suppressed = object->suppressed;
    object->suppressed = 0;
    return true;
}

bool log_flow_sum(struct log_flow *flow, int64_t now_ms, bool is_last, struct log_sum *out) {
    if (!flow->suppressed || (now_ms < flow->sum_due_ms && !is_last)) return false;
    *out = (struct log_sum){flow->suppressed, flow->suppressed_objects};
    flow->suppressed = flow->suppressed_objects = flow->sum_due_ms = 0;
    flow->round++;
    return true;
}

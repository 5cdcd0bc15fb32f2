#include "controller/log_control.h"

#include <signal.h>
#include <stdlib.h>

#include "controller/log_flow.h"

struct log_control {
    struct loop *loop;
    struct log_flow flow;
    struct log log;
    struct loop_signal *more, *less;
    struct loop_timer *minute;
};

static void change_level(struct log_control *control, int by) {
    int before = (int)control->flow.level, level = before + by;
    if (level < LOG_DEBUG || level > LOG_ERROR) level = before;
    control->flow.level = (enum log_level)level;
    log_write_always(&control->log, LOG_INFO, level == before ? "log level stays" : "log level changed",
                     LOG_FIELDS({"level", str_of(log_level_name((enum log_level)level))},
                                {"was", level == before ? STR_EMPTY : str_of(log_level_name((enum log_level)before))}));
}

static void on_more(void *owner) {
    change_level(owner, -1);
}

static void on_less(void *owner) {
    change_level(owner, 1);
}

static void on_minute(void *owner) {
    struct log_control *control = owner;
    log_sum_up(&control->log, false);
    loop_timer_set(control->minute, loop_now_ms(control->loop) + LOG_SUM_MS);
}

static bool start(struct log_control *control) {
    control->more = loop_signal_new(control->loop, SIGUSR1, on_more, control);
    control->less = loop_signal_new(control->loop, SIGUSR2, on_less, control);
    control->minute = loop_timer_new(control->loop, on_minute, control);
    if (!control->more || !control->less || !control->minute) return false;
    loop_timer_set(control->minute, loop_now_ms(control->loop) + LOG_SUM_MS);
    return true;
}

struct log_control *log_control_new(struct loop *loop, enum log_level level, enum log_format format, struct error *error) {
    struct log_control *control = calloc(1, sizeof *control);
    if (control && log_flow_init(&control->flow, level)) {
        control->loop = loop;
        control->log = (struct log){level, format, &control->flow};
        if (start(control)) return control;
    }
    log_control_free(control);
    error_set(error, ERROR_MEMORY, "out of memory while starting");
    return NULL;
}

void log_control_free(struct log_control *control) {
    if (!control) return;
    if (control->log.flow) log_sum_up(&control->log, true);
    loop_signal_free(control->more);
    loop_signal_free(control->less);
    loop_timer_free(control->minute);
    log_flow_release(&control->flow);
    free(control);
}

const struct log *log_control_log(const struct log_control *control) {
    return &control->log;
}

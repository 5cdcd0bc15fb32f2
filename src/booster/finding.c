#include "booster/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

struct rule_row {
    const char *id, *summary;
    enum severity severity;
};

static const struct rule_row rules[RULE_COUNT] = {
#define RULE_ROW(rule, id, severity, summary) [rule] = {id, summary, severity},
    RULES(RULE_ROW)
#undef RULE_ROW
};

const char *rule_id(enum rule rule) {
    return rules[rule].id;
}

const char *rule_summary(enum rule rule) {
    return rules[rule].summary;
}

bool rule_is_warning(enum rule rule) {
    return rules[rule].severity == SEVERITY_WARNING;
}

bool rule_is_unsupported(enum rule rule) {
    return rules[rule].severity == SEVERITY_UNSUPPORTED;
}

void findings_init(struct findings *findings, struct arena *arena) {
    *findings = (struct findings){.arena = arena};
}

/* Room doubles from 8; what is outgrown stays in the arena until it is freed whole. */
static bool make_room(struct findings *findings) {
    bool is_full = findings->count == 0 || (findings->count >= 8 && (findings->count & (findings->count - 1)) == 0);
    if (!is_full) return true;
    struct finding *items = arena_array(findings->arena, findings->count ? 2 * findings->count : 8, sizeof *items);
    if (!items) return false;
    if (findings->count) memcpy(items, findings->items, findings->count * sizeof *items);
    findings->items = items;
    return true;
}

void findings_add(struct findings *findings, enum rule rule, struct str path, const yyjson_val *value, const char *format, ...) {
    if (!rule_is_warning(rule)) findings->error_count++;
    if (findings->count >= LIMIT_FINDINGS || !make_room(findings)) {
        findings->is_cut = true;
        return;
    }
    char message[LIMIT_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    findings->items[findings->count++] = (struct finding){
        .rule = rule,
        .is_warning = rule_is_warning(rule),
        .path = arena_copy(findings->arena, path),
        .message = arena_copy(findings->arena, str_cut_utf8(str_of(message), sizeof message - 1)),
        .value = value,
    };
}

/* Values of one document lie in memory in the document's order; findings without a value come first. */
void findings_sort(struct findings *findings) {
    for (size_t i = 1; i < findings->count; i++) {
        struct finding moved = findings->items[i];
        size_t at = i;
        for (; at > 0 && (uintptr_t)findings->items[at - 1].value > (uintptr_t)moved.value; at--)
            findings->items[at] = findings->items[at - 1];
        findings->items[at] = moved;
    }
}

#include "cli/age.h"

#include "data/rfc3339.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, YEAR = 365 * DAY };

/* Each unit with a finer one beside it while it is below `fine_below`, alone until `below`: the steps of kubectl's HumanDuration. */
static const struct step {
    int64_t below; /* seconds */
    int64_t unit, fine_unit, fine_below;
    const char *name, *fine_name;
} steps[] = {
    {2 * MINUTE, 1, 1, 0, "s", ""},
    {3 * HOUR, MINUTE, 1, 10 * MINUTE, "m", "s"},
    {2 * DAY, HOUR, MINUTE, 8 * HOUR, "h", "m"},
    {2 * (int64_t)YEAR, DAY, HOUR, 8 * DAY, "d", "h"},
    {INT64_MAX, YEAR, DAY, 8 * (int64_t)YEAR, "y", "d"},
};

struct str age_since(struct arena *arena, struct str time, int64_t now_ms) {
    int64_t then_ms;
    if (!rfc3339_parse_ms(time, &then_ms, NULL)) return STR("<unknown>");
    int64_t age = (now_ms - then_ms) / 1000;
    if (age < -1) return STR("<invalid>");
    if (age < 0) age = 0;
    const struct step *step = steps;
    while (age >= step->below) step++;
    long long whole = (long long)(age / step->unit), rest = (long long)(age % step->unit / step->fine_unit);
    if (age < step->fine_below && rest) return arena_printf(arena, "%lld%s%lld%s", whole, step->name, rest, step->fine_name);
    return arena_printf(arena, "%lld%s", whole, step->name);
}

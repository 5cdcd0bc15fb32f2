#include "data/rfc3339.h"

enum { SECONDS_A_DAY = 86400 };

struct moment {
    int64_t seconds;
    int64_t ns; /* 0 to 999,999,999 after the second */
};

static bool is_leap_year(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Days since 1970-01-01 in the Gregorian calendar; years are counted from March so that the leap day comes last (Hinnant 2013). */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day) {
    year += month <= 2 ? 399 : 400; /* never below zero: year 0 is the first allowed */
    int64_t era = year / 400, year_of_era = year % 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (era - 1) * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* Takes `count` digits and then `after` (0: nothing) off the front. */
static bool take(struct str *text, int count, char after, int64_t *out) {
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        if (text->len == 0 || text->ptr[0] < '0' || text->ptr[0] > '9') return false;
        value = value * 10 + (text->ptr[0] - '0');
        *text = str_from(*text, 1);
    }
    if (after) {
        if (text->len == 0 || text->ptr[0] != after) return false;
        *text = str_from(*text, 1);
    }
    *out = value;
    return true;
}

static bool take_decimals(struct str *text, int64_t *out_ns) {
    if (text->len == 0 || text->ptr[0] != '.') return *out_ns = 0, true;
    int64_t ns = 0, unit = 1000000000;
    size_t i = 1;
    for (; i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9'; i++) {
        unit /= 10;
        ns += (text->ptr[i] - '0') * unit;
    }
    if (i == 1) return false;
    *text = str_from(*text, i);
    *out_ns = ns;
    return true;
}

static bool take_offset(struct str *text, int64_t *out_seconds) {
    if (str_is(*text, "Z")) return *out_seconds = 0, true;
    if (text->len == 0 || (text->ptr[0] != '+' && text->ptr[0] != '-')) return false;
    int64_t sign = text->ptr[0] == '-' ? -1 : 1, hours, minutes;
    *text = str_from(*text, 1);
    if (!take(text, 2, ':', &hours) || !take(text, 2, 0, &minutes) || text->len || hours > 23 || minutes > 59) return false;
    *out_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool parse(struct str text, struct moment *out, struct error *error) {
    struct str rest = text;
    int64_t year, month, day, hour, minute, second, offset;
    bool ok = take(&rest, 4, '-', &year) && take(&rest, 2, '-', &month) && take(&rest, 2, 'T', &day) && take(&rest, 2, ':', &hour) &&
              take(&rest, 2, ':', &minute) && take(&rest, 2, 0, &second) && take_decimals(&rest, &out->ns) && take_offset(&rest, &offset);
    if (!ok) return error_set(error, ERROR_INVALID, "%s is not a time; write it like 2006-01-02T15:04:05Z", QUOTE(text));
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59) {
        return error_set(error, ERROR_INVALID, "%s is a day or time that does not exist", QUOTE(text));
    }
    out->seconds = days_of_date(year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second - offset;
    return true;
}

bool rfc3339_parse_ms(struct str text, int64_t *out_ms, struct error *error) {
    struct moment moment;
    if (!parse(text, &moment, error)) return false;
    *out_ms = moment.seconds * 1000 + moment.ns / 1000000;
    return true;
}

bool rfc3339_parse_ns(struct str text, int64_t *out_ns, struct error *error) {
    struct moment moment;
    if (!parse(text, &moment, error)) return false;
    __int128 ns = (__int128)moment.seconds * 1000000000 + moment.ns;
    if (ns < INT64_MIN || ns > INT64_MAX) return error_set(error, ERROR_LIMIT, "%s is outside of the years 1678 to 2261", QUOTE(text));
    *out_ns = (int64_t)ns;
    return true;
}

static struct str format(struct arena *arena, struct moment moment, enum rfc3339_decimals decimals) {
    int64_t year, month, day, second = moment.seconds % SECONDS_A_DAY;
    if (second < 0) second += SECONDS_A_DAY;
    date_of_days((moment.seconds - second) / SECONDS_A_DAY, &year, &month, &day);
    if (year < 0 || year > 9999) return STR_EMPTY;
    struct str seconds = arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month, (int)day, (int)(second / 3600),
                                      (int)(second / 60 % 60), (int)(second % 60));
    if (decimals == RFC3339_SECONDS) return arena_printf(arena, "%sZ", seconds.ptr);
    int64_t fraction = moment.ns;
    for (int digits = 9; digits > (int)decimals; digits--) fraction /= 10;
    return arena_printf(arena, "%s.%0*dZ", seconds.ptr, (int)decimals, (int)fraction);
}

/* The whole seconds and the rest of a count of units, rounded down. */
static struct moment split(int64_t time, int64_t units_a_second) {
    int64_t rest = time % units_a_second;
    if (rest < 0) rest += units_a_second;
    int64_t seconds = time / units_a_second - (time % units_a_second < 0);
    return (struct moment){seconds, rest * (1000000000 / units_a_second)};
}

struct str rfc3339_format_ms(struct arena *arena, int64_t ms, enum rfc3339_decimals decimals) {
    return format(arena, split(ms, 1000), decimals);
}

struct str rfc3339_format_ns(struct arena *arena, int64_t ns, enum rfc3339_decimals decimals) {
    return format(arena, split(ns, 1000000000), decimals);
}

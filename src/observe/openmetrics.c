#include "observe/openmetrics.h"

#include <inttypes.h>

#include "base/number.h"

/* ---- which form ---- */

/* The next of what `separator` divides, trimmed; false at the end. */
static bool next_part(struct str *rest, struct str separator, struct str *out) {
    if (rest->len == 0) return false;
    size_t at = str_find(*rest, separator);
    *out = str_trim(str_first(*rest, at));
    *rest = at == SIZE_MAX ? STR_EMPTY : str_from(*rest, at + 1);
    return true;
}

/* "0.5" in thousandths; what is no quality counts as none given: 1000. */
static int64_t quality_of(struct str text) {
    int64_t value = 0, digit;
    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1')) return 1000;
    if (text.len > 1 && text.ptr[1] != '.') return 1000;
    for (size_t i = 2; i < 5; i++) {
        value *= 10;
        if (i < text.len && number_parse_int64((struct str){text.ptr + i, 1}, &digit)) value += digit;
    }
    return text.ptr[0] == '1' ? 1000 : value;
}

struct media_range {
    struct str type, version;
    int64_t quality;
};

static struct media_range read_range(struct str text) {
    struct media_range range = {.quality = 1000};
    struct str part;
    if (next_part(&text, STR(";"), &part)) range.type = part;
    while (next_part(&text, STR(";"), &part)) {
        size_t equals = str_find(part, STR("="));
        struct str name = str_trim(str_first(part, equals)), value = str_trim(str_from(part, equals == SIZE_MAX ? part.len : equals + 1));
        if (str_equal_ignoring_case(name, STR("q"))) range.quality = quality_of(value);
        if (str_equal_ignoring_case(name, STR("version"))) range.version = value;
    }
    return range;
}

enum metrics_format openmetrics_negotiate(struct str accept) {
    int64_t best[] = {[METRICS_PROMETHEUS] = 0, [METRICS_OPENMETRICS] = 0};
    struct str text;
    while (next_part(&accept, STR(","), &text)) {
        struct media_range range = read_range(text);
        bool is_openmetrics = str_equal_ignoring_case(range.type, STR("application/openmetrics-text"));
        if (is_openmetrics && range.version.len && !str_is(range.version, "1.0.0")) continue;
        bool is_text = str_equal_ignoring_case(range.type, STR("text/plain")) || str_equal_ignoring_case(range.type, STR("text/*"));
        if (!is_openmetrics && !is_text) continue;
        enum metrics_format format = is_openmetrics ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
        if (range.quality > best[format]) best[format] = range.quality;
    }
    return best[METRICS_OPENMETRICS] && best[METRICS_OPENMETRICS] >= best[METRICS_PROMETHEUS] ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}

struct str openmetrics_content_type(enum metrics_format format) {
    return format == METRICS_OPENMETRICS ? STR("application/openmetrics-text; version=1.0.0; charset=utf-8")
                                         : STR("text/plain; version=0.0.4; charset=utf-8");
}

/* ---- the text ---- */

static const struct {
    const char *openmetrics, *prometheus; /* as their type is called */
    const char *ending;                   /* of a sample's name */
} types[] = {
    [METRIC_COUNTER] = {"counter", "counter", "_total"},
    [METRIC_GAUGE] = {"gauge", "gauge", ""},
    [METRIC_INFO] = {"info", "gauge", "_info"},
    [METRIC_HISTOGRAM] = {"histogram", "histogram", ""},
};

/* The least digits that give this very number: 0.1, not 0.10000000000000001. */
static void append_number(struct strbuf *out, double value) {
    if (value >= -1e15 && value <= 1e15 && (double)(int64_t)value == value)
        strbuf_printf(out, "%" PRId64, (int64_t)value);
    else
        strbuf_printf(out, "%.15g", value);
}

static void append_quoted(struct strbuf *out, struct str value) {
    strbuf_append_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"') strbuf_append_char(out, '\\');
        if (c == '\n')
            strbuf_append(out, STR("\\n"));
        else
            strbuf_append_char(out, c);
    }
    strbuf_append_char(out, '"');
}

/* {a="x",b="y"}; `bound` of a bucket, or empty. */
static void append_labels(struct strbuf *out, const struct metrics *metrics, const struct metric_family *family, size_t slot,
                          struct str bound) {
    struct str values[METRICS_AXES];
    size_t count = 0;
    while (count < METRICS_AXES && family->axes[count]) count++;
    for (size_t i = count; i-- > 0;) {
        const struct metric_axis *axis = family->axes[i];
        values[i] = axis->values ? str_of(axis->values[slot % axis->count]) : metrics->texts[axis->text];
        if (axis->values) slot /= axis->count;
    }
    if (count == 0 && !bound.len) return;
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(out, "%c%s=", i ? ',' : '{', family->axes[i]->name);
        append_quoted(out, values[i]);
    }
    if (bound.len) strbuf_printf(out, "%cle=\"%.*s\"", count ? ',' : '{', STR_ARG(bound));
    strbuf_append_char(out, '}');
}

static void append_sample(struct strbuf *out, const struct metrics *metrics, const struct metric_family *family, const char *ending,
                          size_t slot, struct str bound, double value) {
    strbuf_printf(out, "%s%s", family->name, ending);
    append_labels(out, metrics, family, slot, bound);
    strbuf_append_char(out, ' ');
    append_number(out, value);
    strbuf_append_char(out, '\n');
}

/* With a point always, as OpenMetrics wants it: so that both forms give a bucket the same label. */
static struct str bound_text(char room[32], double bound) {
    struct strbuf text = strbuf_with_max(32);
    append_number(&text, bound);
    if (!str_contains(strbuf_view(&text), STR(".")) && !str_contains(strbuf_view(&text), STR("e"))) strbuf_append(&text, STR(".0"));
    size_t length = text.failed ? 0 : text.len;
    for (size_t i = 0; i < length; i++) room[i] = text.ptr[i];
    strbuf_release(&text);
    return (struct str){room, length};
}

static void append_histogram(struct strbuf *out, const struct metrics *metrics, const struct metric_family *family, size_t slot,
                             const double *buckets) {
    double count = 0;
    char room[32];
    for (size_t i = 0; i < family->bound_count; i++) {
        count += buckets[i];
        append_sample(out, metrics, family, "_bucket", slot, bound_text(room, family->bounds[i]), count);
    }
    count += buckets[family->bound_count];
    append_sample(out, metrics, family, "_bucket", slot, STR("+Inf"), count);
    append_sample(out, metrics, family, "_sum", slot, STR_EMPTY, buckets[family->bound_count + 1]);
    append_sample(out, metrics, family, "_count", slot, STR_EMPTY, count);
}

static bool is_zero(const double *values, size_t width) {
    for (size_t i = 0; i < width; i++) {
        if (values[i] != 0) return false;
    }
    return true;
}

static void append_family(struct strbuf *out, const struct metrics *metrics, size_t index, enum metrics_format format) {
    const struct metric_family *family = &metrics->families[index];
    const char *ending = types[family->type].ending;
    const char *named = format == METRICS_OPENMETRICS ? "" : ending;
    strbuf_printf(out, "# HELP %s%s %s\n", family->name, named, family->help);
    strbuf_printf(out, "# TYPE %s%s %s\n", family->name, named,
                  format == METRICS_OPENMETRICS ? types[family->type].openmetrics : types[family->type].prometheus);
    size_t width = metrics_slot_width(family), count = metrics_slot_count(family);
    for (size_t slot = 0; slot < count; slot++) {
        const double *values = &metrics->values[metrics->starts[index] + slot * width];
        if (family->is_sparse && is_zero(values, width)) continue;
        if (family->type == METRIC_HISTOGRAM)
            append_histogram(out, metrics, family, slot, values);
        else
            append_sample(out, metrics, family, ending, slot, STR_EMPTY, *values);
    }
}

void openmetrics_write(struct strbuf *out, const struct metrics *metrics, enum metrics_format format) {
    for (size_t i = 0; i < metrics->family_count; i++) append_family(out, metrics, i, format);
    if (format == METRICS_OPENMETRICS) strbuf_append(out, STR("# EOF\n"));
}

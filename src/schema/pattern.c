#include "schema/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    /* Backtracking steps of one match: some 10 ms; RE2 needs no such bound, and patterns of definitions stay far below. The heap is for
     * what a large text repeats: each time is remembered. */
    MATCH_LIMIT = 1000000,
    HEAP_LIMIT_KIB = 64 * 1024,
};

struct pattern {
    pcre2_code *code;
};

static void *allocate(PCRE2_SIZE size, void *arena) {
    return arena_alloc(arena, size);
}

/* The arena frees it. */
static void release(void *memory, void *arena) {
    (void)memory, (void)arena;
}

const struct pattern *pattern_compile(struct arena *arena, struct str text, struct error *error) {
    struct pattern *pattern = arena_alloc(arena, sizeof *pattern);
    pcre2_general_context *general = pcre2_general_context_create(allocate, release, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    int code = 0;
    PCRE2_SIZE offset = 0;
    if (!pattern || !context) {
        error_set(error, ERROR_MEMORY, "memory is out");
        return NULL;
    }
    pattern->code = pcre2_compile((PCRE2_SPTR)(text.len ? text.ptr : ""), text.len,
                                  PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
    if (pattern->code) return pattern;
    PCRE2_UCHAR message[128];
    pcre2_get_error_message(code, message, sizeof message);
    error_set(error, ERROR_INVALID, "%s at byte %zu", (const char *)message, (size_t)offset);
    return NULL;
}

bool pattern_finds(const struct pattern *pattern, struct str text) {
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    bool is_found = false;
    if (data && context) {
        pcre2_set_match_limit(context, MATCH_LIMIT);
        pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
        is_found = pcre2_match(pattern->code, (PCRE2_SPTR)(text.len ? text.ptr : ""), text.len, 0, 0, data, context) >= 0;
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    return is_found;
}

#define HEX  "[0-9a-fA-F]"
#define BYTE "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
#define IPV4 BYTE "(\\." BYTE "){3}"
#define IPV6                                                                                                                               \
    "((" HEX "{1,4}:){7}" HEX "{1,4}|(" HEX "{1,4}:){1,7}:|(" HEX "{1,4}:){1,6}:" HEX "{1,4}|(" HEX "{1,4}:){1,5}(:" HEX                   \
    "{1,4}){1,2}|(" HEX "{1,4}:){1,4}(:" HEX "{1,4}){1,3}|(" HEX "{1,4}:){1,3}(:" HEX "{1,4}){1,4}|(" HEX "{1,4}:){1,2}(:" HEX             \
    "{1,4}){1,5}|" HEX "{1,4}:((:" HEX "{1,4}){1,6})|:((:" HEX "{1,4}){1,7}|:)|(" HEX "{1,4}:){6}" IPV4 "|::(ffff(:0{1,4})?:)?" IPV4       \
    "|(" HEX "{1,4}:){1,4}:" IPV4 ")"
/* A character of base64, and the line ends that Go's decoder passes over; possessive, so that nothing is remembered of what was passed. */
#define SIX_BITS "[A-Za-z0-9+/][\\r\\n]*+"
/* With the days that each month has. */
#define DAY                                                                                                                                \
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|"     \
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
#define UNIT "(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h)"

/* The formats that apiextensions keeps (pkg/apiserver/validation/formats.go) and what strfmt makes of them. */
static const struct {
    const char *name, *pattern;
} formats[] = {
    {"bsonobjectid", "^" HEX "{24}$"},
    {"uri", "^[a-zA-Z][a-zA-Z0-9+.-]*:[^\\s]*$|^/[^\\s]*$"},
    {"email", "^[^@\\s]+@[^@\\s]+$"},
    {"hostname", "^(?=.{1,255}$)(?![^.]{64})(?!.*\\.[^.]{64})(?:[a-zA-Z0-9\\p{S}\\p{L}](?:-?[a-zA-Z0-9\\p{S}\\p{L}]{0,62})?|"
                 "(?:[a-zA-Z0-9\\p{S}\\p{L}](?:[a-zA-Z0-9\\p{S}\\p{L}-]{0,61}[a-zA-Z0-9\\p{S}\\p{L}])?\\.)+[a-zA-Z\\p{L}]{2,63})$"},
    {"ipv4", "^" IPV4 "$"},
    {"ipv6", "^" IPV6 "$"},
    {"cidr", "^(" IPV4 "/(3[0-2]|[12]?[0-9])|" IPV6 "/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$"},
    {"mac", "^(" HEX "{2}([:-]))(" HEX "{2}\\2){4}" HEX "{2}$|^(" HEX "{4}\\.){2}" HEX "{4}$"},
    {"uuid", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"},
    {"uuid3", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$"},
    {"uuid4", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"},
    {"uuid5", "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$"},
    {"isbn", "^([0-9]{9}[0-9X]|97[89][0-9]{10})$"},
    {"isbn10", "^[0-9]{9}[0-9X]$"},
    {"isbn13", "^97[89][0-9]{10}$"},
    {"creditcard", "^[0-9]{13,19}$"},
    {"ssn", "^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"},
    {"hexcolor", "^#?(" HEX "{3}|" HEX "{6})$"},
    {"rgbcolor", "^rgb\\(\\s*" BYTE "\\s*,\\s*" BYTE "\\s*,\\s*" BYTE "\\s*\\)$"},
    {"byte", "^[\\r\\n]*+(?:" SIX_BITS SIX_BITS SIX_BITS SIX_BITS ")*+(?:" SIX_BITS SIX_BITS
             "=[\\r\\n]*+=[\\r\\n]*+|" SIX_BITS SIX_BITS SIX_BITS "=[\\r\\n]*+)?$"},
    {"date", "^" DAY "$"},
    /* Go's own, or numbers with units anywhere in the text, as Scala has them. */
    {"duration", "^[-+]?(?:0|(?:(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)" UNIT ")+)$|"
                 "(?i:[0-9]+\\s*(?:(?:ns|us|\u00b5s|ms|s|m|hr?|d|wk?)(?![A-Za-z\u00b5])|nano|micro|milli|sec|min|hour|day|week))"},
    {"datetime", "^" DAY "[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$"},
    {"password", ""}, /* any text */
    {"k8s-short-name", "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
    {"k8s-long-name", "^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"},
};

/* Dashes of formats mean nothing: "date-time" is "datetime". */
static bool is_same_format(struct str format, struct str name) {
    size_t at = 0;
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] == '-') continue;
        while (at < name.len && name.ptr[at] == '-') at++;
        if (at == name.len || name.ptr[at++] != format.ptr[i]) return false;
    }
    return at == name.len;
}

const struct pattern *pattern_of_format(struct arena *arena, struct str format, bool *out_is_known) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct error error;
        if (!is_same_format(format, str_of(formats[i].name))) continue;
        *out_is_known = true;
        return *formats[i].pattern ? pattern_compile(arena, str_of(formats[i].pattern), &error) : NULL;
    }
    *out_is_known = false;
    return NULL;
}

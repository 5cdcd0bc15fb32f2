/* Times: printed text reads back as the same moment. */
#include "data/rfc3339.h"
#include "harness.h"

FUZZ_TARGET(rfc3339) {
    struct error error = {0};
    int64_t ms, ns, again;
    if (!rfc3339_parse_ms(input, &ms, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    struct str text = rfc3339_format_ms(arena, ms, RFC3339_MILLIS);
    /* An offset may lead out of the years that can be printed. */
    if (text.len) fuzz_expect(rfc3339_parse_ms(text, &again, NULL) && again == ms, "%lld as %s", (long long)ms, text.ptr);
    if (!rfc3339_parse_ns(input, &ns, NULL)) return;
    text = rfc3339_format_ns(arena, ns, RFC3339_NANOS);
    fuzz_expect(rfc3339_parse_ns(text, &again, NULL) && again == ns, "%lld as %s", (long long)ns, text.ptr);
}

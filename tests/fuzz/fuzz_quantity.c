/*
 * Quantities: the canonical form is the same amount, and its canonical form is its own. (62.5Ki is 64000 in Kubernetes too, for a
 * binary quantity that no binary suffix fits; read again, that is a decimal one, 64k.)
 */
#include "data/quantity.h"
#include "harness.h"

void fuzz_one(struct arena *arena, struct str input) {
    struct error error = {0};
    struct quantity quantity, again;
    if (!quantity_parse(input, &quantity, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    struct str canonical = quantity_canonical(arena, quantity);
    fuzz_expect(quantity_parse(canonical, &again, NULL), "canonical %s does not read", canonical.ptr);
    fuzz_expect(quantity_compare(quantity, again) == 0, "canonical %s is another amount", canonical.ptr);
    struct str settled = quantity_canonical(arena, again);
    fuzz_expect(quantity_parse(settled, &again, NULL), "canonical %s does not read", settled.ptr);
    fuzz_expect(quantity_compare(quantity, again) == 0, "canonical %s is another amount", settled.ptr);
    fuzz_expect(str_equal(quantity_canonical(arena, again), settled), "canonical %s is not stable", settled.ptr);
    fuzz_expect(quantity_is_positive(quantity) == (quantity.nanos > 0), "sign of %s", canonical.ptr);
}

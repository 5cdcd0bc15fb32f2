#include "base/allowance.h"

bool allowance_take(struct allowance *allowance, struct allowance_rate rate, int64_t now_ms) {
    int64_t from_ms = allowance->paid_until_ms > now_ms ? allowance->paid_until_ms : now_ms;
    if (from_ms - now_ms > (rate.burst - 1) * rate.refill_ms) return false;
    allowance->paid_until_ms = from_ms + rate.refill_ms;
    return true;
}

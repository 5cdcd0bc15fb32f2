/*
 * Lease records from a server, "\n---\n" between them, as answers to whatever the machine asks; the first byte says which of its requests
 * fail, and how. What it sends is JSON to a path, and it leads only after a write of its own went through.
 */
#include "harness.h"
#include "kube/lease.h"

enum { STEPS = 64, SECOND_MS = 1000 };

static void expect_request(struct arena *arena, const struct lease_action *action) {
    bool is_write = action->kind == LEASE_CREATE || action->kind == LEASE_PATCH;
    fuzz_expect(str_starts_with(action->path, STR("/apis/coordination.k8s.io/v1/namespaces/n/leases")), "a request to %s",
                QUOTE(action->path));
    fuzz_expect(action->timeout_ms > 0, "a request without a time");
    fuzz_expect(is_write == (action->body.len > 0), "a body where none is, or none where one is");
    fuzz_expect(!is_write || json_parse(arena, action->body, NULL), "a body that is no JSON: %s", QUOTE(action->body));
}

FUZZ_TARGET(lease) {
    const struct lease_settings settings = {.namespace = STR("n"),
                                            .name = STR("l"),
                                            .identity = STR("me"),
                                            .field_manager = STR("model-booster"),
                                            .duration_ms = 15 * SECOND_MS,
                                            .renew_deadline_ms = 10 * SECOND_MS,
                                            .retry_period_ms = 2 * SECOND_MS,
                                            .stands_by_again = input.len % 2};
    static const enum kube_answer_kind losses[] = {KUBE_OK, KUBE_LOST, KUBE_CONFLICT, KUBE_NOT_FOUND};
    struct lease lease;
    int64_t now_ms = 1000000, wall_ms = INT64_C(1767323045000);
    bool has_written = false;
    if (input.len < 2) return;
    unsigned char how = (unsigned char)input.ptr[0];
    struct str rest = str_from(input, 1);
    lease_init(&lease, &settings, 42);
    for (size_t i = 0; i < STEPS && rest.len && !arena->exhausted; i++) {
        struct lease_action action = {0};
        lease_next_action(&lease, now_ms, wall_ms, arena, &action);
        fuzz_expect(lease_write_budget_ms(&lease, now_ms) >= 0, "a budget below nothing");
        fuzz_expect(lease.state != LEASE_LEADING || has_written, "a leader that has written nothing");
        if (action.kind == LEASE_WAIT) {
            if (action.until_ms == INT64_MAX) break;
            fuzz_expect(action.until_ms > now_ms, "a wait that is over");
            wall_ms += action.until_ms - now_ms;
            now_ms = action.until_ms;
            continue;
        }
        expect_request(arena, &action);
        const struct kube_answer answer = {.kind = losses[(how >> (2 * (i % 4))) & 3], .message = STR("m")};
        has_written |= action.kind != LEASE_GET && answer.kind == KUBE_OK;
        lease_answer(&lease, &answer, fuzz_section(&rest), now_ms);
        if (how == 0x80 && i == 6) lease_give_up(&lease);
    }
    lease_release(&lease);
}

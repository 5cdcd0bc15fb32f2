#include "cli/check.h"

#include "booster/validate.h"
#include "cli/report.h"

bool check_input(struct arena *arena, struct input *input, struct check_counts *out) {
    struct check_counts counts = {0};
    for (struct manifest *manifest = input->first; manifest; manifest = manifest->next) {
        struct findings *findings = &manifest->findings;
        findings_init(findings, arena);
        if (booster_read(arena, manifest->object, &manifest->booster, findings)) {
            booster_validate_unknown_fields(&manifest->booster, findings);
            booster_validate(&manifest->booster, findings);
        }
        if (arena->exhausted) {
            report_exhausted(arena);
            return false;
        }
        counts.errors += findings->error_count;
        counts.warnings += findings->count - findings->error_count;
    }
    *out = counts;
    return true;
}

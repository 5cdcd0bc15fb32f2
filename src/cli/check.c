#include "cli/check.h"

#include "booster/validate.h"
#include "cli/report.h"

/* What the ModelBoosters of the input do to each other. */
static void check_together(struct arena *arena, const struct input *input) {
    struct validated *boosters = arena_array(arena, input->count + 1, sizeof *boosters);
    size_t count = 0;
    if (!boosters) return;
    for (struct manifest *manifest = input->first; manifest; manifest = manifest->next) {
        struct str place = arena_printf(arena, "%s:%u", manifest->source.file, input_line(manifest, NULL));
        boosters[count++] = (struct validated){&manifest->booster, &manifest->findings, place};
    }
    boosters_validate_together(arena, boosters, count);
}

bool check_input(struct arena *arena, struct input *input, struct check_counts *out) {
    struct check_counts counts = {0};
    for (struct manifest *manifest = input->first; manifest; manifest = manifest->next) {
        struct findings *findings = &manifest->findings;
        findings_init(findings, arena);
        if (booster_read(arena, manifest->source.object, &manifest->booster, findings)) {
            booster_validate_manifest(&manifest->booster, findings);
            booster_validate(&manifest->booster, findings);
        }
        if (arena->exhausted) break;
    }
    if (!arena->exhausted) check_together(arena, input);
    if (arena->exhausted) {
        report_exhausted(arena);
        return false;
    }
    for (const struct manifest *manifest = input->first; manifest; manifest = manifest->next) {
        counts.errors += manifest->findings.error_count;
        counts.warnings += manifest->findings.count - manifest->findings.error_count;
    }
    *out = counts;
    return true;
}

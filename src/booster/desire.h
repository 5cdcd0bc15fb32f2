/*
 * What a ModelBooster's children should be, given those that live: joins generate (from the ModelBooster alone) with what
 * existing ModelServings prescribe. Our own change never restarts a model (SPEC section 5): while what the user wrote for a
 * backend is unchanged, a ModelServing is rendered with the images it was rendered with, and left as it is when another version
 * of the generator made it.
 */
#ifndef MB_BOOSTER_DESIRE_H
#define MB_BOOSTER_DESIRE_H

#include "booster/observed.h"

struct desire_note {
    bool is_outdated; /* other images or another generator would render it differently now */
    bool is_frozen;   /* made by another generator: only replicas and ownership are kept up */
};

struct desire {
    struct children children;
    struct desire_note *notes; /* one a child */
};

struct desire_settings {
    struct generate_settings generate;
    bool may_upgrade; /* bring outdated ModelServings up to date now */
};

/*
 * `servings` has one entry a backend, NULL where no ModelServing of that name lives or it is not ours. `booster` must be valid.
 * `observed_generation` is the ModelBooster's status.observedGeneration (0: none). False when the arena is exhausted.
 */
bool desire_children(struct arena *arena, const struct booster *booster, int64_t observed_generation,
                     const struct desire_settings *settings, const struct observed *const *servings, struct desire *out);

#endif

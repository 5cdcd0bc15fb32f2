/*
 * How far a ModelBooster has come, in numbers: what its conditions say, and how long its last edit has been taking.
 *
 * An edit begins with its commit and ends, for the first time, when the status says that its children are applied (observedGeneration),
 * and when it says Active for them. Of its commit we know the moment when a watch or a list told of the new generation, on the monotonic
 * clock. Where the object itself says that it was written more than PROGRESS_SKEW_MS before that (by managedFields, else
 * creationTimestamp: whole seconds of the server's clock), the edit began then: this process, or its watch, was away. An edit whose
 * children were there already when this process first heard of the object is not measured.
 */
#ifndef MB_CONTROLLER_PROGRESS_H
#define MB_CONTROLLER_PROGRESS_H

#include "controller/families.h"
#include "data/json.h"

enum { PROGRESS_SKEW_MS = 2000 };

struct progress {
    uint8_t statuses[CONDITION_COUNT], reasons[CONDITION_COUNT]; /* indices of families.h */
    int64_t observed_generation;                                 /* whose children are applied, says the status */
    int64_t generation;                                          /* of the edit; 0: none was seen */
    int64_t begun_ms;                                            /* monotonic */
    bool awaits_children, awaits_active;
};

/* Another object has come by the name, or the first. */
void progress_reset(struct progress *progress);
/* Reads the object's conditions and, when its generation is a new one, begins an edit. */
void progress_read(struct progress *progress, const yyjson_val *object, int64_t now_ms, int64_t wall_ms);
/* True once an edit: its children are applied, or it is Active. *out_ms: since its commit until `ended_ms`. */
bool progress_end_children(struct progress *progress, int64_t ended_ms, int64_t *out_ms);
bool progress_end_active(struct progress *progress, int64_t ended_ms, int64_t *out_ms);
/* This process begins to work: what is finished by now, another has done, and it is not measured. */
void progress_begin_work(struct progress *progress);
/* Nothing is under way: what changes a child now is somebody else. */
bool progress_is_settled(const struct progress *progress);

#endif

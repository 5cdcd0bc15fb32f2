/*
 * The rules between fields: SPEC sections 2 and 3, reference 13.1 and 13.3. Pure; adds to `findings` what it finds, in
 * document order. An object with no error among its findings can be generated from (generate/generate.h); the converse
 * holds too: the generator never fails on a valid object. Where the findings' arena is exhausted, rules are passed over: who calls
 * must look at arena->exhausted before trusting a clean result.
 */
#ifndef MB_BOOSTER_VALIDATE_H
#define MB_BOOSTER_VALIDATE_H

#include "booster/model.h"

void booster_validate(const struct booster *booster, struct findings *findings);
/* Of manifests alone: fields that no version of the ModelBooster has (rule MB002), and metadata that every API server refuses. What a
 * server has taken is pruned, and its metadata is the server's to judge: a newer one may take more. */
void booster_validate_manifest(const struct booster *booster, struct findings *findings);

/* One ModelBooster of an input that holds several. */
struct validated {
    const struct booster *booster;
    struct findings *findings;
    struct str place; /* as a message names it, such as "a.yaml:14" */
};
/*
 * The rules between ModelBoosters of one input (validate_together.c): none is there twice, and no two of a namespace make a child of one
 * kind and name. What is found is added to the later one's findings.
 */
void boosters_validate_together(struct arena *arena, const struct validated *boosters, size_t count);

#endif

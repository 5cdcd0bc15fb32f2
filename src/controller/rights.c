#include "controller/rights.h"

#include "booster/names.h"
#include "controller/settings.h"

#define CHILD_VERBS "get list watch create patch delete"

const struct right rights[] = {
    {RIGHT_WHERE_MODELS_ARE, RIGHT_ALWAYS, GROUP_WORKLOAD, PLURAL_BOOSTER, NULL, "get list watch", "no ModelBooster is seen"},
    {RIGHT_WHERE_MODELS_ARE, RIGHT_ALWAYS, GROUP_WORKLOAD, PLURAL_BOOSTER "/status", NULL, "patch", "conditions cannot be written"},
    {RIGHT_WHERE_MODELS_ARE, RIGHT_ALWAYS, GROUP_WORKLOAD, PLURAL_BOOSTER "/finalizers", NULL, "update",
     "clusters that check owners refuse every child"},
#define CHILD_RIGHT(id, kind, plural, group)                                                                                               \
    {RIGHT_WHERE_MODELS_ARE, RIGHT_ALWAYS, group, plural, NULL, CHILD_VERBS, "no " kind " is kept"},
    CHILD_KINDS(CHILD_RIGHT)
#undef CHILD_RIGHT
        {RIGHT_WHERE_MODELS_ARE, RIGHT_ALWAYS, "", "events", NULL, "create patch", "people are not told what happens"},
    {RIGHT_AT_HOME, RIGHT_FOR_CONFIG_MAP, "", "configmaps", CONFIG_MAP_NAME, "list watch", "the images are those built in"},
    {RIGHT_AT_HOME, RIGHT_FOR_ELECTION, "coordination.k8s.io", "leases", NULL, "create", "nobody leads, and no work is done"},
    {RIGHT_AT_HOME, RIGHT_FOR_ELECTION, "coordination.k8s.io", "leases", "model-booster", "get patch", "nobody leads, and no work is done"},
};
const size_t rights_count = sizeof rights / sizeof *rights;

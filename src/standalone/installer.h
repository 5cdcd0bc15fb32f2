/*
 * Brings the definitions into the server, before anybody needs them: those that are not there are created, those that an older
 * model-booster has put there are brought up to date, and those of somebody else (Kthena's, say) are left alone. Then waits until their
 * kinds are served.
 */
#ifndef MB_STANDALONE_INSTALLER_H
#define MB_STANDALONE_INSTALLER_H

#include "controller/client.h"

struct installer;
/* `error` NULL: all is served. */
typedef void installer_done_fn(void *owner, const struct error *error);

/*
 * `definitions` are YAML texts of one CustomResourceDefinition each, and outlive the installer. `done` is called once, from the loop.
 * NULL when memory is out.
 */
struct installer *installer_new(struct loop *loop, struct client *client, const struct str *definitions, size_t count,
                                installer_done_fn *done, void *owner);
/* At any time but from within `done`. NULL is allowed. */
void installer_free(struct installer *installer);

#endif

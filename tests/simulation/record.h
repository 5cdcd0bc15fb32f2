/*
 * A history as lines of JSON, for tests/simulation/replay.py: what was asked of the model server, and what it answered.
 *
 *   {"method", "target", "type", "body", "status", "answer"}                 a request; body and answer as text
 *   {"change", "kind", "namespace", "name", "uid", "version", "generation"}  what a watch from the beginning would tell
 */
#ifndef MB_TESTS_SIMULATION_RECORD_H
#define MB_TESTS_SIMULATION_RECORD_H

#include <stdio.h>

#include "model_server.h"

void record_request(const struct model_request *request, const struct model_answer *answer, FILE *out);
void record_change(const struct model_change *change, FILE *out);

#endif

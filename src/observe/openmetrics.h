/*
 * Metrics as text, in the two forms that Prometheus and its kin read: OpenMetrics 1.0 and Prometheus' own 0.0.4. They differ in a counter's
 * name in the lines about it, in the type of an info, and in the `# EOF` at the end.
 */
#ifndef MB_OBSERVE_OPENMETRICS_H
#define MB_OBSERVE_OPENMETRICS_H

#include "base/strbuf.h"
#include "observe/metrics.h"

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

/* Which of the two an Accept header prefers; Prometheus' own where it says nothing of either. */
enum metrics_format openmetrics_negotiate(struct str accept);
/* For the Content-Type header. */
struct str openmetrics_content_type(enum metrics_format format);
void openmetrics_write(struct strbuf *out, const struct metrics *metrics, enum metrics_format format);

#endif

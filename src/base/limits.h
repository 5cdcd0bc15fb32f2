/*
 * Every maximum in one place, each with its reason. Reaching one is an answer (an error, a refused
 * request, a dropped watcher), never growth without end.
 */
#ifndef MB_BASE_LIMITS_H
#define MB_BASE_LIMITS_H

enum {
    /* yyjson and libyaml recurse or go quadratic on deep nesting; Kubernetes objects stay under 60. */
    LIMIT_DOCUMENT_DEPTH = 200,
    /* Nodes of one YAML stream after aliases are expanded: what stops an alias bomb. */
    LIMIT_YAML_NODES = 1000000,
    /* Operations of one JSON Patch: the API server's own limit. */
    LIMIT_PATCH_OPERATIONS = 10000,
    /* Values that one step of a JSONPath may find: `..` and unions multiply; a column takes the first. */
    LIMIT_JSONPATH_VALUES = 100000,
    /* One input file or one manifest stream. etcd refuses objects over 1.5 MiB; a stream holds many. */
    LIMIT_FILE_BYTES = 64 * 1024 * 1024,
    /* All input files of one command, read and checked: a file at its limit, or some 20,000 ModelBoosters. */
    LIMIT_INPUT_ARENA_BYTES = 1024 * 1024 * 1024,
    /* What one command prints, built whole before it is written: the children of some 20,000 ModelBoosters. */
    LIMIT_OUTPUT_BYTES = 512 * 1024 * 1024,
    /* One answer of an API server: a list page of 500 large objects stays below. */
    LIMIT_BODY_BYTES = 64 * 1024 * 1024,
    /* One page of a list that is followed; where it is longer, pages of half as many objects are asked for. Six kinds at once stay below
     * 100 MiB. */
    LIMIT_LIST_PAGE_BYTES = 16 * 1024 * 1024,
    /* Pages of one list: two million objects. A server that goes on is not believed. */
    LIMIT_LIST_PAGES = 4000,
    /* What the controller keeps of the cluster: some 30,000 ModelBoosters of usual length with their children. More is left out, and
     * said. */
    LIMIT_STORE_BYTES = 192 * 1024 * 1024,
    /* One watch event: an object at etcd's limit, with room for JSON's escapes. */
    LIMIT_WATCH_LINE_BYTES = 8 * 1024 * 1024,
    /* One stored object: made of one request with its managed fields, or grown by patches; its watch event stays below a line's limit. */
    LIMIT_OBJECT_BYTES = 7 * 1024 * 1024,
    /* A request of the server: line and headers (a token and a client certificate's worth of them; Go's server takes 1 MiB) and its body
     * (kube-apiserver's own limit). */
    LIMIT_REQUEST_HEAD_BYTES = 64 * 1024,
    LIMIT_REQUEST_HEADERS = 256,
    LIMIT_REQUEST_BODY_BYTES = 3 * 1024 * 1024,
    /* A chunk's size with its extension, or one trailer. */
    LIMIT_CHUNK_LINE_BYTES = 4096,
    /* Bodies that have come in and are not answered, of all connections: 85 at the limit, or thousands of usual ones. */
    LIMIT_REQUEST_BODIES_BYTES = 256 * 1024 * 1024,
    /* How long a request's head, its whole body, and the next request may take to come; as long as that may a peer take nothing of an
     * answer. */
    LIMIT_REQUEST_HEAD_MS = 10 * 1000,
    LIMIT_REQUEST_BODY_MS = 60 * 1000,
    LIMIT_CONNECTION_IDLE_MS = 3 * 60 * 1000,
    LIMIT_ANSWER_STALL_MS = 60 * 1000,
    /* 1,000 watches over HTTP/1.1 and as many clients again, with room. */
    LIMIT_CONNECTIONS = 4096,
    /* What is written to one stream and not taken by the peer: a watcher that is further behind is dropped. In bytes, and in pieces of
     * some 16 bytes each, so that many small ones do not outgrow it. */
    LIMIT_STREAM_BYTES = 4 * 1024 * 1024,
    LIMIT_STREAM_PIECES = 32 * 1024,
    /* Working memory of one ModelBooster's reconcile; the largest object allowed needs about 30 MiB. */
    LIMIT_RECONCILE_ARENA_BYTES = 128 * 1024 * 1024,
    /* A message of struct error: one line for a person. */
    LIMIT_ERROR_MESSAGE_BYTES = 1024,
    LIMIT_ERROR_PATH_BYTES = 256,
    /* Condition messages: maxLength of metav1.Condition.message. */
    LIMIT_CONDITION_MESSAGE_BYTES = 32768,
    /* DNS-1035 labels: Kubernetes' limit for Services and pod host names. */
    LIMIT_NAME_BYTES = 63,
    /* ModelRoute's definition: rules, targets of a rule, adapters. */
    LIMIT_ROUTE_RULES = 16,
    LIMIT_ROUTE_TARGETS = 16,
    LIMIT_ROUTE_ADAPTERS = 10,
    /* ModelServer's definition: maxLength of spec.model. */
    LIMIT_SERVED_MODEL_NAME_BYTES = 256,
    /* Kthena's definition: backends' replicas in sum, workers of a backend. */
    LIMIT_REPLICAS = 1000000,
    LIMIT_WORKERS = 1000,
    /* Findings reported for one object; more would bury the reader. */
    LIMIT_FINDINGS = 200,
};

#endif

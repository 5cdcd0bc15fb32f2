#!/usr/bin/env python3
"""The layer check, checked: each breach planted into a copy of the tree must be found, and what only looks like one must not.

    selftest.py SOURCE_ROOT COMPILER
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import check

ROOT = pathlib.Path(sys.argv[1]).resolve()
COMPILER = sys.argv[2:] or ["cc"]

# name: (file under src, its text, the check that must find it, a part of what it must say)
SOURCE_PLANTS = {
    "base includes data": ("base/planted.c", '#include "data/json.h"\n', check.check_includes, "base must not include"),
    "data includes booster": ("data/planted.h", '#include "booster/names.h"\n', check.check_includes, "data must not include"),
    "kube includes booster": ("kube/planted.c", '#include "booster/names.h"\n', check.check_includes, "kube must not include"),
    "booster includes kube": ("booster/generate/planted.c", '#  include "kube/planted.h"\n', check.check_includes,
                              "booster must not include"),
    "booster includes io": ("booster/planted.c", '\n\n#include "io/planted.h"\n', check.check_includes, "planted.c:3: booster"),
    "io includes kube": ("io/planted.c", '#include "kube/planted.h"\n', check.check_includes, "io must not include"),
    "controller includes cli": ("controller/planted.c", '#include "cli/planted.h"\n', check.check_includes,
                                "controller must not include"),
    "an include beside the file": ("booster/planted.c", '#include "names.h"\n', check.check_includes, "no path from src"),
    "a wide line": ("base/planted.c", "int a;\n/* " + "x" * 140 + " */\n", check.check_widths, "planted.c:2: 146 columns"),
    "a new folder": ("common/planted.c", "\n", check.check_folders, "no layer of that name"),
    "a file name that says nothing": ("base/string_utils.c", "\n", check.check_names, "says nothing"),
    "strcpy": ("cli/planted.c", "void f(char *a)\n{\n    strcpy (a, \"b\");\n}\n", check.check_calls, "planted.c:3: strcpy is banned"),
    "atoi": ("data/planted.c", "int f(const char *a) { return atoi(a); }\n", check.check_calls, "atoi is banned"),
    "alloca": ("kube/planted.c", "void *f(void) { return alloca(3); }\n", check.check_calls, "alloca is banned"),
}

# Text that only looks like a breach.
SOURCE_INNOCENTS = {
    "a banned name in a comment": ("base/planted.c", "/* strcpy(a, b)\n is banned */\n// atoi(1)\n", check.check_calls),
    "a banned name in a string": ("base/planted.c", 'const char *f = "\\"strcpy(a, b)";\n', check.check_calls),
    "a longer name": ("base/planted.c", "void my_strcpy(char *);\nvoid strcpy_all(void);\n", check.check_calls),
    "an allowed include": ("kube/planted.c", '#include "data/json.h"\n', check.check_includes),
}

# name: (layer, C text, a part of what must be said); each alone reaches outside.
OBJECT_PLANTS = {
    "reads the clock": ("base", "#include <time.h>\nlong f(void) { return time(NULL); }", "uses time"),
    "reads a monotonic clock": ("kube", "#include <time.h>\nint f(struct timespec *t) { return clock_gettime(CLOCK_MONOTONIC, t); }",
                                "uses clock_gettime"),
    "reads the environment": ("booster", "#include <stdlib.h>\nchar *f(void) { return getenv(\"HOME\"); }", "uses getenv"),
    "draws a number": ("data", "#include <stdlib.h>\nlong f(void) { return random(); }", "uses random"),
    "asks the kernel for entropy": ("base", "#include <sys/random.h>\nlong f(void *p) { return getrandom(p, 8, 0); }", "uses getrandom"),
    "takes a lock": ("kube", "#include <pthread.h>\nint f(pthread_mutex_t *m) { return pthread_mutex_lock(m); }",
                     "uses pthread_mutex_lock"),
    "prints": ("booster", "#include <stdio.h>\nint f(void) { return puts(\"x\"); }", "uses puts"),
    "prints to standard error": ("data", "#include <stdio.h>\nint f(int a) { return fprintf(stderr, \"%d\", a); }", "uses "),
    "opens a file": ("data", "#include <fcntl.h>\nint f(void) { return open(\"/x\", 0); }", "uses open"),
    "opens a file through a library": ("data", "extern void *yyjson_read_file(const char *);\nvoid *f(void) { return yyjson_read_file(\"x\"); }",
                                       "uses yyjson_read_file"),
    "looks a name up": ("kube", "#include <netdb.h>\nint f(struct addrinfo **a) { return getaddrinfo(\"x\", 0, 0, a); }",
                        "uses getaddrinfo"),
    "kube calls booster without its header": ("kube", "extern int child_kind_name(int);\nint f(void) { return child_kind_name(1); }",
                                              "uses child_kind_name of booster"),
}
DATA_PLANTS = {
    "a counter": ("base", "static int count;\nint f(void) { return ++count; }", "holds count"),
    "a filled table that can change": ("data", "int table[2] = {1, 2};", "holds table"),
    "a hidden buffer": ("booster", "char *f(int i) { static char buffer[8]; buffer[0] = (char)i; return buffer; }", "holds buffer"),
    "a thread's own": ("kube", "static _Thread_local int last;\nint f(void) { return ++last; }", "holds last"),
}
DATA_INNOCENTS = {
    "a constant table": ("base", "static const int t[] = {1, 2};\nconst int *f(int i) { return t + i; }"),
    "a constant table of texts": ("base", 'static const char *const t[] = {"a", "b"};\nconst char *f(int i) { return t[i]; }'),
}


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="layers-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def tree_with(self, name, text):
        """A copy of the headers and sources with one file more."""
        root = self.folder / self._testMethodName / name.replace("/", "_")
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(ROOT / "src", root / "src")
        (root / "tests").mkdir()
        for header in ("kube/planted.h", "io/planted.h", "cli/planted.h"):
            (root / "src" / header).parent.mkdir(exist_ok=True)
            (root / "src" / header).write_text("\n")
        planted = root / "src" / name
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_text(text)
        return root

    def object_of(self, layer, text):
        folder = self.folder / self._testMethodName / layer
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "planted.c").write_text(text)
        subprocess.run([*COMPILER, "-O1", "-fPIE", "-c", "planted.c", "-o", "planted.o"], cwd=folder, check=True)
        return folder / "planted.o"

    def test_sources(self):
        for name, (path, text, find, expected) in SOURCE_PLANTS.items():
            with self.subTest(name):
                found = set(find(self.tree_with(path, text))) - set(find(ROOT))
                self.assertTrue(len(found) == 1 and expected in "".join(found), found)

    def test_innocent_sources(self):
        for name, (path, text, find) in SOURCE_INNOCENTS.items():
            with self.subTest(name):
                self.assertEqual([breach for breach in find(self.tree_with(path, text)) if "planted" in breach], [])

    def test_objects(self):
        booster = self.object_of("booster", "const char *child_kind_name(int kind) { return kind ? \"a\" : \"b\"; }")
        for name, (layer, text, expected) in OBJECT_PLANTS.items():
            with self.subTest(name):
                by_layer = {"booster": [booster]}
                planted = self.object_of("planted-" + layer, text)
                by_layer.setdefault(layer, []).append(planted)
                found = list(check.check_symbols(by_layer))
                self.assertTrue(any(expected in breach for breach in found), found)
                self.assertTrue(all(breach.startswith(layer + ": planted.o") for breach in found), found)

    def test_data(self):
        for name, (layer, text, expected) in DATA_PLANTS.items():
            with self.subTest(name):
                found = list(check.check_data({layer: [self.object_of(layer, text)]}))
                self.assertTrue(len(found) == 1 and expected in found[0], found)

    def test_innocent_data(self):
        for name, (layer, text) in DATA_INNOCENTS.items():
            with self.subTest(name):
                by_layer = {layer: [self.object_of(layer, text)]}
                self.assertEqual(list(check.check_data(by_layer)) + list(check.check_symbols(by_layer)), [])

    def test_a_layer_without_objects_is_a_breach(self):
        self.assertEqual(len(list(check.check_symbols({"base": []}))), 1)


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2).result
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)

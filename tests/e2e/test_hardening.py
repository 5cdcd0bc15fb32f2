#!/usr/bin/env python3
"""The program as it was built: what makes a mistake in it harder to use, read from the ELF file.

    MODEL_BOOSTER=build/main/model-booster tests/e2e/test_hardening.py
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MODEL_BOOSTER", str(ROOT / "build/main/model-booster"))
READELF = os.environ.get("READELF", "readelf")


def read(*arguments):
    return subprocess.run([READELF, "--wide", *arguments, PROGRAM], capture_output=True, text=True, check=True, timeout=60).stdout


class Program(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.header, cls.segments, cls.dynamic = read("--file-header"), read("--program-headers"), read("--dynamic")
        cls.symbols = read("--dyn-syms")
        cls.imported = set(re.findall(r" UND (\w+)", cls.symbols))
        cls.is_x86 = "X86-64" in cls.header

    def flags_of(self, segment):
        return re.findall(rf"^\s+{segment}\s+(?:0x\w+\s+){{5}}([RWE ]+?)\s+0x", self.segments, re.MULTILINE)

    def test_lies_at_an_address_that_changes(self):
        self.assertRegex(self.header, r"Type:\s+DYN")
        self.assertRegex(self.dynamic, r"\(FLAGS_1\).*\bPIE\b")

    def test_has_no_table_of_functions_that_can_be_written(self):
        self.assertTrue(self.flags_of("GNU_RELRO"))
        self.assertRegex(self.dynamic, r"\(FLAGS_1\).*\bNOW\b|BIND_NOW")

    def test_executes_nothing_on_the_stack(self):
        self.assertEqual([flags.replace(" ", "") for flags in self.flags_of("GNU_STACK")], ["RW"])

    def test_has_no_memory_both_written_and_executed(self):
        loads = [flags.replace(" ", "") for flags in self.flags_of("LOAD")]
        self.assertGreaterEqual(len(loads), 4, "code apart from data: -z separate-code")
        self.assertEqual([flags for flags in loads if "W" in flags and "E" in flags], [])
        self.assertEqual(loads.count("RE"), 1)

    def test_guards_the_stack(self):
        self.assertIn("__stack_chk_fail", self.imported)

    def test_checks_the_bounds_of_library_calls(self):
        checked = {name for name in self.imported if name.endswith("_chk")}
        self.assertGreaterEqual(len(checked), 3, checked)
        self.assertLessEqual({"__snprintf_chk", "__fprintf_chk"}, checked)

    def test_marks_where_jumps_may_end(self):
        if not self.is_x86:
            self.skipTest("endbr64 is x86's")
        code = pathlib.Path(PROGRAM).read_bytes().count(b"\xf3\x0f\x1e\xfa")
        functions = len(re.findall(r"\bFUNC\b", read("--symbols")))
        self.assertGreater(code, functions // 4, f"{code} marks, {functions} functions")

    def test_looks_for_libraries_nowhere_else(self):
        self.assertNotRegex(self.dynamic, r"\((RPATH|RUNPATH|TEXTREL)\)")


class Image(unittest.TestCase):
    """The image of the controller holds every library that the program needs."""

    PACKAGES = {"libc": "", "libm": "", "libcrypto": "libssl3t64", "libssl": "libssl3t64", "libcurl": "libcurl4t64", "libyaml-0": "libyaml-0-2",
                "libevent_core-2.1": "libevent-core-2.1-7t64", "libyyjson": "libyyjson0", "libsqlite3": "libsqlite3-0", "libz": "zlib1g",
                "libpcre2-8": "libpcre2-8-0", "libseccomp": "libseccomp2"}

    def test_has_the_libraries(self):
        last_stage = (ROOT / "deploy/image/Containerfile").read_text().rsplit("FROM ", 1)[1].split()
        needed = re.findall(r"\(NEEDED\).*\[(.+)\.so", read("--dynamic"))
        self.assertIn("libcurl", needed)
        self.assertEqual([name for name in needed if self.PACKAGES[name] and self.PACKAGES[name] not in last_stage], [])


class Build(unittest.TestCase):
    """What leaves no trace in the file is read from the commands that built it."""

    def test_zeroes_what_is_not_set(self):
        commands = pathlib.Path(PROGRAM).parent / "compile_commands.json"
        lines = [line for line in commands.read_text().splitlines() if '"command"' in line and "/src/" in line]
        self.assertTrue(lines)
        for flag in ("-ftrivial-auto-var-init=zero", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3|-D_FORTIFY_SOURCE=2"):
            self.assertEqual([line for line in lines if not re.search(flag, line)], [], flag)


class Document(unittest.TestCase):
    """docs/security.md names tests that there are."""

    def test_names_tests_that_there_are(self):
        rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("|") and line.count("|") == 5]
        named = {name for row in rows[2:] for name in re.findall(r"`(\w+_\w+)`", row.split("|")[4])}
        self.assertGreater(len(named), 60)
        sources = "".join(path.read_text() for folder in ("unit", "e2e", "hostile") for path in (ROOT / "tests" / folder).glob("*.[cp]*"))
        there = set(re.findall(r"(?:static void|def) (\w+)\(", sources))
        self.assertEqual(named - there, set())


if __name__ == "__main__":
    program = unittest.main(verbosity=1, exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)

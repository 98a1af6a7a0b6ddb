"""The official JavaScript clients: every test of node/*.test.mjs is one here. Each file runs once."""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

SOURCES = sorted((pathlib.Path(__file__).parent / "node").glob("*.test.mjs"))
INSTALLED = pathlib.Path(os.environ.get("FUNCTIONAL_NODE", "build/functional-node"))
CASES = [(file.name, name) for file in SOURCES for name in re.findall(r'^test\("([^"]+)"', file.read_text(), re.M)]


@functools.cache
def results(file, url):
    """{test: None, or its failure}"""
    run = subprocess.run(["node", "--test", "--test-reporter=junit", file], cwd=INSTALLED, env=dict(os.environ, HEARTH_URL=url),
                         capture_output=True, text=True, timeout=300)
    out = {}
    for case in ElementTree.fromstring(run.stdout).iter("testcase"):
        failure = case.find("failure")
        out[case.get("name")] = None if failure is None else f"{failure.get('message')}\n{failure.text}"
    return out


@pytest.mark.skipif(not shutil.which("node"), reason="node is not here")
@pytest.mark.parametrize("file, name", CASES, ids=[f"{f.removesuffix('.test.mjs')}: {n}" for f, n in CASES])
def test_node(server, file, name):
    if not (INSTALLED / "node_modules").exists():
        pytest.skip("the JavaScript clients are not installed: run scripts/functional")
    found = results(file, server.url)
    assert name in found, f"{file} did not get to this test: {found}"
    assert found[name] is None, found[name]

"""Plugins that are broken on purpose, each in one way: the conformance kit has to catch every one of them.

Each class says in `breaks` which checks must fail; its others must pass. `tests/testing/test_conformance.py` runs them.
"""

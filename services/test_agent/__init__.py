"""A cluster under the tests of another project: its administrator, put back afterwards.

The fixtures of `phone_emulator.pytest_plugin` use it in their own process for the lab
that they start, and through `tokenless test-agent` on the nodes of other clusters.
"""

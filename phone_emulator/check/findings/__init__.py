"""Findings about what was observed: the catalogue, and a module for each subject.

`replay` boots phones on an observation; the decisions are SECD's own.
"""

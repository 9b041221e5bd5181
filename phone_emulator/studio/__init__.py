"""Rehearsals in a browser: from the lists of a cluster to the page of a change board.

A study is a cluster as understood, a change, its plan and what came of playing it. It
is kept as files in the studio's folder; every rehearsal is played by a process of its
own. Sessions, forms and headers are those of `services.console`.
"""

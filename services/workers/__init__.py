"""Several processes that serve one port as one.

The daemon's process runs trio and threads, so it must not fork. `supervisor.Workers`
starts `pool`, a process of its own that runs neither; the pool makes a `job.Job` (what
is to be done) once, and forks the workers from it. `frames` is what they tell each
other. Counts do not pass through frames: each worker has a row of shared memory
(`services.counters`).
"""

"""Bad input in masses: ``python -m tests.fuzz --cases 20000 --seed 1`` prints what became of it.

A *target* is a door of the library that a user's file goes through. A *case* is a text or a number drawn by
Hypothesis; ``prepare`` makes files of it in a folder, ``act`` gives them to the library. Allowed is an answer or an
InputError of one sentence, within bounds of time and memory, with nothing touched outside the folder.
"""

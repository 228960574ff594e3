"""Kernels in Triton for what a GPU spends most of a step on, beside matrix products.

Each fuses what torch would do in several passes over memory, for all students at once. They compute
what the modules of the same purpose in `nerdistill.train` compute with torch, which is what runs on
a CPU, and on a GPU where Triton cannot compile.
"""

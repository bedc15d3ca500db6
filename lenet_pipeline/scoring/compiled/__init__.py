"""The forward pass as machine code for this processor, with one image in each lane of a vector.

A convolution library divides the work for one image among the lanes. Small maps cannot fill them, and the
division depends on the batch. With one image per lane, all lanes are always busy. Each image also goes
through the same sequence of IEEE operations, so the results are bit-identical in any batch, order or shard,
with any number of threads, and on any processor. This is 6 to 15 times as fast as PyTorch
(``python -m benchmarks.scoring``).

``plan`` describes the computation and ``lanes`` the vector operations. ``pixels``, ``layers`` and ``outputs``
write the code of each step. ``program`` compiles it with LLVM, through llvmlite; no other compiler is needed.
"""

"""The forward pass as machine code, made for this processor: every lane of a vector is an image.

A convolution library splits one image's work among the lanes, which thin maps cannot fill, and in a way
that depends on the batch. With an image a lane, all lanes are always busy, and what happens to an image
is the same sequence of IEEE operations whatever lies beside it: the same bits in any batch, order or
shard, on any number of threads, and on any processor. Six to fifteen times as fast as PyTorch's own
(``python -m benchmarks.scoring``).

``plan`` says what is computed, ``lanes`` how a vector is, ``layers`` and ``answers`` how each layer is,
``program`` makes it machine code. LLVM, through llvmlite, is the compiler; it needs no other.
"""
